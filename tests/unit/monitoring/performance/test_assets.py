"""The assets `batch_performance` and `performance` over outcomes of two models, in a run."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa

from assets.monitoring.performance.assets import batch_performance_asset
from assets.monitoring.signals import performance_cause
from assets.product import Partitions
from pipelines.products import load_product
from resources.environments import Environment, load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore
from tests.support.models.champions import crown

PRODUCT = load_product("card_fraud")
FIRST = date(2026, 6, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(4)]
A_DAY = 600


def outcomes(by_day: Sequence[tuple[date, str, bool]]) -> pa.Table:
    """Rows of days, each by the model of that version, which ranks them well or at random."""
    rng, tables = np.random.default_rng(4), []
    for day, version, ranks in by_day:
        label = (rng.random(A_DAY) < 0.1).astype(np.int8)
        score = rng.random(A_DAY) * 0.4 + (0.3 * label if ranks else 0.0)
        tables.append(
            pa.table(
                {
                    "transaction_id": pa.array(np.arange(A_DAY)),
                    "score": pa.array(score),
                    "label": pa.array(label),
                    "outcome": ["let_through"] * A_DAY,
                    "amount": [10.0] * A_DAY,
                    "model_version": [version] * A_DAY,
                    "day": pa.array([day] * A_DAY, pa.date32()),
                }
            )
        )
    return pa.concat_tables(tables)


def materialise(environment: Environment, lake: Lake, day: date) -> None:
    asset = batch_performance_asset(PRODUCT, Partitions("day", FIRST))
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    resources = {"lake": lake, "rollout": rollout, "keys": Keys.of(environment.home)}
    assert dg.materialize([asset], partition_key=day.isoformat(), resources=resources).success


def test_a_new_champion_is_not_judged_by_the_scores_of_its_predecessor(tmp_path: Path) -> None:
    """The predecessor's outcomes mature for months; they are its own figures, and ask for no retraining."""
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})
    lake = Lake(environment.lake)
    rows = outcomes([(DAYS[0], "1", False), (DAYS[1], "1", False), (DAYS[2], "1", False), (DAYS[3], "2", True)])
    lake.replace("card_fraud/batch_outcomes", rows, days=DAYS)
    crown(PRODUCT, environment, tmp_path, version="2")

    def cause(day: date) -> tuple[str, str]:
        found = performance_cause(PRODUCT, lake, "2", datetime.combine(day + timedelta(days=1), time(), UTC))
        return found.action, "; ".join(found.reasons)

    materialise(environment, lake, DAYS[2])
    by_version = {row["model_version"]: row for row in lake.read("card_fraud/batch_performance").to_pylist()}
    assert (by_version["1"]["rows"], by_version["1"]["approved_auc"]) == (3 * A_DAY, None)
    assert by_version["1"]["auc"] < 0.6
    assert (by_version["2"]["rows"], by_version["2"]["auc"], by_version["2"]["approved_auc"]) == (0, None, 0.8)
    assert cause(DAYS[2]) == ("unknown", "0 labelled rows; at least 500 are needed")

    materialise(environment, lake, DAYS[3])
    last = {row["model_version"]: row for row in lake.read("card_fraud/batch_performance", days=[DAYS[3]]).to_pylist()}
    assert last["1"]["auc"] == by_version["1"]["auc"]
    assert last["2"]["rows"] == A_DAY
    assert last["2"]["auc"] > 0.85
    assert cause(DAYS[3])[0] == "none"


def test_a_model_that_scored_nothing_yet_has_a_row_for_every_day(tmp_path: Path) -> None:
    """Also where no outcome is mature at all."""
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})
    lake = Lake(environment.lake)
    lake.replace("card_fraud/batch_outcomes", outcomes([(FIRST, "1", True)]).slice(0, 0), days=DAYS)
    crown(PRODUCT, environment, tmp_path, version="2")
    materialise(environment, lake, FIRST)
    (row,) = lake.read("card_fraud/batch_performance").to_pylist()
    assert (row["day"], row["rows"], row["model_version"]) == (FIRST, 0, "2")
