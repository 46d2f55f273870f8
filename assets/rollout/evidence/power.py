"""How many rows a test needs to find an effect: the power of the e-processes of this package.

Belongs here: the rows of each arm after which a test has probably found an effect, were there one. Does not belong
here: the tests (the other modules), what a step of a rollout asks for (`assets.rollout.steps`).

A test's wealth grows by the logarithm of what the best of its bets pays. Were the effect there, a row would add g on
average, with the variance v; after n rows the logarithm is about normal with mean n g and variance n v. The test has
found the effect in four of five cases once n g - z sqrt(n v) reaches the threshold and the price of not knowing the
best bet, log(16), and of not knowing the side, log(2). What a row adds follows from the effect and from what is known
of the champion: its rate of events, as far as they count, or the variance of the values. Before anything is known, a
rate is taken for the rarest that the guard is asked about, and a variance for the largest that there is.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.rollout.evidence.means import MeanShift, PairedShift
from assets.rollout.evidence.rates import ODDS, FlipShare, RateIncrease
from assets.rollout.evidence.wealth import BETS, Needed, log_threshold

EffectTest = FlipShare | MeanShift | PairedShift | RateIncrease
_QUANTILE = 0.8416
"""Of the standard normal distribution, for four of five cases."""
_PAIRED = 0.5
"""The share at which `RateIncrease` is told the two answers to one request."""


@dataclass(frozen=True)
class Asked:
    """What a test is asked to find.

    Attributes:
        effect: The increase: of a rate relative to the champion's (1: twice as many), else a difference or a share.
        alpha: The test's share of the false-alarm rate.
        share: The challenger's share of the entities; 0 where both answer each request.
        rare: The effect on a rate below this is that on this rate.
    """

    effect: float
    alpha: float
    share: float
    rare: float


def needed(test: EffectTest, asked: Asked) -> Needed | None:
    """The rows that a test needs, by what it has seen so far; `None` where no number of rows finds the effect."""
    match test:
        case RateIncrease():
            share = asked.share or _PAIRED
            rows = _rate_rows(test, asked, share)
        case MeanShift():
            share, rows = asked.share, _shift_rows(test, asked)
        case PairedShift():
            # Each request is a row of both.
            share, rows = _PAIRED, 2.0 * _paired_rows(test, asked)
        case FlipShare():
            share, rows = _PAIRED, 2.0 * _flip_rows(test, asked)
    if math.isinf(rows):
        return None
    return Needed(math.ceil(rows * (1.0 - share)), math.ceil(rows * share))


def _rate_rows(test: RateIncrease, asked: Asked, share: float) -> float:
    """Of both arms together. Rows of entities that have counted bring nothing: the champion's rate falls as they do."""
    rows = sum(row.rows_champion for row in test.counts)
    counted = sum(row.counted_champion for row in test.counts)
    # Before the first row this is the rate for which most rows are needed.
    rate = (counted + 1.0) / (rows + 1.0 / asked.rare)
    worse = rate + asked.effect * max(rate, asked.rare)
    if worse > 1.0:
        return 0.0  # no rate is so much higher: there is no such effect to find
    events = share * worse + (1.0 - share) * rate
    chance = share * worse / events
    (limit,) = test.limits(np.array([share]))
    return _rows(*_bets_on_events(chance, float(limit), events), log_threshold(asked.alpha) + math.log(len(ODDS)))


def _flip_rows(test: FlipShare, asked: Asked) -> float:
    return _rows(*_bets_on_events(asked.effect, test.tolerance, 1.0), log_threshold(asked.alpha) + math.log(len(ODDS)))


def _bets_on_events(chance: float, limit: float, events: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and second moment of what a row adds to each bet, where a share of rows has an event."""
    lost = -np.log(1.0 - limit + limit * ODDS)
    won = lost + np.log(ODDS)
    return events * (chance * won + (1.0 - chance) * lost), events * (chance * won**2 + (1.0 - chance) * lost**2)


def _shift_rows(test: MeanShift, asked: Asked) -> float:
    share, centre = asked.share, test.centre
    above = max(centre / share, (1 - centre) / (1 - share)) + test.bound
    below = max((1 - centre) / share, centre / (1 - share)) + test.bound
    variance = _variance(test.sum_squares, test.rows_champion + test.rows_challenger) / (share * (1 - share))
    # Either side may be the one that has moved.
    return max(_mean_rows(asked, test.bound, variance, loss) for loss in (above, below))


def _paired_rows(test: PairedShift, asked: Asked) -> float:
    return _mean_rows(asked, test.bound, _variance(test.sum_squares, test.rows), 1.0 + test.bound)


def _variance(squares: float, rows: int) -> float:
    """Of values between 0 and 1: at first 1/4, the largest that they can have."""
    return (squares + 1.0) / (rows + 4.0)


def _mean_rows(asked: Asked, bound: float, variance: float, loss: float) -> float:
    gain = asked.effect - bound
    # log(1 + x) is x - x^2/2 for the small part of the wealth that a row moves.
    mean = BETS * gain / loss
    square = BETS**2 * (variance + gain**2) / loss**2
    target = log_threshold(asked.alpha) + math.log(len(BETS)) + math.log(2.0)
    return _rows(mean - square / 2.0, square, target)


def _rows(mean: NDArray[np.float64], square: NDArray[np.float64], target: float) -> float:
    """The smallest n of a bet for which n mean - z sqrt(n variance) reaches the target."""
    grows = mean > 0.0
    if not grows.any():
        return math.inf
    mean, variance = mean[grows], np.maximum(square[grows] - mean[grows] ** 2, 0.0)
    spread = _QUANTILE * np.sqrt(variance)
    root = (spread + np.sqrt(spread**2 + 4.0 * mean * target)) / (2.0 * mean)
    return float((root**2).min())
