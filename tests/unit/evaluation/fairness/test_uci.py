"""The UCI credit clients: fairness by sex and age with intervals, and what mitigation does, on data of real people."""

import csv
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from assets.evaluation.evaluate import evaluate_model
from assets.product import (
    DecisionPolicy,
    FairnessPolicy,
    GatePolicy,
    Jurisdiction,
    Limit,
    Mitigation,
    ModelSpec,
    Profit,
    Protected,
)
from assets.training.candidates import Candidates, train_candidates
from assets.training.mitigation.mitigate import mitigate
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split, split_at_random
from resources.code_version import CHECKOUT

DATA = Path(os.environ.get("LOOPLINE_REAL_DATA", CHECKOUT.parent / "shared" / "data"))
FILE = DATA / "uci_default_of_credit_card_clients.csv"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"the credit clients are not in {DATA}")

SEX, AGE = Protected("sex"), Protected("age", bands=(25, 40, 60))
SPEC = ModelSpec(train_days=None, test_days=1, split="random", trials=1)
DECISION = DecisionPolicy("approve", "decline", Profit(good=0.1, bad=0.4))
POLICY = FairnessPolicy(
    (Jurisdiction("eu", "equal treatment", (Limit("selection_ratio", 0.8), Limit("true_positive_gap", 0.2))),)
)


@cache
def clients() -> tuple[TrainingRows, Split, Candidates]:
    """Payment history and balances decide; sex, age and marriage are kept out of the model."""
    with open(FILE, newline="") as file:
        lines = [*csv.reader(file)][1:]
    names, values = lines[0], np.array(lines[1:], dtype=np.float64)
    column = {name: place for place, name in enumerate(names)}
    kept = [name for name in names[1:-1] if name not in ("SEX", "AGE", "MARRIAGE")]
    rows = TrainingRows(
        matrix=np.ascontiguousarray(values[:, [column[name] for name in kept]], dtype=np.float32),
        columns=tuple(kept),
        sources=tuple(kept),
        y=values[:, -1].astype(np.int8),
        as_of=np.full(len(values), np.datetime64("2005-10-01", "us")),
        row_ids=values[:, 0].astype(np.int64),
        protected={
            "sex": np.where(values[:, column["SEX"]] == 2, "female", "male").astype(object),
            "age": values[:, column["AGE"]],
        },
    )
    split = split_at_random(rows.row_ids, rows.as_of, rows.y, spec=SPEC)
    return rows, split, train_candidates(rows, split, SPEC)


def test_fairness_by_sex_and_age_with_intervals() -> None:
    rows, split, candidates = clients()
    found = evaluate_model(
        rows, split, candidates.boosted, candidates.scorecard, decision=DECISION, protected=(SEX, AGE),
        gates=GatePolicy(min_auc=0.7), seed=7, fairness=POLICY,
    ).assessment  # fmt: skip
    assert found is not None
    sex, age, both = found.standings
    assert {group.group for group in sex.groups} == {"female", "male"}
    for standing in (sex, age, both):
        for group in standing.groups:
            assert group.accepted.low < group.accepted.value < group.accepted.high
    female, male = sex.groups
    assert female.accepted.low > male.accepted.low
    # People of 60 and over are few: they are judged as a group, and their crossings with sex in a pool or not at all.
    small = [group.group for group in both.groups if group.rows < 100]
    assert all(name.endswith("60 and over") for name in small)
    assert {gate.name for gate in found.gates} == {"eu_selection_ratio", "eu_true_positive_gap", "proxies"}
    for gate in found.gates:
        assert gate.passed is not None
        assert gate.passed or "cannot be judged" in gate.reason or "is required" in gate.reason


def test_mitigation_by_sex() -> None:
    rows, split, candidates = clients()
    frontier = mitigate(
        Mitigation("penalty", "sex", 0.025, strengths=5), SEX, rows, split, candidates.boosted,
        spec=SPEC, decision=DECISION, min_group_rows=100,
    ).frontier  # fmt: skip
    assert frontier is not None
    before, after = frontier.points[0], frontier.chosen
    assert after.method == "penalty"
    assert after.disparity <= 0.025 < 0.75 * before.disparity
    assert frontier.profit_lost < 0.1 * before.profit
