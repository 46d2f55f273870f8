"""The decision problem, as frozen values: the rows to decide, and their label.

Belongs here: the spine, the label. Does not belong here: where data are read from (`sources.py`), thresholds
(`policies/model.py`), the product that holds them (`product.py`), the rule of a label over tables
(`assets.training.rows.labels`).
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal, get_args

from assets.product.policies.model import ProductError
from assets.vocabulary import Predicate, predicates

LabelKind = Literal["event", "absence", "outcome", "column"]


@dataclass(frozen=True)
class Spine:
    """The rows to be decided: the valid rows of a source, or with `where` some of them.

    `Spine("orders", row_id="order_id").where(channel="web", amount=at_least(100))` decides the rows that meet every
    condition, written as for events. The service answers every request: who calls it sends the rows to decide.

    Attributes:
        source: The source whose valid rows are the spine.
        row_id: Column that identifies a row; unique over all time.
        as_of: Column with the time of the request.
        passthrough: Columns kept beside the features, never given to a model (protected attributes, amounts at stake).
        sequence: Integer column that orders events of the same microsecond; `None` where ties do not matter.
        after: How long after the request the decision is made: nothing that becomes known later than that may be used,
            and a row belongs to the day of its decision. Rows of a history's last days whose decision would come after
            its end are not decided.
        filters: The conditions of `where`.
    """

    source: str
    row_id: str
    as_of: str = "event_time"
    passthrough: tuple[str, ...] = ()
    sequence: str | None = None
    after: timedelta = field(default=timedelta(0), kw_only=True)
    filters: tuple[Predicate, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if self.after < timedelta(0):
            raise ProductError(f"spine: after={self.after!r} is before the request; write a positive time")

    def where(self, **conditions: object) -> "Spine":
        """The rows that meet every condition: `column=value`, `column=(values...)`, `column=at_least(x)`."""
        return replace(self, filters=(*self.filters, *predicates(conditions)))

    @property
    def days_after(self) -> int:
        """The most days from the day of a request to the day of its decision."""
        return -(-self.after // timedelta(days=1))


@dataclass(frozen=True)
class Label:
    """The rule by which a row turned out good or bad.

    - `event`: a row is positive when the label source has an event for it within `horizon` of the decision whose
      `column` is at least `at_least`. A row without any event within the horizon is unobserved: neither good nor bad,
      and left out of training; an event before the decision or after the horizon says nothing.
    - `absence`: a row is positive when there is no such event within the horizon (a customer who buys nothing more).
      Every row is observed. Without `column` every event counts.
    - `outcome`: the label source says of each row how it turned out, and may correct it: the row is positive if the
      value known last is at least `at_least`. A row without a value is unobserved; a value whenever it comes is taken.
    - `column`: an outcome that is a column of the row itself. The source is the spine's; where the column is delivered
      later than the row, or corrected, declare a second source of it with an `outcome`.

    The label is mature `horizon + delay` after the decision. What becomes known later still counts: the outcome moves
    to the day on which it became known.

    Attributes:
        source: The source with the label events.
        row_id: The column of the label source that identifies the spine row.
        column: The column that is compared: a number, a boolean or, with `positive`, a text.
        at_least: The lowest value that makes the row positive (a boolean counts as 0 or 1).
        positive: The texts of `column` that make the row positive, in place of `at_least`; every other one does not.
        horizon: How long after the decision an event still counts; of an outcome, when it is settled.
        delay: How long after the horizon the last event may still arrive.
        meaning: The rule in one sentence, for people.
        kind: `event`, `absence`, `outcome` or `column`, as above.
        spine_column: The column of the spine with which `row_id` is compared, where the label source knows the entity
            and not the row (`row_id="customer_id", spine_column="customer_id"`): one of the entity keys or passthrough
            columns. By default the spine's row id.
        record_key: For events that the label source corrects, the column that identifies an event: of its revisions
            only the one known last counts, at its own event time. With corrections in the source's contract it is the
            contract's first key column. An outcome is revised without it.
    """

    source: str
    row_id: str
    column: str = ""
    at_least: float = 1.0
    horizon: timedelta = timedelta(0)
    delay: timedelta = timedelta(0)
    meaning: str = ""
    kind: LabelKind = field(default="event", kw_only=True)
    positive: tuple[str, ...] = field(default=(), kw_only=True)
    spine_column: str | None = field(default=None, kw_only=True)
    record_key: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.kind not in get_args(LabelKind):
            raise ProductError(f"label: kind={self.kind!r}; write one of {', '.join(get_args(LabelKind))}")
        if not self.meaning:
            raise ProductError("label: meaning= is empty; write the rule in one sentence")
        if not self.column and self.kind != "absence":
            raise ProductError(f"label: column= is empty; name the column that says how a row turned out ({self.kind})")
        if isinstance(self.positive, str) or (self.positive and not self.column):
            raise ProductError(
                f"label: positive={self.positive!r}; write the texts of column= that make a row positive, as ('yes',)"
            )
        if min(self.horizon, self.delay) < timedelta(0) or (self.kind == "absence" and not self.horizon):
            raise ProductError(
                f"label: horizon={self.horizon!r}, delay={self.delay!r}; write how long after the decision an event "
                "counts, and how much later it may arrive"
            )
        if self.settled and (self.record_key or self.spine_column):
            raise ProductError(
                f"label: an {self.kind} is of one row and revised as a whole; write neither record_key= nor "
                "spine_column=, or kind='event'"
            )

    @property
    def bar(self) -> str:
        """What a value must reach, in words."""
        return f"is {' or '.join(self.positive)}" if self.positive else f"reaches {self.at_least:g}"

    @property
    def settled(self) -> bool:
        """Whether the source states how a row turned out, where the other kinds look for events."""
        return self.kind in ("outcome", "column")

    @property
    def revised(self) -> bool:
        """Whether a later row of the label source may replace an earlier one."""
        return self.settled or self.record_key is not None

    @property
    def maturity(self) -> timedelta:
        """How long after the decision the label is final."""
        return self.horizon + self.delay
