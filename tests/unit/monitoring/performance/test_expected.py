"""Expected figures and their intervals, by every labelling, by differences, and by drawn labels."""

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import auc as area
from sklearn.metrics import roc_auc_score

from assets.bundle.calibration import log_odds
from assets.monitoring.performance.expected import (
    alike_of,
    auc_of,
    bad_rate_of,
    confusion_of,
    interval_of,
    profit_of,
)
from assets.monitoring.performance.recalibration import Recalibration

P = np.array([0.05, 0.1, 0.1, 0.3, 0.45, 0.45, 0.7, 0.9])
ACCEPTED = P < 0.4
STAKE = np.array([3.0, 1.0, 2.0, 5.0, 1.0, 4.0, 2.0, 1.0])
CERTAIN = Recalibration(0.0, 1.0, np.zeros((2, 2)), 1000, 100)


def test_sums_are_those_over_every_labelling() -> None:
    profit = bad = 0.0
    counts = np.zeros(4)
    for labels in product((0, 1), repeat=8):
        y = np.array(labels)
        chance = np.prod(np.where(y == 1, P, 1 - P))
        profit += chance * (np.where(y == 1, -0.6, 0.1) * STAKE)[ACCEPTED].sum()
        bad += chance * y[ACCEPTED].mean()
        good = 1 - y
        each = y[~ACCEPTED].sum(), good[~ACCEPTED].sum(), y[ACCEPTED].sum(), good[ACCEPTED].sum()
        counts += chance * np.array(each)
    assert profit_of(P, ACCEPTED, STAKE, 0.1, 0.6).value == pytest.approx(profit, abs=1e-12)
    rate = bad_rate_of(P, ACCEPTED)
    assert rate is not None
    assert rate.value == pytest.approx(bad, abs=1e-12)
    assert list(confusion_of(P, ACCEPTED).values()) == pytest.approx(counts, abs=1e-12)


def nannyml_auc(p: np.ndarray) -> float:
    """The expected ROC curve by the cumulative sums of NannyML's CBPE, and the area under it."""
    thresholds = np.sort(p)
    true, false = np.cumsum(thresholds[::-1]), np.cumsum((1 - thresholds)[::-1])
    last = np.append(thresholds[::-1][1:] != thresholds[::-1][:-1], True)
    return float(area(np.append(0, false[last]) / false[-1], np.append(0, true[last]) / true[-1]))


@pytest.mark.parametrize("decimals", [1, 2, 12])
def test_the_auc_is_that_under_the_expected_curve(decimals: int) -> None:
    p = np.round(np.random.default_rng(3).beta(2, 9, 3000), decimals)
    found = auc_of(p, p)
    assert found is not None
    assert found.value == pytest.approx(nannyml_auc(p), abs=1e-9)


def test_gradients_are_differences() -> None:
    found = auc_of(P, P)
    assert found is not None
    for at in range(len(P)):
        step = np.zeros(len(P))
        step[at] = 1e-6
        up, down = auc_of(P, P + step), auc_of(P, P - step)
        assert up is not None
        assert down is not None
        assert found.gradient[at] == pytest.approx((up.value - down.value) / 2e-6, abs=1e-7)


@pytest.mark.parametrize("base", [0.02, 0.2])
def test_intervals_hold_the_figures_of_drawn_labels_and_of_a_fitted_map(base: float) -> None:
    """Labels are drawn from a map that differs from the one that is used by its declared error."""
    rng = np.random.default_rng(8)
    score = rng.beta(1.0, 1.0 / base - 1.0, 3000)
    accepted, stake = score < 2 * base, rng.lognormal(3, 0.7, 3000)
    error = np.array([[0.02, 0.004], [0.004, 0.003]])
    used = Recalibration(0.0, 1.0, error, 1000, 100)
    p = used.apply(score)
    ranking, earning = auc_of(score, p), profit_of(p, accepted, stake, 0.1, 0.6)
    assert ranking is not None
    intervals = interval_of(ranking, score, p, used), interval_of(earning, score, p, used)
    held = np.zeros(2)
    for terms in rng.multivariate_normal([0.0, 1.0], error, 400):
        truth = 1 / (1 + np.exp(-terms[0] - terms[1] * log_odds(score)))
        y = (rng.random(3000) < truth).astype(np.int8)
        values = roc_auc_score(y, score), (np.where(y == 1, -0.6, 0.1) * stake)[accepted].sum()
        held += [one.low <= value <= one.high for one, value in zip(intervals, values, strict=True)]
    assert (held / 400 >= 0.92).all()
    assert (held / 400 <= 0.985).all()


def test_few_expected_bad_rows_make_a_lopsided_interval() -> None:
    p = np.full(400, 0.005)
    found = interval_of(profit_of(p, np.ones(400, bool), np.ones(400), 0.0, 1.0), p, p, CERTAIN)
    assert found.value == pytest.approx(-2.0)
    assert found.value - found.low > 1.3 * (found.high - found.value)


def test_rows_of_an_entity_turn_out_alike() -> None:
    rng = np.random.default_rng(5)
    p, entity = np.full(4000, 0.2), np.repeat(np.arange(1000), 4)
    together = np.repeat(rng.random(1000) < 0.2, 4).astype(np.int8)
    figure = bad_rate_of(p, np.ones(4000, bool))
    assert figure is not None
    assert alike_of(figure, p, together, (entity,)) == pytest.approx(4.0, rel=0.15)
    assert alike_of(figure, p, (rng.random(4000) < 0.2).astype(np.int8), (entity,)) < 1.2
    assert alike_of(figure, p, together, ()) == 1.0


def test_there_is_no_auc_of_certain_labels_and_no_bad_rate_of_nobody() -> None:
    assert auc_of(np.array([0.0, 0.0]), np.array([0.0, 0.0])) is None
    assert auc_of(np.array([]), np.array([])) is None
    assert bad_rate_of(P, np.zeros(8, bool)) is None
