"""The page of a rollout: what was declared before it began, the interval over time, arms, assignment and verdict."""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from assets.product import Verdict
from assets.rollout.moves import last_begun, promoted
from assets.rollout.outcomes.cohorts import interval_path
from assets.rollout.outcomes.results import results_of
from assets.rollout.page import to_html
from assets.rollout.steps import Signals
from assets.rollout.steward import Look
from assets.rollout.trial import Trial, read_together
from resources.lake import Lake
from resources.rollout_store.manifest import RolloutManifest
from tests.support.models.evaluated_bundle import PRODUCT
from tests.unit.rollout.outcomes.test_results import AB_TEST, TERMS, ab_test, outcomes
from tests.unit.rollout.rollout_samples import BEGUN, WHO, seen

POLICY = replace(AB_TEST, hypothesis="fewer defaults at < 5%")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def kept(lake: Lake, state: RolloutManifest, rows: int, bad: float) -> None:
    table = outcomes(state, rows, {"1": 0.2, "2": bad})
    lake.replace("loans/outcomes", table, days=[date(2026, 9, 1)])


def looked(state: RolloutManifest) -> Look:
    rows = list(seen(state, 2_000, np.random.default_rng(1)))
    trial = Trial.none(state.rollout, POLICY, BEGUN).after(rows, BEGUN)
    signals = read_together([trial], POLICY, state.stage)
    return Look(state, signals, Verdict("hold", ("it lasts until 2026-05-30",)), "2")


def test_the_page_has_the_declaration_the_interval_the_assignment_and_the_verdict(lake: Lake) -> None:
    state = ab_test(POLICY)
    kept(lake, state, 6_000, 0.45)
    page = to_html(PRODUCT, state, looked(state), results_of(lake, PRODUCT, state))
    for said in (
        "As declared before it began", "fewer defaults at &lt; 5%", "bad rate of a decision", "90 days",
        "Version 2 beside the champion: worse", "The assignment is as declared", "Verdict: hold",
        "it lasts until 2026-05-30", "inverse propensity", "doubly robust",
    ):  # fmt: skip
        assert said in page, said
    assert 'src="data:image/png;base64,iVBOR' in page
    assert not re.search(r"<script|https?://", page), "it needs nothing from elsewhere"


def test_the_interval_over_time_narrows_around_the_truth_and_ends_at_the_present_one(lake: Lake) -> None:
    state = ab_test(POLICY)
    kept(lake, state, 6_000, 0.3)
    results = results_of(lake, PRODUCT, state)
    (path,), (test,) = results.paths, results.experiments
    assert (path[-1].low, path[-1].high) == (test.low, test.high)
    assert len(path) == 60
    assert [point.decisions for point in path] == sorted(point.decisions for point in path)
    assert path[-1].high - path[-1].low < 0.5 * (path[2].high - path[2].low)
    assert all(point.low < (0.3 - 0.2) * 0.9 < point.high for point in path)
    assert path[-1].at == BEGUN + timedelta(seconds=5_999)


def test_a_test_that_has_ended_keeps_its_page(lake: Lake) -> None:
    state = ab_test(POLICY)
    kept(lake, state, 3_000, 0.45)
    ended = promoted(state, WHO)
    begun = last_begun(ended)
    assert begun is not None
    assert (begun.rollout, begun.policy, begun.versions, begun.who.by) == (state.rollout, POLICY, ("2",), WHO.by)
    none = Look(ended, Signals(requests={}, evidence={}), Verdict("hold", ("no rollout is under way",)))
    page = to_html(PRODUCT, ended, none, results_of(lake, PRODUCT, ended))
    assert "Version 2 decides alone" in page
    assert "fewer defaults" in page
    assert "beside the champion: worse" in page


def test_without_labels_the_page_says_so(lake: Lake) -> None:
    state = ab_test(POLICY)
    page = to_html(PRODUCT, state, looked(state), results_of(lake, PRODUCT, state))
    assert "No label is due yet." in page
    rows = outcomes(state, 10, {"1": 0.1, "2": 0.1}).slice(0, 0)
    assert interval_path(rows, "2", POLICY, TERMS) == ()
