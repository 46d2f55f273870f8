"""How long people may leave an alert, as a product declares it.

Belongs here: the policy as a frozen value, and the error of everything about alerts. Does not belong here: applying it
(`life.py`).
"""

from dataclasses import dataclass
from datetime import timedelta

from resources.errors import LooplineError


class AlertError(LooplineError):
    """An alert cannot be declared, kept, silenced or acknowledged; the message says why and what to do."""


@dataclass(frozen=True)
class AlertPolicy:
    """How long people may leave an alert.

    Attributes:
        repeat: The time between messages on an alert that nobody has acknowledged.
        escalate_after: An alert of severity `warning` or `error` that nobody has acknowledged for this long is
            escalated, once: it gets the next severity, and the owner `escalate_to`.
        escalate_to: The address of those who answer next; if empty, the owner stays.
    """

    repeat: timedelta = timedelta(days=1)
    escalate_after: timedelta = timedelta(hours=4)
    escalate_to: str = ""

    def __post_init__(self) -> None:
        for name in ("repeat", "escalate_after"):
            if getattr(self, name) <= timedelta(0):
                raise AlertError(
                    f"alerting: {name}={getattr(self, name)!r}; write a positive time, as timedelta(hours=4)"
                )
