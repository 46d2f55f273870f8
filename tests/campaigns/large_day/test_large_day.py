"""A day of many million rows, validated and scored on a standalone cluster: with `LOOPLINE_CAMPAIGN=1` alone.

`LOOPLINE_CAMPAIGN_ROWS` is the number of rows. The tables must have the content that the formula of the day gives, and
for a day that fits into memory also that of one process. The figures are printed (`pytest -s`).
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from assets.bundle.bundle import Bundle
from assets.bundle.released import champion_bundle
from resources.environments import CHECKOUT, load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.lake.delta import CONTENT
from resources.rollout_store.store import RolloutStore
from tests.campaigns.large_day import expected
from tests.campaigns.large_day.driver import STAGES, Stage
from tests.campaigns.large_day.expected import Content
from tests.campaigns.large_day.measured import Watched
from tests.campaigns.large_day.planted import DAY, FEATURES, RAW, PlantedDay
from tests.support.data.large_runs import PRODUCT
from tests.support.models.champions import crown
from tests.support.processes.killing import CAMPAIGN
from tests.support.servers.spark_cluster import Cluster, spark_cluster

ROWS = int(os.environ.get("LOOPLINE_CAMPAIGN_ROWS", "2200000"))
HELD_ROWS = 6_000_000
"""Rows of a day up to which one process makes it too."""
BAD_ROWS = 20_000_000
"""Most rows of the bad day: its quarantine has two texts for each row."""
TABLES = {"validate": ("quarantine_card_transactions", "validated_card_transactions"), "score": ("scores",)}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(6 * 3600),
    pytest.mark.skipif(not CAMPAIGN, reason="a day of millions of rows takes minutes: LOOPLINE_CAMPAIGN=1"),
]


def test_a_large_day_on_a_cluster_has_the_content_that_its_formula_gives(tmp_path: Path) -> None:
    environment, day = load_environment({"LOOPLINE_HOME": str(tmp_path)}), PlantedDay(ROWS)
    lake = Lake(environment.lake)
    crown(PRODUCT, environment, tmp_path)
    tell("rows", ROWS)
    with Watched({"this process": psutil.Process()}) as watched:
        begun = time.monotonic()
        day.write_raw(lake)
        day.write_features(lake)
        tell("written", figures(begun, watched) | {"mb": sizes(lake, (RAW, FEATURES))})
        begun = time.monotonic()
        wanted = wanted_of(day, champion(tmp_path))
        tell("expected", figures(begun, watched))
    if ROWS <= HELD_ROWS:
        for stage in STAGES:
            with Watched({}) as watched:
                tell(f"{stage} in one process", ran(tmp_path, "local[2]", stage, 2**60, watched))
        assert contents(lake) == wanted
    (tmp_path / "spark-cluster").mkdir()
    with spark_cluster(tmp_path / "spark-cluster", workers=1, cores=2) as cluster:
        for stage in STAGES:
            found = on_cluster(tmp_path, cluster, stage)
            tables = [f"card_fraud/{name}" for name in TABLES[stage]]
            tell(f"{stage} on the cluster", found | {"mb": sizes(lake, tables), "files": len(lake.files(tables[-1]))})
    assert contents(lake) == wanted
    assert lake.version("card_fraud/scores") == (1 if ROWS <= HELD_ROWS else 0)


def test_a_large_day_of_which_every_row_is_bad_is_blocked_and_quarantined(tmp_path: Path) -> None:
    """What the driver holds of the bad rows does not grow with them: each breaks two rules, and all have one key."""
    day = PlantedDay(min(ROWS, BAD_ROWS), lost=True)
    lake = Lake(load_environment({"LOOPLINE_HOME": str(tmp_path)}).lake)
    day.write_raw(lake)
    (tmp_path / "spark-cluster").mkdir()
    with (
        spark_cluster(tmp_path / "spark-cluster", workers=1, cores=2) as cluster,
        pytest.raises(AssertionError, match=r"rows break the contract \(100\.0%") as raised,
    ):
        on_cluster(tmp_path, cluster, "validate")
    assert f"amount: number in the contract, {day.rows:,} of {day.rows:,} texts are none" in str(raised.value)
    quarantine = lake.files("card_fraud/quarantine_card_transactions")
    assert sum(file.rows for file in quarantine) == 2 * day.rows
    assert not lake.exists("card_fraud/validated_card_transactions")


def champion(home: Path) -> Bundle:
    environment = load_environment({"LOOPLINE_HOME": str(home)})
    rollout = RolloutStore.open(environment.rollout, home / "fetched")
    found = champion_bundle(PRODUCT.name, rollout, Keys.of(environment.home).signing)
    assert found is not None
    return found


def wanted_of(day: PlantedDay, bundle: Bundle) -> dict[str, Content]:
    kept = ["transaction_id", "as_of", "amount", "day"]
    found = (expected.quarantine(day), expected.validated(day), expected.scores(day, bundle, kept))
    return dict(zip([name for names in TABLES.values() for name in names], found, strict=True))


def contents(lake: Lake) -> dict[str, Content]:
    found = {}
    for name in (name for names in TABLES.values() for name in names):
        table = f"card_fraud/{name}"
        digest = json.loads(lake.history(table, 1)[0][CONTENT])[DAY.isoformat()]
        found[name] = Content(sum(file.rows for file in lake.files(table)), digest)
    return found


def on_cluster(home: Path, cluster: Cluster, stage: Stage) -> dict[str, Any]:
    worker = psutil.Process(cluster.workers[0].pid)
    with Watched({"worker": worker}) as watched:
        return ran(home, cluster.master, stage, 1, watched)


def ran(home: Path, master: str, stage: Stage, large_bytes: int, watched: Watched) -> dict[str, Any]:
    """Runs a stage in a driver of its own; what it says of itself, and what was seen of all processes."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "tests.campaigns.large_day.driver", str(home), master, stage, str(large_bytes)]
    with (home / f"{stage}.log").open("w") as log:
        driver = subprocess.Popen(
            command, cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, stdout=subprocess.PIPE, stderr=log
        )
        watched.add("driver", psutil.Process(driver.pid))
        answer, _ = driver.communicate()
    tell(f"processes of {stage}", dict(watched.peak_mb))
    assert driver.returncode == 0, (home / f"{stage}.log").read_text()[-6000:]
    return {"driver": json.loads(answer.splitlines()[-1]), **figures(begun, watched)}


def figures(begun: float, watched: Watched) -> dict[str, Any]:
    return {
        "seconds": round(time.monotonic() - begun),
        "peak_mb": dict(watched.peak_mb),
        "processor_seconds": watched.processor_seconds,
    }


def sizes(lake: Lake, tables: tuple[str, ...] | list[str]) -> Mapping[str, int]:
    return {table: sum(file.bytes for file in lake.files(table)) // 2**20 for table in tables}


def tell(what: str, value: object) -> None:
    print(f"{what}: {json.dumps(value)}", flush=True)
