"""A product whose target is an amount, from its files to a decision over HTTP that is replayed: for real."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from assets.product.names import table_name
from pipelines.build import build_pipeline
from pipelines.operations.decisions.decide import ask_service, wait_until_live
from pipelines.operations.decisions.replay import replay_day
from pipelines.operations.loop.product_jobs import DATA, ProductJobs
from pipelines.operations.loop.run_loop import _champion as champion_of
from pipelines.partitions import partitions_of
from pipelines.services.temporary import needed
from resources.environments import Environment, load_environment
from resources.lake import Lake
from tests.claims.product import PRODUCT
from tests.claims.rows import write_claims
from tests.support.claim_rows import true_mean
from tests.support.servers.ports import free_ports

pytestmark = pytest.mark.slow
NAME = PRODUCT.name
assert PRODUCT.end is not None
DAYS = (PRODUCT.start, PRODUCT.end)
LAST = (PRODUCT.end - timedelta(days=6), PRODUCT.end)
WATCHED = (
    "scores", "distributions", "attributions", "separation", "drift", "batch_outcomes", "batch_performance",
    "calibration", "estimated_performance", "group_performance", "kpis", "vintages", "retraining",
)  # fmt: skip


@dataclass(frozen=True)
class Loop:
    """The product's loop, run once."""

    environment: Environment
    jobs: ProductJobs

    @property
    def lake(self) -> Lake:
        return Lake(self.environment.lake)

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(self.lake.read(table_name(NAME, table)).to_pylist())


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    variables = {"LOOPLINE_HOME": str(tmp_path_factory.mktemp("claims")), "LOOPLINE_PORT_BASE": str(free_ports())}
    environment = load_environment(variables)
    write_claims(Path(environment.landing), a_day=40)
    definitions = build_pipeline(PRODUCT, environment=environment)
    with dg.DagsterInstance.ephemeral() as instance:
        jobs = ProductJobs(
            PRODUCT, partitions_of(PRODUCT, environment), instance, Lake(environment.lake), definitions=definitions
        )
        jobs.run_days(DATA, DAYS, again=False, changed={})
        jobs.run_first_load()
        jobs.run_model()
        jobs.run_assets(WATCHED, LAST)
        jobs.run_named(("monitoring_page",), LAST, {})
        yield Loop(environment, jobs)


def test_the_training_set_has_amounts_and_the_bundle_states_them(loop: Loop) -> None:
    rows = loop.rows("training_set")
    assert all(row["label_amount"] > 0 for row in rows)
    assert [row["label"] for row in rows] == [int(row["label_amount"] >= 1_500) for row in rows]
    champion = champion_of(PRODUCT, loop.environment)
    assert champion is not None
    report = champion.parts.metrics
    assert (champion.policy.unit, report["target"]["objective"]) == ("EUR", "gamma")
    assert report["metrics"]["test"]["skill"] > 0.1
    assert abs(report["metrics"]["test"]["mean_error"]) < 0.1
    gates = {gate["name"]: gate["passed"] for gate in report["gates"]["results"]}
    assert gates["champion_comparison"] is None
    assert "auc" not in gates
    assert gates["mean_calibration"] is gates["serving_skew"] is gates["group_error"] is True


def test_a_decision_states_the_amount_with_unit_and_interval_and_is_replayed(loop: Loop) -> None:
    champion = champion_of(PRODUCT, loop.environment)
    assert champion is not None
    example = {**PRODUCT.request_example, "as_of": f"{LAST[1] + timedelta(days=1)}T00:00:00Z"}
    small = {**example, "claim_id": "C-small", "insured_value": 1_500, "driver_age": 50}
    with needed(loop.environment, ["decisions"]):
        wait_until_live(loop.environment, NAME)
        large, little = (
            ask_service(loop.environment, NAME, dict(request), explain=True) for request in (example, small)
        )
    assert (large["unit"], large["fallback"]) == ("EUR", None)
    mean = float(true_mean(np.array([24.0]), np.array([9_000.0]), np.array([True]))[0])
    assert abs(large["score"] / mean - 1.0) < 0.4
    assert large["interval"][0] < large["score"] < large["interval"][1]
    assert little["score"] < large["score"]
    assert large["outcome"] == ("inspect" if large["score"] >= champion.policy.threshold else "settle")
    assert large["reasons"]
    assert {reason["feature"] for reason in large["reasons"]} <= set(PRODUCT.features.names)
    report = replay_day(loop.environment, NAME, None, lambda _: None)
    assert (len(report.of("identical")), report.same) == (2, True)


def test_monitoring_counts_errors_and_says_what_is_of_a_binary_target(loop: Loop) -> None:
    figures = [row for row in loop.rows("batch_performance") if row["day"] == LAST[1]]
    assert len(figures) == 1
    assert figures[0]["auc"] is figures[0]["brier"] is None
    assert 0.5 < figures[0]["mae"] / figures[0]["approved_mae"] < 2.0
    assert abs(figures[0]["mean_error"]) < 0.2
    estimates = loop.rows("estimated_performance")
    assert {row["withheld"] for row in estimates} == {"amount"}
    assert "binary target" in estimates[0]["reason"]
    profits = [row for row in loop.rows("kpis") if row["figure"] == "profit" and row["rows"]]
    assert profits
    assert all(row["expected"] is None for row in profits)
