"""A small product whose labels are corrected and come late, and whose referred decisions people review.

Belongs here: the product, the deliveries of its sources, and its assets made for some days. Does not belong here:
assertions. Everything is read from files: no service runs.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from assets.features.assets import features_asset
from assets.feedback.assets import decisions_asset, outcomes_asset
from assets.ingestion.assets import raw_asset
from assets.product import (
    DecisionPolicy,
    Files,
    GatePolicy,
    Label,
    ModelSpec,
    MonitoringPolicy,
    Partitions,
    PostedReviews,
    Product,
    Profit,
    Spine,
)
from assets.serving.decision import Decision
from assets.training.assets import training_set_asset
from assets.validation.assets import validated_asset
from assets.vocabulary import Events, FeatureSet, Number, days
from pipelines.connections import connections
from resources.environments import Environment
from resources.lake import Lake
from tests.support.models.decision_samples import another, write

START = date(2026, 1, 1)
MATURITY = timedelta(days=5)
_TIMES = ("event_time", "known_at")
_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "applications": {"application_id": "string", "customer_id": "string", "amount": "number"},
    "payments": {"payment_id": "string", "customer_id": "string", "amount": "number"},
    "defaults": {"application_id": "string", "defaulted": "integer"},
    "reviews": {"decision_id": "string", "outcome": "string", "by": "string", "reason": "string"},
}
_PAYMENTS = Events("payments", key="customer_id")
FEATURES = FeatureSet(
    owner="tests",
    request=(Number("amount", unit="EUR"),),
    history=(_PAYMENTS.count(days(30), name="payments_30d"), _PAYMENTS.sum("amount", days(30), name="paid_30d")),
)


class At:
    """A clock that stands."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def day(number: int) -> date:
    """The day of that number, counted from the product's start."""
    return START + timedelta(days=number)


def moment(number: int, hour: int = 12) -> datetime:
    """An hour of that day."""
    return datetime(START.year, START.month, START.day, hour, tzinfo=UTC) + timedelta(days=number)


def described(folder: Path, **changes: Any) -> Product:
    """The product, with its contracts written into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for source, columns in _COLUMNS.items():
        money = {"unit": "EUR", "resolution": 0.01}
        of = {
            name: {"type": kind, "description": name, **(money if name == "amount" else {})}
            for name, kind in columns.items()
        }
        of |= {name: {"type": "timestamp", "description": name} for name in _TIMES}
        contract = {
            "source": source, "description": source, "owner": "a@b.example", "key": [next(iter(columns))],
            "event_time": "event_time", "known_at": "known_at", "max_quarantined": 0.1, "columns": of,
            "corrections": source in ("defaults", "reviews"), "expectations": [],
        }  # fmt: skip
        (folder / f"{source}.yaml").write_text(yaml.safe_dump(contract))
    terms: dict[str, Any] = {
        "name": "loans", "title": "Loans", "question": "Will it default?", "owner": "a@b.example",
        "impact": "standard", "start": START, "contracts": folder,
        "sources": (
            *(Files(name, f"{name}/{{day}}.csv") for name in ("applications", "payments", "defaults")),
            PostedReviews("reviews"),
        ),
        "spine": Spine("applications", "application_id", passthrough=("customer_id",)),
        "label": Label(
            "defaults", "application_id", "defaulted", delay=MATURITY, kind="outcome", meaning="it defaulted"
        ),
        "features": FEATURES, "model": ModelSpec(train_days=None, test_days=5),
        "decision": DecisionPolicy("approve", "decline", Profit(good=0.1, bad=0.6), refer="review"),
        "gates": GatePolicy(min_auc=0.6), "monitoring": MonitoringPolicy(window_days=7, min_rows=5),
    }  # fmt: skip
    product = Product(**{**terms, **changes})
    product.check()
    return product


@dataclass(frozen=True)
class LabelledBank:
    """The product in an environment."""

    product: Product
    environment: Environment

    @property
    def lake(self) -> Lake:
        return Lake(self.environment.lake)

    def deliver(self, source: str, number: int, rows: Sequence[Mapping[str, object]]) -> None:
        """Writes the day's file of a source, which is empty without rows."""
        names = [*_COLUMNS[source], *_TIMES]
        path = Path(self.environment.landing) / source / f"{day(number)}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows({name: _text(row.get(name)) for name in names} for row in rows)

    def decide(self, *decisions: Mapping[str, object]) -> tuple[Decision, ...]:
        """Logs answered decisions, and shadows, of the product."""
        made = tuple(another(product=self.product.name, keys={}, **terms) for terms in decisions)
        write(self.environment.decision_log, *made)
        return made

    def review(self, decision: Decision, outcome: str, by: str, at: datetime) -> None:
        """Keeps a person's word as the service keeps it."""
        path = self.environment.posted / self.product.name / "reviews" / at.date().isoformat() / "a.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        times = dict.fromkeys(_TIMES, at.isoformat())
        row = {"decision_id": decision.id, "outcome": outcome, "by": by, "reason": "seen", **times}
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def make(self, first: int, last: int, *assets: dg.AssetsDefinition, now: datetime | None = None) -> None:
        """Materialises days: the given assets, or all from the sources to features and outcomes."""
        partitions, product = Partitions("day", START), self.product
        made = assets or (
            *(raw_asset(product, source, partitions) for source in product.sources),
            *(validated_asset(product, source, partitions) for source in product.sources),
            features_asset(product, partitions),
            decisions_asset(product, partitions),
            outcomes_asset(product, partitions),
        )
        tags = {
            "dagster/asset_partition_range_start": str(day(first)), "dagster/asset_partition_range_end": str(day(last)),
        }  # fmt: skip
        assert dg.materialize(made, resources=self._resources(now or moment(last + 1, 0)), tags=tags).success

    def train(self, now: datetime) -> dg.ExecuteInProcessResult:
        """Materialises the training set as of a moment."""
        return dg.materialize([training_set_asset(self.product)], resources=self._resources(now))

    def _resources(self, now: datetime) -> dict[str, Any]:
        return {**connections(self.product, self.environment), "clock": At(now)}


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
