"""The published clients of credit cards, through the project's own training: five folds, and fairness of all scores."""

import json
import os

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from assets.evaluation.fairness.figures import assess
from assets.training.candidates import train_candidates
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split, Window
from tests.card_default.product import PRODUCT
from tests.card_default.rows import FILE, published_tables, training_rows

pytestmark = [
    pytest.mark.skipif(os.environ.get("LOOPLINE_CAMPAIGN") != "1", reason="minutes; run: make campaign"),
    pytest.mark.skipif(not FILE.is_file(), reason=f"the published clients are not at {FILE}"),
]
FOLDS = 5


def folds(rows: TrainingRows) -> list[Split]:
    """Each row is tested once; a part of the others calibrates. All decisions are of one moment."""
    random = np.random.default_rng(PRODUCT.model.seed)
    fold = random.permutation(len(rows)) % FOLDS
    window = Window(rows.as_of.min(), rows.as_of.max() + np.timedelta64(1, "D"))
    splits = []
    for number in range(FOLDS):
        others = random.permutation(np.flatnonzero(fold != number))
        border = round(len(others) * (1 - PRODUCT.model.calibrate_share))
        learn, calibrate = np.sort(others[:border]), np.sort(others[border:])
        splits.append(Split(learn, calibrate, np.flatnonzero(fold == number), window, window, window))
    return splits


def test_five_folds_rank_as_well_as_published_and_alike_for_men_and_women() -> None:
    rows = training_rows(PRODUCT, published_tables())
    scores, aucs = np.zeros(len(rows)), []
    for split in folds(rows):
        scores[split.test] = train_candidates(rows, split, PRODUCT.model).boosted.predict(rows.matrix[split.test])
        aucs.append(roc_auc_score(rows.y[split.test], scores[split.test]))
    reports = [
        assess(
            protected, rows.protected[protected.column], y=rows.y, scores=scores, threshold=0.5,
            min_group_rows=PRODUCT.gates.min_group_rows,
        )
        for protected in PRODUCT.protected
    ]  # fmt: skip
    print(json.dumps({"auc": aucs, "mean": np.mean(aucs), "groups": [one.to_dict() for one in reports]}, indent=2))
    assert np.mean(aucs) >= 0.784
    for report in reports:
        assert report.selection_ratio is not None
        assert report.selection_ratio > 0.8
        assert report.lowest_auc is not None
        assert report.lowest_auc > 0.75
