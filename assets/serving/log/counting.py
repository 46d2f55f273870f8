"""How many decisions of a day were answered, and how many of them by a fallback, without reading them whole.

Belongs here: counting lines of the decision log. Does not belong here: reading decisions (`decision_log.py`).
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from assets.serving.log.decision_log import files_of, scan_day
from resources.durable_files import whole_lines

_SHADOW, _ANSWERED = b'"role":"shadow"', (b'"role":"champion"', b'"role":"challenger"')
_VOID, _COUNTS = b'"void":true', b'"void":false'
_FALLBACK, _NO_FALLBACK = b'"fallback":"', b'"fallback":null'


@dataclass(frozen=True)
class Counted:
    """Answered decisions, those of shadows and void ones left out, and how many of them a fallback decided."""

    answered: int = 0
    fallbacks: int = 0


def counted_day(folder: Path, product: str, day: date) -> Counted:
    """The counts of a UTC day of the decision log.

    A day is read whole where the bytes of a line do not tell: it is void, or a feature is named like a field.

    Raises:
        DecisionLogError: A line of such a day is no decision.
    """
    answered, fallbacks = 0, 0
    for path in files_of(folder, product, day):
        for line in whole_lines(path.read_bytes())[0]:
            is_shadow, is_fallback = _SHADOW in line, _FALLBACK in line
            is_told = is_shadow != any(role in line for role in _ANSWERED) and is_fallback != (_NO_FALLBACK in line)
            if not is_told or _VOID in line or _COUNTS not in line:
                return _read(folder, product, day)
            answered += not is_shadow
            fallbacks += is_fallback and not is_shadow
    return Counted(answered, fallbacks)


def _read(folder: Path, product: str, day: date) -> Counted:
    decisions = [one for one in scan_day(folder, product, day).decisions if not one.void and one.role != "shadow"]
    return Counted(len(decisions), sum(one.fallback is not None for one in decisions))
