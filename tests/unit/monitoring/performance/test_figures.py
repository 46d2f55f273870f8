from datetime import date, timedelta
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from assets.monitoring.performance.figures import (
    PERFORMANCE_SCHEMA,
    PerformanceError,
    expected_auc,
    performance_by_day,
)
from assets.product import Profit

FIRST = date(2025, 1, 1)
PROFIT = Profit(good=0.1, bad=0.6, stake="amount")


def outcomes(per_day: int = 40, days: int = 10, *, decimals: int = 2, seed: int = 0) -> pa.Table:
    """Calibrated scores with ties, a tenth of the rows unobserved, a twentieth without a score."""
    rng = np.random.default_rng(seed)
    n = per_day * days
    score = np.round(rng.beta(2, 6, n), decimals)
    label = (rng.random(n) < score).astype(np.int8)
    unobserved, unscored = rng.random(n) < 0.1, rng.random(n) < 0.05
    return pa.table(
        {
            "day": pa.array([FIRST + timedelta(days=i // per_day) for i in range(n)], pa.date32()),
            "score": pa.array(score, mask=unscored),
            "outcome": np.where(score < 0.4, "approve", "decline"),
            "label": pa.array(label, pa.int8(), mask=unobserved),
            "amount": rng.uniform(1, 10, n),
        }
    )


def measured(table: pa.Table, days: list[date], window: int = 3, min_rows: int = 1) -> list[dict]:
    return performance_by_day(table, days, window, accept="approve", profit=PROFIT, min_rows=min_rows).to_pylist()


@pytest.mark.parametrize("decimals", [1, 2, 9])
def test_every_figure_is_the_plain_one_over_its_window(decimals: int) -> None:
    table, day = outcomes(decimals=decimals), FIRST + timedelta(days=6)
    (row,) = measured(table, [day])
    part = table.slice(4 * 40, 3 * 40).to_pylist()
    labelled = [r for r in part if r["label"] is not None]
    scored = [r for r in labelled if r["score"] is not None]
    y, p = [r["label"] for r in scored], [r["score"] for r in scored]
    accepted = [r for r in labelled if r["outcome"] == "approve"]
    assert (row["rows"], row["labelled"], row["positives"]) == (120, len(labelled), sum(r["label"] for r in labelled))
    assert row["auc"] == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert row["brier"] == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    assert row["bad_rate"] == pytest.approx(np.mean([r["label"] for r in accepted]))
    assert row["acceptance"] == pytest.approx(np.mean([r["outcome"] == "approve" for r in part]))
    earned = sum(r["amount"] * (-0.6 if r["label"] else 0.1) for r in accepted)
    assert row["profit"] == pytest.approx(earned)


def test_without_a_stake_profit_is_in_amounts() -> None:
    table = outcomes().drop_columns(["amount"])
    performance = performance_by_day(table, [FIRST], 1, accept="approve", profit=Profit(good=2.0, bad=5.0), min_rows=1)
    rows = [r for r in table.slice(0, 40).to_pylist() if r["outcome"] == "approve" and r["label"] is not None]
    assert performance["profit"][0].as_py() == sum(-5.0 if r["label"] else 2.0 for r in rows)


def test_too_few_rows_give_no_figure_but_their_number() -> None:
    (row,) = measured(outcomes(), [FIRST], min_rows=1000)
    assert row["rows"] == 40
    assert {row[name] for name in ("auc", "brier", "bad_rate", "acceptance", "profit")} == {None}


def test_one_class_has_no_auc_but_the_rest() -> None:
    table = outcomes().set_column(3, "label", pa.array(np.zeros(400), pa.int8()))
    (row,) = measured(table, [FIRST])
    assert row["auc"] is None
    assert row["bad_rate"] == 0
    assert row["brier"] is not None


def test_no_outcomes_at_all() -> None:
    performance = performance_by_day(
        outcomes().slice(0, 0), [FIRST, FIRST + timedelta(days=1)], 3, accept="approve", profit=PROFIT, min_rows=0
    )
    assert performance.schema == PERFORMANCE_SCHEMA
    assert performance["rows"].to_pylist() == [0, 0]
    assert performance["auc"].to_pylist() == [None, None]
    assert performance["acceptance"].to_pylist() == [None, None]


def test_days_come_out_in_order_and_once() -> None:
    days = [FIRST + timedelta(days=2), FIRST, FIRST + timedelta(days=2)]
    assert [row["day"] for row in measured(outcomes(), days)] == [FIRST, FIRST + timedelta(days=2)]


def test_the_expected_auc_is_that_over_all_labels_that_the_scores_allow() -> None:
    """Every labelling of eight rows, with its probability: rightly ranked pairs over pairs, ties counting half."""
    p = np.array([0.1, 0.1, 0.2, 0.35, 0.35, 0.6, 0.8, 0.95])
    right = pairs = 0.0
    for labels in product((0, 1), repeat=8):
        y = np.array(labels)
        chance = np.prod(np.where(y == 1, p, 1 - p))
        bad, good = p[y == 1][:, None], p[y == 0][None, :]
        right += chance * ((bad > good).sum() + 0.5 * (bad == good).sum())
        pairs += chance * bad.size * good.size
    assert expected_auc(p) == pytest.approx(right / pairs, abs=1e-12)


def test_certain_scores_have_no_expected_auc() -> None:
    assert expected_auc(np.zeros(3)) is None
    assert expected_auc(np.array([0.5])) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop_columns(["label"]), "no column 'label'"),
        (lambda t: t.drop_columns(["amount"]), "no column 'amount'"),
        (lambda t: t.set_column(0, "day", pa.array(["x"] * 400)), "date32"),
        (lambda t: t.set_column(1, "score", pa.array(["x"] * 400)), "must hold numbers"),
        (lambda t: t.set_column(3, "label", pa.array([2] * 400)), "other than 0, 1"),
        (lambda t: t.set_column(4, "amount", pa.array([None] * 400, pa.float64())), "stake 'amount' is missing"),
    ],
)
def test_wrong_outcomes_are_named(change: object, message: str) -> None:
    with pytest.raises(PerformanceError, match=message):
        measured(change(outcomes()), [FIRST])  # type: ignore[operator]


def test_a_window_of_no_days_is_refused() -> None:
    with pytest.raises(PerformanceError, match="at least 1"):
        measured(outcomes(), [FIRST], window=0)
