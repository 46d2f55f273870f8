"""The interval around a predicted amount: split conformal prediction on rows that the model did not learn from.

Belongs here: its two numbers, fitted on the calibration rows. Does not belong here: applying them
(`assets.bundle.interval`), how often it held (`assets.evaluation.amounts`).

Lei et al., "Distribution-free predictive inference for regression", JASA 2018: where rows are exchangeable, the
interval holds the declared share of new rows. Where the model adds up logarithms, the error is a factor, and the
interval is wide where the amount is large.
"""

import numpy as np
from numpy.typing import NDArray

from assets.bundle.interval import Interval
from assets.product import Amount
from assets.product.target import Link


def fit_interval(target: Amount, amount: NDArray[np.float64], predicted: NDArray[np.float64]) -> Interval:
    """The interval of the declared coverage, each end with the same share of the rows beyond it.

    Args:
        amount, predicted: float64 [n] of the calibration rows.
    """
    form: Link = "identity" if float(predicted.min()) <= 0.0 else target.link
    errors = amount / predicted if form == "log" else amount - predicted
    beyond = (1.0 - target.coverage) / 2.0
    # One row more than there are, as a new row is one of them (Lei et al., theorem 2).
    low = _quantile(errors, beyond, "lower")
    high = _quantile(errors, 1.0 - beyond, "higher")
    return Interval(form, low, high, target.coverage)


def _quantile(errors: NDArray[np.float64], share: float, side: str) -> float:
    count = len(errors)
    ordered = np.sort(errors)
    place = int(np.floor((count + 1) * share)) - 1 if side == "lower" else int(np.ceil((count + 1) * share)) - 1
    return float(ordered[min(max(place, 0), count - 1)])
