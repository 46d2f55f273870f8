"""Agreement between reviewers: equal to scikit-learn's and statsmodels' figures, and to Krippendorff's own example."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from assets.metrics.agreement import NOT_SAID, agreement_of, cohen_kappa, krippendorff_alpha
from tests.benchmarks.processes import PEERS

INTERPRETER = os.environ.get("LOOPLINE_PEERS", str(PEERS))
HAS_STATSMODELS = any(Path(INTERPRETER).parent.parent.glob("lib/python*/site-packages/statsmodels/__init__.py"))
_PEER = """
import json, sys
import numpy as np
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa
print(fleiss_kappa(aggregate_raters(np.array(json.load(sys.stdin)))[0]))
"""


@pytest.mark.parametrize("seed", range(6))
def test_kappa_of_two_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 2 + seed % 2, 40)
    words = np.stack([first, np.where(rng.random(40) < 0.7, first, rng.integers(0, 2, 40))], axis=1)
    found = agreement_of(words)
    assert found.statistic == "cohen_kappa"
    assert found.value == pytest.approx(cohen_kappa_score(words[:, 0], words[:, 1]), abs=1e-12)
    assert found.observed == pytest.approx((words[:, 0] == words[:, 1]).mean())
    assert found.low is not None
    assert found.high is not None
    assert -1.0 <= found.low < found.value < found.high <= 1.0


def test_where_all_words_are_the_same_there_is_no_value() -> None:
    found = agreement_of(np.zeros((9, 2), dtype=np.int64))
    assert (found.value, found.observed, found.low) == (None, 1.0, None)
    assert agreement_of(np.zeros((9, 3), dtype=np.int64)).value is None
    assert agreement_of(np.empty((0, 2), dtype=np.int64)).cases == 0


def test_alpha_is_that_of_krippendorffs_example() -> None:
    """Four observers of twelve units with missing words: "Computing Krippendorff's Alpha-Reliability", section C."""
    said = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    words = np.array([[NOT_SAID if one == "." else int(one) for one in line.split()] for line in said]).T
    assert krippendorff_alpha(words) == pytest.approx(0.743, abs=5e-4)
    found = agreement_of(words)
    assert (found.statistic, found.cases) == ("krippendorff_alpha", 11)
    assert found.value == krippendorff_alpha(words)


def test_cases_of_one_word_and_reviewers_without_words_count_for_nothing() -> None:
    words = np.array([[0, 0], [1, 1], [0, 1], [1, 1], [0, 0]])
    more = np.full((7, 4), NOT_SAID)
    more[:5, 1:3], more[5, 1] = words, 1
    assert agreement_of(more) == agreement_of(words)
    assert agreement_of(words).value == cohen_kappa(words)


@pytest.mark.parametrize("reviewers", [2, 3])
def test_the_interval_holds_the_true_value_about_as_often_as_it_says(reviewers: int) -> None:
    """Each reviewer finds the truth in 85% of the cases, half of which are bad: kappa and alpha are 0.49."""
    held, rng = [], np.random.default_rng(8)
    for _ in range(300):
        truth = rng.integers(0, 2, (60, 1))
        words = np.where(rng.random((60, reviewers)) < 0.85, truth, 1 - truth)
        found = agreement_of(words)
        assert found.low is not None
        assert found.high is not None
        held.append(found.low <= 0.49 <= found.high)
    assert 0.91 <= np.mean(held) <= 0.985


@pytest.mark.skipif(not HAS_STATSMODELS, reason=f"{INTERPRETER} has no statsmodels")
def test_alpha_of_whole_cases_follows_from_statsmodels_kappa_of_fleiss() -> None:
    words = np.random.default_rng(3).choice([0, 1, 2], (50, 4), p=[0.5, 0.3, 0.2])
    words[:30, 1:] = words[:30, :1]
    made = subprocess.run([INTERPRETER, "-c", _PEER], input=json.dumps(words.tolist()), capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    fleiss = float(made.stdout)
    assert krippendorff_alpha(words) == pytest.approx(fleiss + (1.0 - fleiss) / words.size, abs=1e-12)
