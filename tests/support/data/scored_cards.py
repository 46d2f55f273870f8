"""Cards with a champion that was evaluated on pinned rows, and its scores and labels of the days after.

Belongs here: the lake and the rollout store that hold them, and running assets over them. Does not belong here:
assertions.
"""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa

from assets.bundle.bundle import Bundle
from assets.bundle.released import champion_bundle
from assets.monitoring.scoring import scored_rows
from assets.product import Partitions
from pipelines.products import load_product
from resources.environments import Environment, load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore
from tests.support.models.champions import crown

PRODUCT = load_product("card_fraud")
FIRST = date(2026, 6, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(30)]
"""Ten days of the test window, and twenty after it."""
TESTED = {"first": "2026-06-01T00:00:00.000000Z", "end": "2026-06-11T00:00:00.000000Z"}
A_DAY = 300


def features(days: list[date], seed: int) -> pa.Table:
    """Rows like those on which the crowned model was fitted."""
    rng, rows = np.random.default_rng(seed), A_DAY * len(days)
    moments = [datetime.combine(day, time(12), UTC) for day in days for _ in range(A_DAY)]
    columns: dict[str, object] = {
        "transaction_id": np.arange(rows) + seed * 1_000_000,
        "card_id": rng.integers(0, 5000, rows).astype(str),
        "terminal_id": rng.integers(0, 5000, rows).astype(str),
        "as_of": pa.array(moments, pa.timestamp("us", tz="UTC")),
        "day": pa.array([moment.date() for moment in moments], pa.date32()),
    }
    columns |= {
        name: np.where(rng.random(rows) < 0.05, np.nan, rng.gamma(2.0, 50.0, rows))
        for name in PRODUCT.features.numeric
        if name not in PRODUCT.monitoring.slices
    }
    columns |= {name: rng.integers(0, 2, rows).astype(float) for name in PRODUCT.monitoring.slices}
    columns["amount"] = rng.gamma(2.0, 50.0, rows)
    return pa.table(columns)


class Bank:
    """A lake in which a champion has scored twenty days after those on which it was evaluated."""

    def __init__(self, folder: Path) -> None:
        self.environment: Environment = load_environment({"LOOPLINE_HOME": str(folder / "home")})
        self.lake = Lake(self.environment.lake)
        rows = features(DAYS, 1)
        self.lake.replace("card_fraud/features", rows, days=DAYS)
        crown(PRODUCT, self.environment, folder)  # a first one, whose scores say which rows turn out bad
        rng = np.random.default_rng(3)
        self.scores = scored_rows(self.bundle, rows, ["transaction_id", "as_of", "amount", "day"]).table
        label = pa.array((rng.random(rows.num_rows) < self.scores["score"].to_numpy()).astype(np.int8))
        tested = rows.append_column("label", label).drop_columns(["day"]).slice(0, 10 * A_DAY)
        commit = self.lake.replace("card_fraud/training_set", tested, days=None)
        before = {"first": "2026-05-01T00:00:00.000000Z", "end": "2026-05-25T00:00:00.000000Z"}
        pins = {"version": commit.version, "pins": {"card_fraud/features": self.lake.version("card_fraud/features")}}
        evaluated = {"pins": pins, "metrics": {"windows": {"train": before, "test": TESTED}}}
        crown(PRODUCT, self.environment, folder / "again", version="2", evaluated=evaluated)
        self.scores = scored_rows(self.bundle, rows, ["transaction_id", "as_of", "amount", "day"]).table
        self.lake.replace("card_fraud/scores", self.scores, days=DAYS)
        matured = self.scores.append_column("label", label).slice(10 * A_DAY, 13 * A_DAY)
        final = [day + timedelta(days=7) for day in matured["day"].to_pylist()]
        place = matured.column_names.index("day")
        self.lake.replace(
            "card_fraud/batch_outcomes", matured.set_column(place, "day", pa.array(final, pa.date32())), days=DAYS[17:]
        )
        known = pa.array([moment + timedelta(days=1) for moment in rows["as_of"].to_pylist()], rows["as_of"].type)
        events = pa.table(
            {
                "transaction_id": rows["transaction_id"], "is_fraud": label, "event_time": rows["as_of"],
                "known_at": known, "day": known.cast(pa.date32()),
            }
        )  # fmt: skip
        arrived = sorted(set(events["day"].to_pylist()))
        self.lake.replace("card_fraud/validated_fraud_labels", events, days=arrived)

    @property
    def rollout(self) -> RolloutStore:
        return RolloutStore.open(self.environment.rollout, self.environment.home / "fetched")

    @property
    def bundle(self) -> Bundle:
        found = champion_bundle("card_fraud", self.rollout, Keys.of(self.environment.home).signing)
        assert found is not None
        return found

    def make(self, *factories, day: date = DAYS[-1]) -> dg.ExecuteInProcessResult:  # type: ignore[no-untyped-def]
        assets = [factory(PRODUCT, Partitions("day", FIRST)) for factory in factories]
        resources = {"lake": self.lake, "rollout": self.rollout, "keys": Keys.of(self.environment.home)}
        return dg.materialize(assets, partition_key=day.isoformat(), resources=resources)
