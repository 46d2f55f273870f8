"""What is planned to go wrong at the bank.

Belongs here: an incident as a frozen value, its checks, and when it is in force. Does not belong here: its effect. The
effects on a feed (outage, bad feed, schema change) are in `feeds.py`; those on people (drift, shock, fraud wave) are
where these people are made.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

from resources.errors import LooplineError

IncidentKind = Literal["drift", "outage", "bad_feed", "schema_change", "fraud_wave", "shock"]
FEED_SOURCES = (
    "applications",
    "consents",
    "transactions",
    "bureau_reports",
    "repayments",
    "card_transactions",
    "fraud_labels",
)
_TABLES = ("applications", "consents")
_FEED_KINDS = ("outage", "bad_feed", "schema_change")
_NUMBERLESS = ("consents",)
# How strong an incident is when nobody says.
_STRENGTH: dict[IncidentKind, float] = {"drift": 0.4, "shock": 1.0, "fraud_wave": 8.0}
# How many days an incident lasts when nobody says; None is for good.
_LENGTH: dict[IncidentKind, int | None] = {
    "drift": None,
    "outage": 1,
    "bad_feed": 1,
    "schema_change": None,
    "fraud_wave": 14,
    "shock": None,
}


class SandboxError(LooplineError):
    """The sandbox was asked for something that it cannot do; the message names it and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One thing that goes wrong.

    Attributes:
        kind: `drift` other people apply: incomes fall, spending rises; `outage` a source's days are absent; `bad_feed`
            a share of a source's rows is broken; `schema_change` a column has another name; `fraud_wave` more
            terminals and cards are compromised; `shock` more loans go bad.
        day: The first UTC day of it; days before are not touched.
        last_day: The last day of it. Without: one day for `outage` and `bad_feed`, 14 for `fraud_wave`, else for good.
        source: The source that fails; only for `outage`, `bad_feed` and `schema_change`.
        share: `bad_feed`: the share of broken rows, 0 to 1.
        strength: `drift`: the share by which incomes fall, 0 to 0.9; spending and loans grow by half of it (0.4).
            `shock`: what is added to the log-odds of default (1, about twice as many). `fraud_wave`: how many times
            the usual compromises come on top (8).
        column, renamed_to: `schema_change`: the column and its new name.

    Raises:
        SandboxError: The parts do not fit each other.
    """

    kind: IncidentKind
    day: date
    last_day: date | None = None
    source: str | None = None
    share: float = 0.5
    strength: float | None = None
    column: str | None = None
    renamed_to: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(IncidentKind):
            raise SandboxError(f"incident kind {self.kind!r} is unknown; one of {get_args(IncidentKind)}")
        if self.last_day is not None and self.last_day < self.day:
            raise SandboxError(f"incident {self.kind}: last_day {self.last_day} is before day {self.day}")
        if (self.kind in _FEED_KINDS) != (self.source is not None):
            wanted = f"needs a source, one of {FEED_SOURCES}" if self.source is None else "takes no source"
            raise SandboxError(f"incident {self.kind} on {self.day} {wanted}")
        if self.source is not None and self.source not in FEED_SOURCES:
            raise SandboxError(f"incident {self.kind}: source {self.source!r} is unknown; one of {FEED_SOURCES}")
        if not 0 < self.share <= 1:
            raise SandboxError(f"incident {self.kind}: share {self.share} must be above 0 and at most 1")
        if self.strength is not None and (self.strength <= 0 or (self.kind == "drift" and self.strength > 0.9)):
            raise SandboxError(f"incident {self.kind}: strength {self.strength} must be above 0 (drift: at most 0.9)")
        self._check_source()

    def _check_source(self) -> None:
        if self.kind == "bad_feed" and self.source in _NUMBERLESS:
            raise SandboxError("incident bad_feed: consents have no number to break; choose another source")
        if self.kind != "schema_change":
            return
        if not self.column or not self.renamed_to:
            raise SandboxError(f"incident schema_change on {self.day} needs column and renamed_to")
        if self.source in _TABLES:
            raise SandboxError(
                f"incident schema_change: {self.source} is a database table, whose columns are the same for every day; "
                "choose a file, API or stream source"
            )
        if "known_at" in (self.column, self.renamed_to):
            raise SandboxError(
                "incident schema_change: known_at says which day a row belongs to; rename another column"
            )

    @property
    def until(self) -> date | None:
        """The last day in force; `None` is for good."""
        length = _LENGTH[self.kind]
        if self.last_day is not None or length is None:
            return self.last_day
        return self.day + timedelta(days=length - 1)

    @property
    def effect(self) -> float:
        """The strength, or what is usual for the kind; 0 for a kind that has none."""
        return _STRENGTH.get(self.kind, 0.0) if self.strength is None else self.strength

    def covers(self, day: date) -> bool:
        """Whether it is in force on that day."""
        return self.day <= day and (self.until is None or day <= self.until)


def of_kind(incidents: Iterable[Incident], kind: IncidentKind, source: str | None = None) -> tuple[Incident, ...]:
    """The incidents of one kind, of one source where it has one, in the order given."""
    return tuple(i for i in incidents if i.kind == kind and (source is None or i.source == source))
