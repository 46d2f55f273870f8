"""Changes of sources that people have accepted.

Belongs here: such a change as a value. Does not belong here: recognising changes (`assets.monitoring.faults`), the
policy that holds the accepted ones (`policies/model.py`).
"""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class AcceptedChange:
    """A change of a source that is to stay, as another unit or another name of a category: no data fault from then on.

    Attributes:
        column: The column, with its source: "card_transactions.amount".
        since: The first day of the change; only days from it on are compared with each other.
        reason: Why it is right, and who says so.
    """

    column: str
    since: date
    reason: str
