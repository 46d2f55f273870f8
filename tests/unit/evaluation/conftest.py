"""One trained model and its evaluation, which the tests of this folder share."""

from dataclasses import dataclass

import pytest

from assets.evaluation.evaluate import Evaluation, evaluate_model
from assets.product import DecisionPolicy, GatePolicy, Profit, Protected
from assets.training.candidates import Candidates, train_candidates
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split, split_rows
from tests.support.models.studied import with_study
from tests.unit.training.conftest import MATURITY, SPEC, make_rows

DECISION = DecisionPolicy("approve", "decline", Profit(good=0.1, bad=0.5, stake="amount"))
PROTECTED = (Protected("sex"), Protected("age", bands=(25, 40, 60)))
GATES = GatePolicy(min_auc=0.7, min_group_rows=40)


@dataclass(frozen=True)
class Trained:
    rows: TrainingRows
    split: Split
    candidates: Candidates


@pytest.fixture(scope="session")
def trained() -> Trained:
    rows = make_rows()
    split = split_rows(rows.as_of, rows.y, spec=SPEC, maturity=MATURITY)
    return Trained(rows, split, train_candidates(rows, split, SPEC))


@pytest.fixture(scope="session")
def evaluation(trained: Trained) -> Evaluation:
    figures = evaluate_model(
        trained.rows,
        trained.split,
        trained.candidates.boosted,
        trained.candidates.scorecard,
        decision=DECISION,
        protected=PROTECTED,
        gates=GATES,
        seed=7,
    )
    return with_study(figures, trained.rows, trained.split, trained.candidates.boosted, DECISION)
