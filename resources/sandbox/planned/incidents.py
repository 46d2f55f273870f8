"""The planned incidents of a game day as frozen values, with what ought to follow from each.

Belongs here: kinds, strengths, the time within which each must be noticed, right and wrong actions. Does not belong
here: when they happen (`dates.py`), what they do to the bank (`resources.sandbox.answering`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

from resources.sandbox.world.incidents import SandboxError

Kind = Literal[
    "covariate_drift", "concept_drift", "shock", "fraud_wave", "bad_feed", "late_feed", "schema_change", "label_delay",
    "unit_change", "outage", "bad_challenger", "unfair_challenger", "poisoned_feedback", "doubled_stream",
]  # fmt: skip
Action = Literal["retrain", "alert", "quarantine", "wait", "roll_back", "refuse", "reload"]
"""What a loop can do: train a model, tell people, set rows aside, wait for data and make the day later, take a
challenger out of serving, refuse a model before its rollout, load an online store whole that has lost its events."""
Dependency = Literal["landing", "database", "bureau", "stream", "decisions", "online_store", "tracking"]


@dataclass(frozen=True)
class Expectation:
    """What ought to follow from an incident.

    Attributes:
        within: Days from its first day within which it must be noticed.
        right: Actions of which one must follow.
        wrong: Actions that must not follow.
    """

    within: int
    right: tuple[Action, ...]
    wrong: tuple[Action, ...] = ()


# A fault of the data asks for people, never for a model; a change of the world asks for a model.
_DATA: tuple[Action, ...] = ("retrain", "roll_back")
EXPECTED: Mapping[Kind, Expectation] = {
    "covariate_drift": Expectation(42, ("retrain", "alert"), ("roll_back",)),
    "concept_drift": Expectation(35, ("retrain",), ("roll_back",)),
    "shock": Expectation(240, ("retrain", "alert"), ("roll_back",)),
    "fraud_wave": Expectation(21, ("retrain", "alert"), ("roll_back",)),
    "bad_feed": Expectation(2, ("alert", "quarantine"), _DATA),
    "late_feed": Expectation(3, ("alert", "wait"), _DATA),
    "schema_change": Expectation(2, ("alert",), _DATA),
    "label_delay": Expectation(21, ("alert",), _DATA),
    "unit_change": Expectation(7, ("alert", "quarantine"), _DATA),
    "outage": Expectation(2, ("alert", "wait", "reload"), _DATA),
    "bad_challenger": Expectation(14, ("roll_back", "refuse")),
    "unfair_challenger": Expectation(14, ("refuse",), ("roll_back",)),
    "poisoned_feedback": Expectation(28, ("alert",), _DATA),
    "doubled_stream": Expectation(2, ("alert", "quarantine"), _DATA),
}
# Days of credit's labels come half a year later than those of cards.
_CREDIT_OUTCOMES = 240
_ON_SOURCES: tuple[Kind, ...] = (
    "bad_feed", "late_feed", "schema_change", "label_delay", "unit_change", "poisoned_feedback", "doubled_stream",
)  # fmt: skip
OF_THE_WORLD: tuple[Kind, ...] = ("covariate_drift", "concept_drift", "shock", "fraud_wave")
"""Changes of the world, to which a new model is an answer; the others are faults."""


@dataclass(frozen=True, kw_only=True)
class PlannedIncident:
    """One planned incident.

    Attributes:
        day, last_day: Its UTC days, both included.
        product: The product that it concerns.
        source: The source whose rows it changes; empty for the others.
        dependency: Of an outage, what is down.
        strength: `covariate_drift`: the share by which incomes fall; `concept_drift` and `shock`: log-odds;
            `fraud_wave`: additional compromises as a multiple of the usual ones; `bad_feed` and `poisoned_feedback`:
            the share of rows; `late_feed` and `label_delay`: days; `unit_change`: the factor.
        column: `schema_change` and `unit_change`: the column.

    Raises:
        SandboxError: The attributes contradict each other.
    """

    kind: Kind
    day: date
    last_day: date
    product: str
    source: str = ""
    dependency: Dependency | None = None
    strength: float = 1.0
    column: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise SandboxError(f"planned incident {self.kind!r} is unknown; one of {get_args(Kind)}")
        if self.last_day < self.day:
            raise SandboxError(f"planned {self.kind}: last_day {self.last_day} is before day {self.day}")
        if (self.kind in _ON_SOURCES) != bool(self.source):
            raise SandboxError(
                f"planned {self.kind} on {self.day}: {'name' if not self.source else 'leave out'} source"
            )
        if (self.kind == "outage") != (self.dependency is not None):
            raise SandboxError(f"planned {self.kind} on {self.day}: a dependency is of an outage, which needs one")
        if (self.kind in ("schema_change", "unit_change")) != bool(self.column):
            raise SandboxError(f"planned {self.kind} on {self.day}: a column is of schema_change and unit_change")

    @property
    def expected(self) -> Expectation:
        """What ought to follow."""
        found = EXPECTED[self.kind]
        slow = self.product == "credit_risk" and self.kind == "concept_drift"
        return Expectation(_CREDIT_OUTCOMES, found.right, found.wrong) if slow else found

    @property
    def notice_by(self) -> date:
        """The last day on which it is noticed in time."""
        return self.day + timedelta(days=self.expected.within)

    @property
    def name(self) -> str:
        """What it is and where, for people."""
        where = self.source or self.dependency or self.product
        return f"{self.kind.replace('_', ' ')} ({where})"

    def covers(self, day: date) -> bool:
        """Whether it is in force on a day."""
        return self.day <= day <= self.last_day


def in_force(plan: Iterable[PlannedIncident], kind: Kind, day: date, source: str = "") -> tuple[PlannedIncident, ...]:
    """The incidents of a kind in force on a day; with a source, those of that source."""
    return tuple(one for one in plan if one.kind == kind and one.covers(day) and (not source or one.source == source))
