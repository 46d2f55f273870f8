"""When the incidents of a game day happen: an order and a distance, moved by the seed.

Belongs here: the incidents of each plan, and their dates. Does not belong here: what an incident is (`incidents.py`).

The integer that seeds a game day moves each date by some days. Whoever knows the code knows the order of the
incidents, and not their days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from resources.sandbox.planned.incidents import Dependency, Kind, PlannedIncident
from resources.sandbox.world.keyed import uniform

PlanName = Literal["none", "few", "month", "all"]
_CREDIT, _FRAUD = "credit_risk", "card_fraud"


@dataclass(frozen=True)
class _Slot:
    """An incident before it has a date: when it begins, as a share of the game day, and how many days it lasts."""

    at: float
    days: int
    kind: Kind
    product: str
    source: str = ""
    strength: float = 1.0
    column: str = ""
    dependency: Dependency | None = None


# In the order of time. Faults of one product lie apart, so that each can be told from the one before.
_ALL = (
    _Slot(0.04, 1, "bad_feed", _FRAUD, "card_transactions", 0.5),
    _Slot(0.06, 2, "late_feed", _CREDIT, "transactions", 2.0),
    _Slot(0.08, 1, "outage", _CREDIT, dependency="bureau"),
    _Slot(0.11, 30, "fraud_wave", _FRAUD, strength=8.0),
    _Slot(0.13, 1, "schema_change", _CREDIT, "transactions", column="category"),
    _Slot(0.18, 1, "doubled_stream", _CREDIT, "repayments"),
    _Slot(0.20, 1, "outage", _FRAUD, dependency="landing"),
    _Slot(0.22, 250, "covariate_drift", _CREDIT, strength=0.4),
    _Slot(0.26, 3, "unit_change", _FRAUD, "card_transactions", 100.0, "amount"),
    _Slot(0.30, 1, "outage", _FRAUD, dependency="decisions"),
    _Slot(0.33, 14, "label_delay", _FRAUD, "fraud_labels", 14.0),
    _Slot(0.38, 1, "outage", _CREDIT, dependency="database"),
    _Slot(0.40, 400, "concept_drift", _FRAUD, strength=1.0),
    _Slot(0.46, 10, "bad_challenger", _FRAUD),
    _Slot(0.50, 180, "shock", _CREDIT, strength=1.0),
    _Slot(0.54, 10, "unfair_challenger", _CREDIT),
    _Slot(0.58, 1, "outage", _CREDIT, dependency="stream"),
    _Slot(0.62, 14, "poisoned_feedback", _FRAUD, "fraud_labels", 0.3),
    _Slot(0.66, 250, "concept_drift", _CREDIT, strength=1.2),
    _Slot(0.70, 1, "outage", _FRAUD, dependency="online_store"),
    _Slot(0.78, 30, "fraud_wave", _FRAUD, strength=8.0),
    _Slot(0.84, 1, "outage", _FRAUD, dependency="tracking"),
)  # fmt: skip
_FEW = (
    _Slot(0.25, 1, "bad_feed", _FRAUD, "card_transactions", 0.5),
    _Slot(0.45, 2, "late_feed", _FRAUD, "card_transactions", 2.0),
    _Slot(0.70, 1, "outage", _FRAUD, dependency="decisions"),
)
_MONTH = (
    _Slot(0.10, 1, "bad_feed", _FRAUD, "card_transactions", 0.5),
    _Slot(0.17, 2, "late_feed", _CREDIT, "transactions", 2.0),
    _Slot(0.27, 1, "outage", _CREDIT, dependency="bureau"),
    _Slot(0.33, 2, "unit_change", _FRAUD, "card_transactions", 100.0, "amount"),
    _Slot(0.43, 1, "schema_change", _CREDIT, "transactions", column="category"),
    _Slot(0.50, 10, "bad_challenger", _FRAUD),
    _Slot(0.57, 3, "unfair_challenger", _CREDIT),
    _Slot(0.67, 1, "doubled_stream", _CREDIT, "repayments"),
    _Slot(0.77, 1, "outage", _FRAUD, dependency="decisions"),
)
_PLANS: dict[PlanName, tuple[_Slot, ...]] = {"none": (), "few": _FEW, "month": _MONTH, "all": _ALL}
# The seed moves a date by up to this share of the game day.
_MOVED = 0.012


def plan_of(
    name: PlanName, *, seed: int, first: date, last: date, products: tuple[str, ...]
) -> tuple[PlannedIncident, ...]:
    """The incidents of a plan of these products, from the first to the last day, in the order of time."""
    return tuple(sorted(_placed(name, seed, first, last, products), key=lambda one: one.day))


def _placed(name: PlanName, seed: int, first: date, last: date, products: tuple[str, ...]) -> Iterator[PlannedIncident]:
    days = (last - first).days + 1
    for number, slot in enumerate(_PLANS[name]):
        if slot.product not in products:
            continue
        share = slot.at + _MOVED * (2 * uniform(seed, "incident", number) - 1)
        day = first + timedelta(days=min(max(round(share * days), 1), days - 1))
        yield PlannedIncident(
            kind=slot.kind, day=day, last_day=min(day + timedelta(days=slot.days - 1), last), product=slot.product,
            source=slot.source, dependency=slot.dependency, strength=slot.strength, column=slot.column,
        )  # fmt: skip
