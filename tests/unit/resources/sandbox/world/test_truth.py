"""The truth about the bank's applicants: as good as the draws, and in no feed."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from resources.sandbox.world.lending import applications_feed
from resources.sandbox.world.repayments import true_probability
from resources.sandbox.world.truth import applicant_truth
from tests.unit.resources.sandbox.world.test_realism import SETTINGS, World


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_loans_default_as_often_as_the_truth_says(world: World) -> None:
    truth = true_probability(SETTINGS, world.requests, world.granted)[world.mature]
    bad = world.bad[world.mature]
    spread = np.sqrt((truth * (1 - truth)).sum())
    assert abs(bad.sum() - truth.sum()) < 4 * spread
    for low, high in ((0.0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1.0)):
        part = (truth >= low) & (truth < high)
        spread = np.sqrt((truth[part] * (1 - truth[part])).sum())
        assert abs(bad[part].sum() - truth[part].sum()) < 4 * spread, f"loans of {low} to {high}"


def test_no_score_is_better_than_the_truth_and_what_leaves_traces_is_nearly_all_of_it(world: World) -> None:
    truth = applicant_truth(SETTINGS)
    bad, mature = world.bad[world.mature], world.mature
    best, habits = (roc_auc_score(bad, score[mature]) for score in (truth.probability, truth.by_habits))
    bureau = roc_auc_score(bad, -np.nan_to_num(world.reports.score_at_request[mature], nan=640.0))
    assert best > habits > best - 0.01
    assert habits > bureau + 0.05, "one score alone tells much less"


def test_no_application_carries_the_truth(world: World) -> None:
    table = applications_feed(SETTINGS, world.people, world.requests).table
    truth = applicant_truth(SETTINGS).probability[: len(table)]
    for name in table.column_names:
        if np.issubdtype(table[name].to_numpy().dtype, np.number):
            assert abs(np.corrcoef(np.nan_to_num(table[name].to_numpy().astype(float)), truth)[0, 1]) < 0.7, name
