"""Outcomes and figures of a product whose target is an amount, from tables of a lake."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.bundle.bundle import Bundle
from assets.bundle.files import load_bundle, write_bundle
from assets.evaluation.targets import appraise
from assets.feedback.inputs import outcome_inputs
from assets.feedback.judged import scored
from assets.feedback.outcomes import join_outcomes
from assets.monitoring.monitors import performance_monitor
from assets.monitoring.page.html import to_html
from assets.monitoring.page.reading import Recorded, report_of
from assets.monitoring.performance.pictures import realised_plot
from assets.monitoring.performance.plots import calibration_plot, estimate_plot, group_plot, kpi_plot
from assets.monitoring.performance.realised import Realised, batch_performance
from assets.monitoring.performance.tables import calibration_table, estimated_table, group_table, kpi_table
from assets.monitoring.scoring import scored_rows
from assets.product.names import LABEL_AMOUNT
from assets.serving.engine import Engine
from assets.training.amounts.told import with_amounts
from pipelines.alerting.monitors import heard
from resources.lake import Lake
from resources.rollout_store.manifest import Release, RolloutManifest
from resources.rollout_store.store import RolloutStore
from tests.claims.product import PRODUCT
from tests.support.claim_bundle import KEY, MADE, SMALL, trained, training_table

assert PRODUCT.end is not None
END = PRODUCT.end
LAST = END - timedelta(days=3)
"""The last day of the sample."""
WATCHED = [LAST - timedelta(days=1), LAST]
TIMES = pa.timestamp("us", tz="UTC")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    place, table = tmp_path_factory.mktemp("bundle"), training_table()
    candidate = trained(table, place / "candidate")
    found = appraise(
        SMALL, table, candidate, Engine(candidate, None), None, future_features=0, latency_ms=1.0, made=MADE
    )
    digest = write_bundle(replace(found.parts, version="1"), place / "1", KEY)
    return load_bundle(place / "1", KEY, digest)


@pytest.fixture(scope="module")
def lake(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Features, scores and settlements of the product's days, and the outcomes that follow."""
    lake, rows = Lake(str(tmp_path_factory.mktemp("lake"))), training_table(1_500, seed=9)
    days = [PRODUCT.start + timedelta(days=n) for n in range((END - PRODUCT.start).days + 1)]
    amount = rows[LABEL_AMOUNT]
    features = rows.drop_columns(["label", LABEL_AMOUNT]).append_column("day", rows["as_of"].cast(pa.date32()))
    lake.replace("claims/features", features, days=days)
    kept = ["claim_id", "policy_id", "as_of", "region", "day"]
    lake.replace("claims/scores", scored_rows(bundle, features, kept).table, days=days)
    at = pc.add(rows["as_of"], pa.scalar(timedelta(days=2), pa.duration("us")))
    settled = pa.table(
        {"claim_id": rows["claim_id"], "event_time": at, "known_at": at, "paid": amount, "day": at.cast(pa.date32())}
    )
    lake.replace("claims/validated_settlements", settled, days=days)
    inputs = outcome_inputs(SMALL, lake, scored(SMALL), days)
    joined = join_outcomes(inputs.rows, inputs.events, SMALL.label, MADE, row_id="claim_id")
    joined = with_amounts(SMALL, joined, inputs.events, MADE, row_id="claim_id")
    of_days = joined.filter(pc.is_in(joined["day"], value_set=pa.array(days, pa.date32())))
    lake.replace("claims/batch_outcomes", of_days, days=days)
    return lake


def test_outcomes_have_the_amount_beside_the_label(lake: Lake) -> None:
    rows = lake.read("claims/batch_outcomes")
    amount, label = rows[LABEL_AMOUNT].to_numpy(), rows["label"].to_numpy()
    assert len(amount) > 1_200
    assert ((amount >= PRODUCT.label.at_least) == (label == 1)).all()


