"""Planned incidents at the bank.

Belongs here: an incident as a frozen value, its checks, and the days on which it is in force. Does not belong here: its
effect. The effects on a feed (outage, bad feed, schema change) are in `resources.sandbox.systems.delivery`; the effects
on people (drift, shock, fraud wave) are in the modules that generate their events.
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
# The default strength of each kind.
_STRENGTH: dict[IncidentKind, float] = {"drift": 0.4, "shock": 1.0, "fraud_wave": 8.0}
# The default number of days of each kind; None is unlimited.
_LENGTH: dict[IncidentKind, int | None] = {
    "drift": None,
    "outage": 1,
    "bad_feed": 1,
    "schema_change": None,
    "fraud_wave": 14,
    "shock": None,
}


class SandboxError(LooplineError):
    """The sandbox cannot fulfil a request; the message names the problem and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One planned incident.

    Attributes:
        kind: `drift`: incomes fall and spending rises; `outage`: a source delivers nothing on its days; `bad_feed`: a
            share of a source's rows is broken; `schema_change`: a column has another name; `fraud_wave`: more
            terminals and cards are compromised; `shock`: more loans go bad.
        day: The first UTC day; days before it are not changed.
        last_day: The last day. By default one day for `outage` and `bad_feed`, 14 for `fraud_wave`, else unlimited.
        source: The source that fails; only for `outage`, `bad_feed` and `schema_change`.
        share: `bad_feed`: the share of broken rows, 0 to 1.
        strength: `drift`: the share by which incomes fall, 0 to 0.9; spending and loans grow by half of it (default
            0.4). `shock`: added to the log-odds of default (default 1, about twice as many defaults). `fraud_wave`:
            additional compromises, as a multiple of the usual ones (default 8).
        column, renamed_to: `schema_change`: the column and its new name.

    Raises:
        SandboxError: The attributes contradict each other.
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
        """The last day in force; `None` is unlimited."""
        length = _LENGTH[self.kind]
        if self.last_day is not None or length is None:
            return self.last_day
        return self.day + timedelta(days=length - 1)

    @property
    def effect(self) -> float:
        """The strength, or the kind's default; 0 for a kind without a strength."""
        return _STRENGTH.get(self.kind, 0.0) if self.strength is None else self.strength

    def covers(self, day: date) -> bool:
        """Whether the incident is in force on a day."""
        return self.day <= day and (self.until is None or day <= self.until)


def of_kind(incidents: Iterable[Incident], kind: IncidentKind, source: str | None = None) -> tuple[Incident, ...]:
    """The incidents of a kind, and of a source if given, in their order."""
    return tuple(i for i in incidents if i.kind == kind and (source is None or i.source == source))
