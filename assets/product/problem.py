"""The decision problem, as frozen values: the rows to decide, and their label.

Belongs here: the spine, the label. Does not belong here: where data are read from (`sources.py`), thresholds
(`policies.py`), the product that holds them (`product.py`).
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Spine:
    """The rows to be decided.

    Attributes:
        source: The source whose valid rows are the spine.
        row_id: Column that identifies a row; unique over all time.
        as_of: Column with the time of the decision: nothing known later may be used.
        passthrough: Columns kept beside the features, never given to a model (protected attributes, amounts at stake).
        sequence: Integer column that orders events of the same microsecond; `None` where ties do not matter.
    """

    source: str
    row_id: str
    as_of: str = "event_time"
    passthrough: tuple[str, ...] = ()
    sequence: str | None = None


@dataclass(frozen=True)
class Label:
    """The rule by which a row turned out good or bad.

    A row is positive when the label source has an event for the row with `column` at least `at_least` and an event time
    within `horizon` of the decision. The label is mature `horizon + delay` after the decision. A row without any event
    in the label source is unobserved: neither good nor bad, and left out of training.

    Attributes:
        source: The source with the label events.
        row_id: The column of the label source that identifies the spine row.
        column: Numeric or boolean column that is compared.
        at_least: The lowest value that makes the row positive (a boolean counts as 0 or 1).
        horizon: How long after the decision an event still counts.
        delay: How long after the horizon the last event may still arrive.
        meaning: The rule in one sentence, for people.
    """

    source: str
    row_id: str
    column: str
    at_least: float
    horizon: timedelta
    delay: timedelta
    meaning: str

    @property
    def maturity(self) -> timedelta:
        """How long after the decision the label is final."""
        return self.horizon + self.delay
