"""What decisions by an amount earn, and the threshold that earns the most.

Belongs here: the earnings of rows with amounts, and the choice of the threshold beside rules. Does not belong here: the
same of a binary target (`profit.py`, `review.py`), whose curve over thresholds is used here.
"""

import sys

import numpy as np
from numpy.typing import NDArray

from assets.metrics.profit import ThresholdChoice, check_stake, curve_of
from assets.metrics.ranking import EvaluationError
from assets.product import DecisionPolicy, Profit
from assets.product.target import Amount

NEVER = sys.float_info.max
"""The threshold of a product that refuses nobody by its amounts: JSON has no infinity."""


def amount_earned(
    amount: NDArray[np.float64], profit: Profit, stake: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """What each row earns when accepted: `good` (a share of its stake where there is one) less `bad` times its amount.

    Raises:
        EvaluationError: The stake is missing, not expected or not finite.
    """
    check_stake(profit, stake, len(amount))
    good = np.full(len(amount), profit.good) if stake is None else profit.good * stake
    return np.asarray(good - profit.bad * amount, dtype=np.float64)


def choose_amount(
    predicted: NDArray[np.float64],
    amount: NDArray[np.float64],
    target: Amount,
    decision: DecisionPolicy,
    stake: NDArray[np.float64] | None,
    ruled: NDArray[np.int8] | None = None,
) -> ThresholdChoice:
    """The declared threshold, or the one that earns the most on the rows that no rule takes.

    At most `max_refused` of these rows are refused by a chosen threshold; a declared one refuses whom it refuses.

    Raises:
        EvaluationError: As `amount_earned`; or rules take every row.
    """
    earned = amount_earned(amount, decision.profit, stake)
    if target.threshold is not None:
        return at_amount(min(target.threshold, NEVER), predicted, amount, decision, stake, ruled)
    is_open = np.ones(len(amount), dtype=np.bool_) if ruled is None else ruled == 0
    if not is_open.any():
        raise EvaluationError(f"rules refuse or refer every one of the {len(amount)} rows; the model would decide none")
    curve = curve_of(predicted[is_open], earned[is_open])
    allowed = curve.refused_share <= decision.max_refused
    best = int(np.argmax(np.where(allowed, curve.profit, -np.inf)))
    # The first of the curve refuses nobody.
    threshold = NEVER if best == 0 else float(curve.thresholds[best])
    return at_amount(threshold, predicted, amount, decision, stake, ruled)


def at_amount(
    threshold: float,
    predicted: NDArray[np.float64],
    amount: NDArray[np.float64],
    decision: DecisionPolicy,
    stake: NDArray[np.float64] | None,
    ruled: NDArray[np.int8] | None = None,
) -> ThresholdChoice:
    """The profit on these rows, with their rules, of a threshold; a row that a rule refers earns nothing here."""
    earned = amount_earned(amount, decision.profit, stake)
    taken = np.zeros(len(amount), dtype=np.bool_) if ruled is None else ruled > 0
    refused = predicted >= threshold
    return ThresholdChoice(
        threshold=threshold,
        profit=float(earned[~refused & ~taken].sum()),
        profit_accept_all=float(earned.sum()),
        refused_share=float((refused | taken).mean()),
    )