@pytest.fixture(scope="module")
def realised(bundle: Bundle, lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Realised:
    """The realised figures of the watched days, under a champion that is published."""
    place = tmp_path_factory.mktemp("rollout")
    store = RolloutStore.open(str(place / "rollout"), place / "fetched")
    write_bundle(bundle.parts, place / "1", KEY)
    store.publish_bundle("claims", "1", place / "1")
    release = Release(version="1", digest=bundle.digest)
    manifest = RolloutManifest(
        product="claims", champion=release, updated_at=MADE, by="test", reason="first", generation=1
    )
    store.publish_manifest("claims", manifest)
    return batch_performance(SMALL, lake.read("claims/batch_outcomes"), WATCHED, store, KEY)


def test_realised_errors_are_those_of_the_champions_scores_and_ask_for_nothing(
    bundle: Bundle, lake: Lake, realised: Realised
) -> None:
    found, outcomes = realised, lake.read("claims/batch_outcomes")
    row = found.table.to_pylist()[-1]
    first = LAST - timedelta(days=SMALL.monitoring.window_days - 1)
    day = outcomes["day"]
    within = outcomes.filter(pc.and_(pc.greater_equal(day, first), pc.less_equal(day, LAST)))
    errors = within["score"].to_numpy() - within[LABEL_AMOUNT].to_numpy()
    assert row["mae"] == pytest.approx(float(np.abs(errors).mean()))
    assert row["bias"] == pytest.approx(float(errors.mean()))
    assert row["approved_mae"] == bundle.parts.metrics["metrics"]["test"]["mae"]
    assert realised_plot(SMALL, found).startswith(b"\x89PNG")
    monitor = performance_monitor(SMALL, lake)
    assert monitor.judge(found.table, LAST, MADE).action == "none"
    assert {"mae", "approved_mae", "bias"} <= set(monitor.evidence(found.table, LAST))


def test_tables_of_a_binary_target_say_why_they_are_empty(bundle: Bundle, lake: Lake) -> None:
    estimated = estimated_table(SMALL, lake, bundle, WATCHED).table
    assert set(estimated["withheld"].to_pylist()) == {"amount"}
    assert set(estimated["method"].to_pylist()) == {"cbpe", "pape"}
    calibration = calibration_table(SMALL, lake, bundle, WATCHED).table
    assert calibration["moved"].to_pylist() == [None, None]
    assert "binary target" in calibration["reason"].to_pylist()[0]


def test_business_figures_and_groups_count_amounts(bundle: Bundle, lake: Lake) -> None:
    kpis = kpi_table(SMALL, lake, bundle, WATCHED).table.to_pylist()
    of_day = {row["figure"]: row for row in kpis if row["day"] == LAST}
    outcomes = lake.read("claims/batch_outcomes", days=[LAST])
    settled = outcomes.filter(pc.equal(outcomes["outcome"], "settle"))
    assert of_day["realised_loss"]["value"] == pytest.approx(float(pc.sum(settled[LABEL_AMOUNT]).as_py()))
    assert of_day["realised_loss"]["outside"] is None
    scores = lake.read("claims/scores", days=[LAST])
    accepted = scores.filter(pc.equal(scores["outcome"], "settle"))
    assert of_day["expected_loss"]["value"] == pytest.approx(float(pc.sum(accepted["score"]).as_py() or 0.0))
    groups = group_table(SMALL, lake, bundle, WATCHED).table
    assert set(groups["group"].to_pylist()) == {"north", "south"}
    assert set(groups["auc"].to_pylist()) == {None}
    assert all(row["mae"] > 0 for row in groups.to_pylist() if row["labelled"] >= SMALL.monitoring.min_rows)


def test_the_pictures_of_these_tables_are_drawn(bundle: Bundle, lake: Lake) -> None:
    for make, plot in (
        (kpi_table, kpi_plot), (group_table, group_plot), (estimated_table, estimate_plot),
        (calibration_table, calibration_plot),
    ):  # fmt: skip
        assert plot(make(SMALL, lake, bundle, WATCHED).table).startswith(b"\x89PNG")


def test_the_page_shows_errors_in_the_unit_of_the_amount(bundle: Bundle, lake: Lake, realised: Realised) -> None:
    lake.replace("claims/batch_performance", realised.table, days=WATCHED)
    for make in (kpi_table, group_table, estimated_table, calibration_table):
        made = make(SMALL, lake, bundle, WATCHED).table
        lake.replace(f"claims/{_NAMES[make.__name__]}", made, days=WATCHED)
    recorded = Recorded(None, {}, heard(SMALL, lake, "1", MADE), (), Path("nowhere"), ())
    report = report_of(SMALL, lake, recorded, clock=MADE, now=MADE, until=END)
    page = to_html(report)
    assert "The mean absolute error is" in page
    assert "EUR" in page
    assert "Nothing is estimated before labels are known" in page
    assert "Realised AUC" not in page


_NAMES = {
    "kpi_table": "kpis", "group_table": "group_performance", "estimated_table": "estimated_performance",
    "calibration_table": "calibration",
}  # fmt: skip
