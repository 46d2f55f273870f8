"""What decisions earn, and the threshold that earns the most.

Belongs here: profit over thresholds, for the product's `Profit`. Does not belong here: whether a profit suffices
(`assets.evaluation.gates`). A row is refused when its score is at or above the threshold.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from assets.metrics.ranking import EvaluationError
from assets.product import Profit


@dataclass(frozen=True, eq=False)
class ProfitCurve:
    """Profit at every threshold that changes a decision, from refusing nobody to refusing everybody.

    Attributes:
        thresholds: float64 [k], falling; each half-way between two neighbouring scores, so that rounding in the last
            digit of a score changes no decision.
        refused_share: float64 [k], rising from 0 to 1.
        profit: float64 [k], in the product's currency.
    """

    thresholds: NDArray[np.float64]
    refused_share: NDArray[np.float64]
    profit: NDArray[np.float64]


@dataclass(frozen=True)
class ThresholdChoice:
    """A threshold and its profit on some rows.

    Attributes:
        threshold: A score at or above it is refused.
        profit: With this threshold, in the product's currency.
        profit_accept_all: Profit when everybody is accepted.
        refused_share: Share of rows refused, 0 to 1.
        refer_threshold: The lowest score that is referred, the threshold or below; `None` with two answers.
        referred_share: Share of rows referred, 0 to 1.
    """

    threshold: float
    profit: float
    profit_accept_all: float
    refused_share: float
    refer_threshold: float | None = None
    referred_share: float = 0.0

    @property
    def refer_from(self) -> float:
        """The lowest score that is not accepted."""
        return self.threshold if self.refer_threshold is None else self.refer_threshold

    @property
    def gain(self) -> float | None:
        """Relative gain in profit over accepting everybody; `None` where accepting everybody earns exactly 0."""
        if self.profit_accept_all == 0.0:
            return None
        return (self.profit - self.profit_accept_all) / abs(self.profit_accept_all)

    def to_dict(self) -> dict[str, float | None]:
        """Ready for JSON."""
        left_out = {"refer_threshold", "referred_share"} if self.refer_threshold is None else set()
        kept = {name: value for name, value in asdict(self).items() if name not in left_out}
        return {**kept, "gain": self.gain}


def profit_curve(
    scores: NDArray[np.float64], y: NDArray[np.int8], profit: Profit, stake: NDArray[np.float64] | None
) -> ProfitCurve:
    """Profit as the threshold falls.

    Args:
        scores: float64 [n].
        y: int8 [n], 1 is the bad outcome.
        profit: Earnings and losses of an accepted row.
        stake: float64 [n] when `profit.stake` is set, else `None`.

    Raises:
        EvaluationError: There are no rows, or the stake is missing, not expected or not finite.
    """
    return curve_of(scores, earned_of(y, profit, stake))


def curve_of(scores: NDArray[np.float64], earned: NDArray[np.float64]) -> ProfitCurve:
    """`profit_curve` of rows whose earnings are known: float64 [n], what each earns where it is not refused.

    Raises:
        EvaluationError: There are no rows, or not one score for each.
    """
    if scores.shape != earned.shape or len(scores) == 0:
        raise EvaluationError(
            f"profit needs one score per label and at least one row: {scores.shape} and {earned.shape}"
        )
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last_of_run = np.append(falling[1:] != falling[:-1], True)
    refused = np.flatnonzero(last_of_run) + 1
    levels = falling[last_of_run]
    # Half-way to the next lower score; the lowest score has none, so it is its own threshold.
    middles = (levels[:-1] + levels[1:]) / 2.0
    thresholds = np.append(np.where(middles > levels[1:], middles, levels[:-1]), levels[-1])
    total = float(earned.sum())
    return ProfitCurve(
        thresholds=np.append(max(1.0, float(np.nextafter(levels[0], np.inf))), thresholds),
        refused_share=np.append(0.0, refused / len(scores)),
        profit=np.append(total, total - np.cumsum(earned[order])[last_of_run]),
    )


def choose_threshold(
    scores: NDArray[np.float64],
    y: NDArray[np.int8],
    profit: Profit,
    stake: NDArray[np.float64] | None,
    max_refused: float,
) -> ThresholdChoice:
    """The threshold that earns the most without refusing more than `max_refused` of the rows.

    Of equally good thresholds, the one that refuses the fewest rows. Choose it on the calibration rows, report it on
    the test rows (`at_threshold`).

    Raises:
        EvaluationError: As for `profit_curve`, or `max_refused` is not within 0 and 1.
    """
    if not 0.0 <= max_refused <= 1.0:
        raise EvaluationError(f"max_refused {max_refused} must be a share between 0 and 1")
    curve = profit_curve(scores, y, profit, stake)
    allowed = curve.refused_share <= max_refused
    best = int(np.argmax(np.where(allowed, curve.profit, -np.inf)))
    return ThresholdChoice(
        threshold=float(curve.thresholds[best]),
        profit=float(curve.profit[best]),
        profit_accept_all=float(curve.profit[0]),
        refused_share=float(curve.refused_share[best]),
    )


def at_threshold(
    threshold: float,
    scores: NDArray[np.float64],
    y: NDArray[np.int8],
    profit: Profit,
    stake: NDArray[np.float64] | None,
) -> ThresholdChoice:
    """The profit on these rows of a threshold that was chosen on other rows.

    Raises:
        EvaluationError: There are no rows, or the stake is missing, not expected or not finite.
    """
    earned = earned_of(y, profit, stake)
    if len(scores) == 0:
        raise EvaluationError("profit needs at least one row")
    refused = scores >= threshold
    return ThresholdChoice(
        threshold=threshold,
        profit=float(earned[~refused].sum()),
        profit_accept_all=float(earned.sum()),
        refused_share=float(refused.mean()),
    )


def earned_of(y: NDArray[np.int8], profit: Profit, stake: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """What each row earns when accepted: float64 [n].

    Raises:
        EvaluationError: The stake is missing, not expected or not finite.
    """
    check_stake(profit, stake, len(y))
    each = np.where(y == 1, -profit.bad, profit.good)
    if stake is None:
        return each.astype(np.float64)
    return np.asarray(each * stake, dtype=np.float64)


def check_stake(profit: Profit, stake: NDArray[np.float64] | None, rows: int) -> None:
    """Checks that the rows have the stake that the product declares.

    Raises:
        EvaluationError: It is missing, not expected or not finite, or there are more or fewer than rows.
    """
    if (profit.stake is None) != (stake is None):
        raise EvaluationError(
            f"the product's stake is {profit.stake!r}, but the rows have {'none' if stake is None else 'one'}: "
            "give both or neither"
        )
    if stake is not None and (stake.shape != (rows,) or not np.all(np.isfinite(stake))):
        raise EvaluationError(f"the stake '{profit.stake}' must be a finite number for each of the {rows} rows")
