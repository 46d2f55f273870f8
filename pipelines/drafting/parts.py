"""The parts of a draft, as frozen values.

Belongs here: a source, the features over its events, the product. Does not belong here: what is proposed (`draft.py`),
the text of the files (`render.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from assets.product import Partition
from assets.product.target import Objective
from pipelines.drafting.columns import ColumnFacts
from pipelines.drafting.roles import Roles
from pipelines.drafting.sample import Sample


@dataclass(frozen=True)
class SourceDraft:
    """One source of the draft.

    Attributes:
        sample: The sample that it is read like.
        columns: The columns of its contract, without the two times where the reader adds them.
        time, known_at: The columns of the two times; without `known_at` the reader adds both times.
        known_after: How long after its time a row becomes known, where no column says so.
        key: The columns that identify a row.
        corrected: Whether a later row of the same key corrects the earlier one.
    """

    name: str
    sample: Sample
    columns: tuple[ColumnFacts, ...]
    time: ColumnFacts | None
    known_at: ColumnFacts | None
    known_after: timedelta
    key: tuple[ColumnFacts, ...]
    corrected: bool = False


@dataclass(frozen=True)
class HistoryDraft:
    """Features over the events of a source: counts, means of numbers, the share of positive labels.

    Attributes:
        key: The name of the entity's column.
        numbers: Columns whose mean is proposed.
        label: The column whose share of positives is proposed; `None` in a source of other events.
        positive: The text of a positive label; empty where the label is a number.
        record_key: The column that identifies a record where later rows correct earlier ones.
    """

    source: str
    key: str
    windows: tuple[int, ...]
    numbers: tuple[ColumnFacts, ...]
    label: ColumnFacts | None = None
    positive: str = ""
    is_spine: bool = field(kw_only=True)
    record_key: str | None = None


@dataclass(frozen=True)
class AmountDraft:
    """What a sample says of its amounts.

    Attributes:
        objective: `gamma` where all are above zero, `tweedie` where many are zero and none is below, else
            `squared_error`.
        mean, large: Their mean, and the amount that a tenth of them reaches, in three digits.
    """

    objective: Objective
    mean: float
    large: float


@dataclass(frozen=True)
class Draft:
    """A product, ready to be written.

    Attributes:
        request: The columns of a request that a model takes, in the order of the sample.
        positive: As that of the history.
        label_delay: How long after the decision the label is final.
        positives: The share of positive labels in the sample, strictly between 0 and 1.
        train_days: So few that the longest window of the first training row is full; `None` where all rows are needed.
        partition: What one run makes whole: the longest time of a file.
        first, last: The first day of the sample's rows, and the last day of history; `last` is `None` where it goes on.
        example: A request, from the sample's last row.
        guessed: What was guessed, in words.
        amount: What the sample says of the label's amounts; `None` of a binary target.
    """

    name: str
    spine: SourceDraft
    labels: SourceDraft
    others: tuple[SourceDraft, ...]
    roles: Roles
    label: ColumnFacts
    positive: str
    request: tuple[ColumnFacts, ...]
    history: tuple[HistoryDraft, ...]
    label_delay: timedelta
    positives: float
    first: date
    last: date | None
    test_days: int
    train_days: int | None
    partition: Partition
    example: Mapping[str, object]
    guessed: tuple[str, ...]
    amount: AmountDraft | None = None

    @property
    def sources(self) -> tuple[SourceDraft, ...]:
        """Every source, the rows to decide first."""
        return (self.spine, self.labels, *self.others)
