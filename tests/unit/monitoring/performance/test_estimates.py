"""Estimates without labels over simulated weeks: they hold the realised figures, or they are withheld."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from assets.monitoring.performance.estimates import ESTIMATED_SCHEMA, Estimator, Reason, ReferenceRows, Rows
from assets.monitoring.performance.matured import CALIBRATION_SCHEMA, calibration_by_day, days_before
from assets.monitoring.performance.recalibration import recalibrate
from tests.support.data.simulated_weeks import CREDIT, FRAUD, World

WEEKS = 20
FIRST = date(2026, 1, 5)
WORLDS = pytest.mark.parametrize("world", [CREDIT, FRAUD], ids=["credit", "fraud"])


def reference_of(world: World, seed: int) -> ReferenceRows:
    return world.rows(120 if world is CREDIT else 28, seed)


def realised(world: World, window: ReferenceRows) -> dict[str, float]:
    rows = window.rows
    earned = np.where(window.label == 1, -world.profit.bad, world.profit.good) * rows.stake
    return {"auc": roc_auc_score(window.label, rows.score), "profit": earned[rows.accepted].sum()}


def moved(world: World, reference: ReferenceRows, matured: ReferenceRows) -> str | None:
    """What the table of calibration says of the labels that matured in a window."""
    table = pa.table(
        {
            "day": pa.array([FIRST + timedelta(days=int(n)) for n in matured.clusters[0]], pa.date32()),
            "score": matured.rows.score,
            "label": matured.label,
        }
    )
    before = recalibrate(reference.rows.score, reference.label, None, reference.clusters)
    last = FIRST + timedelta(days=int(matured.clusters[0].max()))
    (row,) = calibration_by_day(table, [last], world.window_days, reference=before, min_rows=200).to_pylist()
    return row["reason"] if row["moved"] else None


@WORLDS
def test_without_a_change_of_the_outcome_estimates_hold_the_realised_figures(world: World) -> None:
    """The rows wander; every week counts in which an estimate is given, and those are nearly all."""
    held, given = {"auc": 0, "profit": 0}, 0
    for week in range(WEEKS):
        reference = reference_of(world, 1000 + week)
        window = world.rows(world.window_days, week, shift=0.5 * np.sin(week))
        matured = world.rows(world.window_days, 500 + week, shift=0.5 * np.sin(week - world.delay_weeks))
        why = moved(world, reference, matured)
        (_, pape) = Estimator(reference, world.profit, min_rows=200).of_window(window.rows, moved=why)
        if pape["withheld"] is None:
            given += 1
            for name, value in realised(world, window).items():
                held[name] += pape[f"{name}_low"] <= value <= pape[f"{name}_high"]
    assert given >= 0.9 * WEEKS
    assert held["auc"] >= 0.9 * given
    assert held["profit"] >= 0.9 * given


@WORLDS
def test_with_a_change_of_the_outcome_they_are_withheld(world: World) -> None:
    """From the week on in which labels of the changed outcome are final: earlier nobody can know it."""
    withheld = 0
    for week in range(WEEKS):
        reference = reference_of(world, 1000 + week)
        window = world.rows(world.window_days, week, drifted=True)
        matured = world.rows(world.window_days, 500 + week, drifted=True)
        why = moved(world, reference, matured)
        found = Estimator(reference, world.profit, min_rows=200).of_window(window.rows, moved=why)
        withheld += all(one["withheld"] == "calibration moved" and one["auc"] is None for one in found)
    assert withheld >= 0.8 * WEEKS


def test_pape_follows_rows_that_moved_where_cbpe_does_not() -> None:
    """Where the model misses an interaction, probabilities by score alone depend on which rows come."""
    reference = CREDIT.rows(900, 1)
    cbpe, pape = [], []
    for seed in range(8):
        window = CREDIT.rows(200, 50 + seed)
        kept = window.rows.matrix[:, 1] * window.rows.matrix[:, 2] > 0.2
        rows = window.rows.where(kept)
        real = window.label[kept][rows.accepted].mean()
        for errors, one in zip(
            (cbpe, pape), Estimator(reference, CREDIT.profit, min_rows=200).of_window(rows, moved=None), strict=True
        ):
            errors.append(one["bad_rate"] - real)
    assert abs(np.mean(pape)) < 0.6 * abs(np.mean(cbpe))


def test_rows_of_regions_never_seen_withhold_every_estimate() -> None:
    reference, window = FRAUD.rows(20, 1), FRAUD.rows(7, 2)
    matrix = window.rows.matrix.copy()
    matrix[: len(matrix) // 8, 3] = 40.0
    rows = Rows(window.rows.score, window.rows.accepted, window.rows.stake, matrix)
    found = Estimator(reference, FRAUD.profit, min_rows=200).of_window(rows, moved=None)
    assert {one["withheld"] for one in found} == {"regions never seen"}
    assert "12% of the rows lie where rows come 20 times more often" in found[0]["reason"]
    assert found[0]["unseen_share"] == pytest.approx(0.125, abs=0.01)
    assert all(one["auc"] is None and one["profit_high"] is None for one in found)


def test_each_part_has_estimates_of_its_own_rows() -> None:
    def grouped(found: ReferenceRows) -> Rows:
        group = np.where(found.rows.matrix[:, 1] > 1.5, "few", np.where(found.rows.matrix[:, 1] > 0, "high", "low"))
        return Rows(
            found.rows.score, found.rows.accepted, found.rows.stake, found.rows.matrix, {"part": group.astype(object)}
        )

    before, window = FRAUD.rows(40, 1), FRAUD.rows(7, 2)
    reference = ReferenceRows(grouped(before), before.label, before.clusters)
    found = Estimator(reference, FRAUD.profit, min_rows=500).of_window(grouped(window), moved=None)
    table = pa.Table.from_pylist([{**one, "day": FIRST} for one in found], schema=ESTIMATED_SCHEMA)
    told = {(one["part"], one["group"], one["method"]): one for one in table.to_pylist()}
    assert {key[:2] for key in told} == {("all", "all"), ("part", "few"), ("part", "high"), ("part", "low")}
    assert told["part", "few", "cbpe"]["withheld"] == "too few rows"
    sums = sum(told["part", group, "cbpe"]["rows"] for group in ("few", "high", "low"))
    assert sums == told["all", "all", "cbpe"]["rows"] == 4900
    high, low = (told["part", group, "cbpe"]["bad_rate"] for group in ("high", "low"))
    assert high > 1.5 * low


def test_without_a_reference_or_rows_the_reason_is_told() -> None:
    window = CREDIT.rows(28, 1).rows
    found = Estimator(Reason("no reference", "none is pinned"), CREDIT.profit, min_rows=200).of_window(
        window, moved=None
    )
    assert {(one["withheld"], one["reason"]) for one in found} == {("no reference", "none is pinned")}
    few = Estimator(CREDIT.rows(120, 2), CREDIT.profit, min_rows=200).of_window(CREDIT.rows(3, 1).rows, moved=None)
    assert few[0]["reason"] == "66 rows with a score in the window; at least 200 are needed"


def test_calibration_says_when_it_cannot_be_compared() -> None:
    table = pa.table({"day": pa.array([FIRST] * 300, pa.date32()), "score": [0.2] * 300, "label": [0] * 300})
    days = [FIRST - timedelta(days=1), FIRST]
    early, late = calibration_by_day(table, days, 7, reference=None, min_rows=200).to_pylist()
    assert early["reason"] == "0 labels matured in the window; at least 200 are needed"
    assert late["reason"].startswith("of the mature labels 0 of 300 rows are positive")
    assert late["calibration_error"] == pytest.approx(0.2)
    assert (early["moved"], late["moved"]) == (None, None)
    assert calibration_by_day(table, [], 7, reference=None, min_rows=200).schema == CALIBRATION_SCHEMA


def test_a_change_that_few_bad_rows_hide_is_told_by_more_weeks_and_nothing_else_is() -> None:
    """With twenty bad rows a week, a third of them replaced by rows like any show after some weeks."""
    told = dict.fromkeys((False, True), 0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        score = rng.beta(0.5, 15.0, 66 * 150)
        label = (rng.random(len(score)) < 0.6 * score).astype(np.int8)
        reference = recalibrate(score, label, None, (np.arange(len(score)) // 150,))
        for changed in told:
            days, now = np.arange(len(score)) // 150, label.copy()
            if changed:
                gone = np.flatnonzero((now == 1) & (rng.random(len(now)) < 0.4))
                now[gone] = 0
                now[rng.choice(len(now), len(gone), replace=False)] = 1
            fresh = rng.permutation(len(score))  # other rows of the same world, in another order
            table = pa.table(
                {
                    "day": pa.array([FIRST + timedelta(days=int(n)) for n in days], pa.date32()),
                    "score": score[fresh], "label": now[fresh],
                }
            )  # fmt: skip
            last = [FIRST + timedelta(days=65)]
            (row,) = calibration_by_day(table, last, 7, reference=reference, min_rows=200).to_pylist()
            assert row["rows"] == 7 * 150, "the figures are the window's"
            told[changed] += row["moved"]
    assert told[False] <= 1
    assert told[True] >= 16


def test_as_many_days_are_read_as_may_be_looked_back_on() -> None:
    assert (days_before(7), days_before(28), days_before(60)) == (55, 55, 59)
