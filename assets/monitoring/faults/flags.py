"""The fault of a flag, a column with two values: one of them comes far more often than ever.

Belongs here: comparing the share of the rarer value with those of the days before. Does not belong here: a flag with
one value alone (`presence.py`), numbers and categories of more values.

Half of the flags turned round, or a join that finds nothing and leaves them 0: a model that learns from such a day
learns the opposite of the world. A world that changes does not do so from one day to the next.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from assets.monitoring.faults.finding import Recognised
from assets.monitoring.faults.fingerprint import ColumnPrint
from assets.monitoring.faults.presence import ENOUGH, LEAST_SHARE, SURPRISE, relative_entropy

_TIMES, _MORE = 3.0, 0.1
"""The share is so many times as high as on any day before, and higher by so much: smaller rises are drift."""


def flag_fault(name: str, today: ColumnPrint, before: Sequence[ColumnPrint]) -> Recognised | None:
    """The fault in the shares of a flag's values, or `None`; arguments as `presence_fault`."""
    known = Counter[int | str]()
    for day in before:
        known.update(_counts(day))
    if len(known) != 2 or not today.present or not set(_counts(today)) <= set(known):
        return None
    rare = min(known, key=lambda value: (known[value], str(value)))
    judged = [_counts(day).get(rare, 0) / day.present for day in before if day.present >= ENOUGH]
    most = max([known[rare] / known.total(), *judged])
    share = _counts(today).get(rare, 0) / today.present
    if share < _TIMES * most or share - most < _MORE:
        return None
    if today.present * relative_entropy(share, max(most, LEAST_SHARE)) < SURPRISE:
        return None
    return Recognised(name, "flag_moved", {"share": share, "usual": most, "rows": today.present})


def _counts(column: ColumnPrint) -> Mapping[int | str, int]:
    """How many rows have each value; the values of a flag lie in two cells, if they are numbers."""
    pairs: list[tuple[int | str, int]] = [*column.cells.items(), *column.values.items()]
    return dict(pairs)
