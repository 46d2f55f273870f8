"""Corrected figures where refused rows have labels only if they were explored."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from assets.monitoring.performance.by_bundle import EVERY_ROLE, performance_by_bundle
from assets.monitoring.performance.corrected import CORRECTED_FIELDS, corrected_auc, corrected_bad_rate
from assets.product import Profit

DAY = date(2026, 6, 1)
SHARE = 0.1


def decided(
    rows: int, seed: int, *, explores: bool = True, refused_known: bool = False
) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """Outcomes of a product that refuses from 0.3 on; the scores and labels of all rows."""
    rng = np.random.default_rng(seed)
    score = rng.beta(1.5, 4, rows)
    label = (rng.random(rows) < score).astype(np.int8)
    refused = score >= 0.3
    explored = refused & (rng.random(rows) < SHARE) & explores
    accepted = ~refused | explored
    propensity = np.where(explored, SHARE, np.where(refused & explores, 1 - SHARE, 1.0)) * 0.5
    table = pa.table(
        {
            "day": pa.array([DAY] * rows, pa.date32()), "score": score,
            "outcome": np.where(accepted, "approve", "decline"),
            "label": pa.array(label, mask=~accepted & ~np.bool_(refused_known)), "amount": np.ones(rows),
            "bundle": ["1"] * rows, "digest": ["ab"] * rows, "role": ["champion"] * rows,
            "fallback": pa.nulls(rows, pa.string()), "share": np.full(rows, 0.5), "propensity": propensity,
            "explored": explored, "entity": [f"{n}" for n in range(rows)],
        }
    )  # fmt: skip
    return table, score, label


def figures(table: pa.Table) -> dict[str, float]:
    found = performance_by_bundle(table, [DAY], 7, accept="approve", profit=Profit(0.1, 0.6, "amount"), min_rows=1)
    return next(row for row in found.to_pylist() if row["role"] == EVERY_ROLE)


def test_corrected_figures_are_those_over_all_rows() -> None:
    held, lower = np.zeros(2), []
    for seed in range(60):
        table, score, label = decided(2500, seed)
        row = figures(table)
        assert row["over"] == "accepted"
        lower.append(row["corrected_auc"] - row["auc"])
        held += [
            row["corrected_auc_low"] <= roc_auc_score(label, score) <= row["corrected_auc_high"],
            row["corrected_bad_rate_low"] <= label.mean() <= row["corrected_bad_rate_high"],
        ]
    assert (held / 60 >= 0.9).all()
    assert np.mean(lower) > 0.02, "accepted rows are more alike"


def test_equal_weights_give_the_plain_figures() -> None:
    rng = np.random.default_rng(1)
    score, label = rng.random(500).round(2), (rng.random(500) < 0.3).astype(np.int8)
    weight, entity = rng.integers(1, 4, 500), np.arange(500)
    auc = corrected_auc(score, label, weight.astype(float), entity)
    assert auc is not None
    assert auc.value == pytest.approx(roc_auc_score(label, score, sample_weight=weight), abs=1e-9)
    rate = corrected_bad_rate(label, weight.astype(float), entity)
    assert rate.value == pytest.approx(np.average(label, weights=weight), abs=1e-12)
    assert corrected_auc(score, np.zeros(500, np.int8), weight.astype(float), entity) is None


def test_decisions_of_an_entity_are_one_draw() -> None:
    rng = np.random.default_rng(2)
    label, weight, entity = (rng.random(300) < 0.3).astype(np.int8), np.ones(300), np.arange(300)
    alone = corrected_bad_rate(label, weight, entity)
    fourfold = corrected_bad_rate(np.repeat(label, 4), np.repeat(weight, 4), np.repeat(entity, 4))
    assert fourfold.high - fourfold.low == pytest.approx(alone.high - alone.low, rel=1e-9)


@pytest.mark.parametrize(
    "table",
    [
        decided(2500, 1, explores=False)[0],
        decided(2500, 1, refused_known=True)[0],
        decided(200, 1)[0],
        decided(2500, 1)[0].drop_columns(["propensity"]),
    ],
    ids=["nobody explored", "all have labels", "few explored", "not logged"],
)
def test_without_exploration_nothing_is_corrected(table: pa.Table) -> None:
    row = figures(table)
    assert {row[field.name] for field in CORRECTED_FIELDS if field.name != "explored"} == {None}
