"""A day that Spark scores has the scores and answers that the service gives to the same requests, bit for bit."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.released import champion_bundle
from assets.features.table.data_files import DataFiles, TableVersion
from assets.features.table.feature_table import SpineColumns
from assets.features.table.spark_job import run
from assets.monitoring.scoring import scored_in_tasks
from assets.product import Compare, Rule
from resources.keys import signing_key
from resources.lake import DataFile, Lake
from resources.lake.blocks import blocks_of, commit_placed
from resources.online_store.event_blocks import TIMESTAMP
from resources.spark.sessions import SparkSessions
from tests.support.models.serving_samples import NOW, PRODUCT, kernel, sample_parts, transactions
from tests.support.servers.serving_process import Service, Workspace

pytestmark = pytest.mark.slow

ROWS = 400
DAYS = (NOW.date() - timedelta(days=1), NOW.date())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A champion with three answers, a knock-out, a limit and exploration."""
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    parts = sample_parts("1")
    policy = replace(
        parts.policy, refer="review", refer_threshold=0.35, exploration=0.3, explore_keys=("customer_id",),
    )  # fmt: skip
    valid = date(2020, 1, 1)
    rules = (
        Rule("too_much", "knock_out", Compare("amount", ">", 19_000), "too much", "risk", valid),
        Rule("gambles", "limit", Compare("gambling_90d", ">", 0.25), "gambles", "risk", valid, "refer"),
    )
    workspace.roll_out(workspace.publish(replace(parts, policy=policy, rules=rules)))
    return workspace


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSessions]:
    sessions = SparkSessions("local[2]", tmp_path_factory.mktemp("spark"))
    yield sessions
    sessions.stop()


def requests() -> pa.Table:
    """Applications of two days: known customers and strangers, some without an income."""
    rng = np.random.default_rng(11)
    moments = int(NOW.timestamp() * 1e6) - rng.integers(0, 36 * 3_600_000_000, ROWS)
    as_of = pa.array(moments, pa.int64()).cast(TIMESTAMP)
    income = np.where(rng.random(ROWS) < 0.1, np.nan, np.round(rng.uniform(800, 6000, ROWS), 2))
    return pa.table(
        {
            "application_id": [f"A{n}" for n in range(ROWS)], "event_time": as_of, "known_at": as_of,
            "customer_id": [f"C{n}" for n in rng.integers(0, 55, ROWS)],
            "amount": np.round(rng.uniform(500, 20_000, ROWS), 2), "income_monthly": pa.array(income, from_pandas=True),
            "purpose": rng.choice(["car", "home", "education"], ROWS), "day": as_of.cast(pa.date32()),
        }
    )  # fmt: skip


def answered(service: Service, rows: pa.Table) -> dict[str, dict[str, Any]]:
    """The service's decision of each row, by its id."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, ROWS, 100):
        asked = [
            {name: value for name, value in row.items() if name not in ("event_time", "known_at", "day")}
            | {"as_of": row["event_time"].isoformat()}
            for row in rows.slice(start, 100).to_pylist()
        ]
        status, answer = service.post("/decide/many", {"product": PRODUCT, "requests": asked})
        assert status == 200, answer
        for result in answer["results"]:
            decision = result.get("decision", result)
            found[decision["row_id"]] = decision
    return found


def scored_by_spark(workspace: Workspace, spark: SparkSessions, rows: pa.Table) -> list[dict[str, Any]]:
    """Features and scores of the rows, each made in Spark tasks from the tables of the lake."""
    lake, events = Lake(workspace.environment.lake), transactions(events_each=200)
    events = events.append_column("day", events["known_at"].cast(pa.date32()))
    files = {}
    for name, table in (("validated_transactions", events), ("validated_applications", rows)):
        full = f"{PRODUCT}/{name}"
        first, last = min(table["day"].to_pylist()), max(table["day"].to_pylist())
        lake.replace(full, table, days=[first + timedelta(days=n) for n in range((last - first).days + 1)])
        files[name] = DataFiles(TableVersion(full, lake.schema(full)), tuple(lake.paths(full)))
    features, run_id = f"{PRODUCT}/features", "run"
    columns = SpineColumns("application_id", passthrough=("customer_id",))
    written = run(
        spark.session, kernel(), events={"transactions": files["validated_transactions"]},
        spine=files["validated_applications"], days=DAYS, columns=columns,
        target=f"{lake.folder(features)}/{run_id}", task_bytes=2**14,
    )  # fmt: skip
    made = [DataFile(f"{run_id}/{one.path}", one.day, one.rows, one.bytes, one.content) for one in written.files]
    lake.commit_files(features, written.schema, made, days=DAYS, metadata={"run_id": run_id})
    key = signing_key(workspace.variables, workspace.environment.home, "signing")
    bundle = champion_bundle(PRODUCT, workspace.rollout, key)
    assert bundle is not None
    scores = f"{PRODUCT}/scores"
    blocks = blocks_of(lake, features, days=DAYS, version=lake.version(features), rows=64)
    assert len(blocks.each) > 4
    found = scored_in_tasks(
        spark.session(), bundle, blocks, ["application_id", "as_of", "day"], f"{lake.folder(scores)}/{run_id}"
    )
    commit_placed(lake, scores, found.schema, run_id, found.files, DAYS, {"run_id": run_id})
    scored: list[dict[str, Any]] = lake.read(scores).to_pylist()
    return scored


def bits(score: float | None) -> bytes | None:
    return None if score is None else struct.pack("<d", score)


def test_spark_and_the_service_give_the_same_scores_and_answers(
    workspace: Workspace, spark: SparkSessions, tmp_path: Path
) -> None:
    rows = requests()
    with Service(workspace) as service:
        service.wait_until_ready()
        decisions = answered(service, rows)
    scored = scored_by_spark(workspace, spark, rows)
    assert len(scored) == len(decisions) == ROWS
    for row in scored:
        decision = decisions[row["application_id"]]
        assert decision["fallback"] is None, decision
        told = (bits(decision["score"]), decision["outcome"], decision["explored"])
        assert told == (bits(row["score"]), row["outcome"], row["explored"]), row
    assert {row["outcome"] for row in scored} == {"approve", "review", "decline"}
    assert any(row["explored"] for row in scored)
    assert sum(row["score"] is None for row in scored) > 5
    assert len({bits(row["score"]) for row in scored}) > ROWS / 2
