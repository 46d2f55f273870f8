"""Intervals that may be read after every row: of a mean, and of the difference between two arms.

Belongs here: confidence sequences, for reports of A/B tests (profit a decision, bad rate). Does not belong here: the
tests by which a rollout is stopped (`rates.py`, `means.py`).

The sequence is the empirical Bernstein one of Howard, Ramdas, McAuliffe and Sekhon (Time-uniform, nonparametric,
nonasymptotic confidence sequences, Annals of Statistics 2021, theorem 4). With y between 0 and 1, p a prediction of y
known before the row, S the sum of (y - mean of y at that moment) and V the sum of (y - p)^2, exp(bet S - psi(bet) V)
is a supermartingale for each bet between 0 and 1, psi(bet) = -log(1 - bet) - bet (after Fan, Grama and Liu, 2015).
The mixture over a grid of bets stays below 2/alpha with probability 1 - alpha/2 on each side, at all rows at once.
The interval holds the *average of the means at the moments of the rows*, however the mean drifts; it does not suppose
that rows are alike. The interval of a difference is that of the weighted differences of `means.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from assets.rollout.evidence.means import centres, weighted
from assets.rollout.evidence.rows import ArmRows, EvidenceError, checked_range
from assets.rollout.evidence.wealth import State, log_mixture, log_threshold, running, same_settings

GRID = np.geomspace(0.9, 1e-4, 32)
_PSI = -np.log1p(-GRID) - GRID
_HALVINGS = 60


class Interval(NamedTuple):
    """An interval, and the estimate within it; `None` for the estimate without rows."""

    low: float
    high: float
    estimate: float | None


def log_deviation_wealth(deviation: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the mixture's wealth [...] on one side, for sums S and V."""
    return log_mixture(deviation[..., None] * GRID - variance[..., None] * _PSI)


def largest_deviation(variance: float, alpha: float) -> float:
    """What the sum S exceeds with probability alpha at most, at any row, for a sum of squares V."""
    threshold = log_threshold(alpha)
    low, high = 0.0, float(((threshold + np.log(len(GRID)) + _PSI * variance) / GRID).min())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if log_deviation_wealth(np.array(middle), np.array(variance)) < threshold:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True, kw_only=True)
class _Sequence(State):
    """What both intervals share.

    Attributes:
        low, high: Smallest and largest value that a row can have.
        rows: Rows with a value.
        variance: Sum of squared deviations from what was predicted, for values scaled to 0 to 1.
        centre: Prediction of the next value, on that scale.
        missing: Rows without a value.
    """

    low: float = 0.0
    high: float = 1.0
    rows: int = 0
    variance: float = 0.0
    centre: float = 0.5
    missing: int = 0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise EvidenceError(f"the range {self.low:g} to {self.high:g} is empty; give smallest and largest value")

    def _scaled(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        checked_range("value", value, self.low, self.high)
        return np.asarray((value - self.low) / (self.high - self.low))


AnySequence = TypeVar("AnySequence", bound=_Sequence)


@dataclass(frozen=True, kw_only=True)
class MeanInterval(_Sequence):
    """Interval of the mean of one stream of rows, for example one arm's profit a decision.

    Attributes:
        total: Sum of the values, scaled to 0 to 1.
    """

    total: float = 0.0

    def update(self, value: NDArray[np.float64]) -> Self:
        """The state after further rows; NaN is a row without a value.

        Raises:
            EvidenceError: A value is outside the range.
        """
        scaled = self._scaled(value[~np.isnan(value)])
        predicted = centres(self.centre, self.rows, scaled)
        return replace(
            self, rows=self.rows + len(scaled), centre=float(predicted[-1]),
            total=float(running(self.total, scaled)[-1]),
            variance=float(running(self.variance, (scaled - predicted[:-1]) ** 2)[-1]),
            missing=self.missing + len(value) - len(scaled),
        )  # fmt: skip

    @classmethod
    def combined(cls, states: Sequence[Self]) -> Self:
        """One state of several processes with rows of their own.

        Raises:
            EvidenceError: There is none, or their ranges differ.
        """
        return _added(same_settings(states, "low", "high"), states, "total")

    def interval(self, alpha: float) -> Interval:
        """Holds the average mean at all rows at once with probability 1 - alpha."""
        if not self.rows:
            return Interval(self.low, self.high, None)
        mean, half = self.total / self.rows, largest_deviation(self.variance, alpha / 2) / self.rows
        low, high, estimate = (self.low + (self.high - self.low) * y for y in (mean - half, mean + half, mean))
        return Interval(max(low, self.low), min(high, self.high), estimate)


@dataclass(frozen=True, kw_only=True)
class DifferenceInterval(_Sequence):
    """Interval of the challenger's mean less the champion's, at one share.

    Attributes:
        share: The challenger's share, above 0 and below 1.
        sum_difference: Sum of the weighted differences, scaled to -1 to 1; `variance` is that of their squares.
    """

    share: float
    sum_difference: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.share < 1:
            raise EvidenceError(f"the share is {self.share:g}; it must be above 0 and below 1 for a comparison")

    def update(self, rows: ArmRows) -> Self:
        """The state after further rows, of which only those that count are used.

        Raises:
            EvidenceError: A value is outside the range, or a row has another share.
        """
        if np.any(rows.share != self.share):
            raise EvidenceError(f"a row has another share than {self.share:g}; keep one state a share")
        used = rows.counts & ~rows.missing
        scaled, challenger = self._scaled(rows.value[used]), rows.challenger[used]
        centre = centres(self.centre, self.rows, scaled)
        difference = self._unit * weighted(scaled, challenger, rows.share[used], centre[:-1])
        return replace(
            self, rows=self.rows + len(scaled), centre=float(centre[-1]),
            sum_difference=float(running(self.sum_difference, difference)[-1]),
            variance=float(running(self.variance, difference**2)[-1]),
            missing=self.missing + int(rows.missing.sum()),
        )  # fmt: skip

    @property
    def _unit(self) -> float:
        return min(self.share, 1 - self.share)

    @classmethod
    def combined(cls, states: Sequence[Self]) -> Self:
        """One state of processes that count no entity twice between them.

        Raises:
            EvidenceError: There is none, or their settings differ.
        """
        return _added(same_settings(states, "low", "high", "share"), states, "sum_difference")

    def interval(self, alpha: float) -> Interval:
        """Holds the average difference at all rows at once with probability 1 - alpha."""
        width = self.high - self.low
        if not self.rows:
            return Interval(-width, width, None)
        scale = width / self._unit / self.rows
        half = largest_deviation(self.variance, alpha / 2) * scale
        estimate = self.sum_difference * scale
        return Interval(max(estimate - half, -width), min(estimate + half, width), estimate)


def _added(first: AnySequence, states: Sequence[AnySequence], sum_name: str) -> AnySequence:
    changes: dict[str, Any] = {
        name: sum(getattr(state, name) for state in states) for name in ("rows", "variance", "missing", sum_name)
    }
    return replace(first, centre=sum(state.centre for state in states) / len(states), **changes)
