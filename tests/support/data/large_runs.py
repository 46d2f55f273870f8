"""The raw days and the features of `card_fraud`, and its assets run over them with and without Spark.

    python -m tests.support.data.large_runs HOME MASTER

Belongs here: what the tests of large runs share, in this process and on a cluster. Does not belong here: assertions.
"""

import json
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa

from assets.ingestion.landing import as_raw
from assets.monitoring.assets import scores_asset
from assets.product import Partitions
from assets.validation.assets import validated_asset
from pipelines.products import load_product
from resources.dagster.json_values import JsonValues
from resources.environments import load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.lake.delta import CONTENT
from resources.rollout_store.store import RolloutStore
from resources.sources.readers import DayRows
from resources.spark.sessions import SparkSessions
from resources.spark.tasks import mapped
from tests.support.models.champions import crown

PRODUCT = load_product("card_fraud")
SOURCE = PRODUCT.source("card_transactions")
FIRST = date(2026, 6, 1)
DAYS = (FIRST, FIRST + timedelta(days=1))
VALIDATED = validated_asset(PRODUCT, SOURCE, Partitions("day", FIRST))
SCORES = scores_asset(PRODUCT, Partitions("day", FIRST))


def fill(home: Path, rows: int) -> None:
    """A champion, and for each day so many raw transactions and as many rows of features."""
    environment, rng = load_environment({"LOOPLINE_HOME": str(home)}), np.random.default_rng(1)
    lake = Lake(environment.lake)
    contract, raw, features = PRODUCT.contract(SOURCE.name), [], []
    for number, day in enumerate(DAYS):
        ids = np.arange(rows) + number * rows
        text = {
            "transaction_id": [str(one) for one in ids],
            "card_id": [f"c{one % 50}" for one in ids],
            "terminal_id": [f"t{one % 20}" for one in ids],
            "event_time": [f"{day}T{one % 24:02}:00:00Z" for one in ids],
            "known_at": [f"{day}T23:00:00Z"] * rows,
            "amount": [f"{one % 900}.5" for one in ids],
        }
        text["transaction_id"][-1] = text["transaction_id"][0]
        raw.append(as_raw(contract, DayRows(day, pa.table(text), ())).table)
        features.append(_features(rng, ids, day))
    lake.replace("card_fraud/raw_card_transactions", pa.concat_tables(raw), days=DAYS)
    lake.replace("card_fraud/features", pa.concat_tables(features), days=DAYS)
    crown(PRODUCT, environment, home)


def _features(rng: np.random.Generator, ids: np.ndarray, day: date) -> pa.Table:
    declared, rows = PRODUCT.features, len(ids)
    columns: dict[str, Any] = {name: rng.gamma(2.0, 50.0, rows) for name in declared.numeric}
    columns |= {name: rng.choice(list(values) or ["a"], rows) for name, values in declared.categories.items()}
    for name in [*PRODUCT.spine.passthrough, PRODUCT.label.spine_column, PRODUCT.decision.profit.stake]:
        if name and name not in columns:
            columns[name] = [f"{name}{one}" for one in ids]
    moments = pa.array([f"{day}T10:00:00Z"] * rows).cast(pa.timestamp("us", tz="UTC"))
    columns |= {PRODUCT.spine.row_id: ids, "as_of": moments, "day": pa.array([day] * rows, pa.date32())}
    return pa.table(columns)


def run(home: Path, master: str, *, large_bytes: int) -> dict[str, str]:
    """Validates and scores the days in one run; the contents that its commits recorded, by table."""
    materialise(home, master, (VALIDATED, SCORES), DAYS, large_bytes=large_bytes)
    lake = Lake(load_environment({"LOOPLINE_HOME": str(home)}).lake)
    names = ("quarantine_card_transactions", "validated_card_transactions", "scores")
    return {name: lake.history(f"card_fraud/{name}", 1)[0][CONTENT] for name in names}


def materialise(
    home: Path, master: str, assets: Sequence[dg.AssetsDefinition], days: Sequence[date], *, large_bytes: int
) -> None:
    """Runs assets over consecutive days, in one run."""
    environment = load_environment({"LOOPLINE_HOME": str(home)})
    resources = {
        "lake": Lake(environment.lake),
        "keys": Keys.of(environment.home),
        "environment": environment,
        "io_manager": JsonValues(folder=str(home / "values")),
        "rollout": RolloutStore.open(environment.rollout, environment.home / "fetched"),
        "spark": SparkSessions(master, home, large_bytes=large_bytes),
    }
    tags = {
        "dagster/asset_partition_range_start": days[0].isoformat(),
        "dagster/asset_partition_range_end": days[-1].isoformat(),
    }
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize(list(assets), resources=resources, tags=tags, instance=instance).success


def main(home: Path, master: str) -> None:
    """Runs the days in Spark tasks and prints the contents, and where the tasks have their code from."""
    contents = run(home, master, large_bytes=1)
    sessions = SparkSessions(master, home)
    code = mapped(sessions.session(), _code, [pa.table({})], ())[0]["place"].to_pylist()
    sessions.stop()
    print(json.dumps({"contents": contents, "code": code[0]}))


def _code(number: int, given: pa.Table) -> pa.Table:
    from assets.validation import large_days

    return pa.table({"place": [large_days.__file__]})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
