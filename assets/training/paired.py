"""Losses of the same rows, compared.

Belongs here: the mean difference and its standard error, by which every choice of training is made. Does not belong
here: the choices (`calibrate.py`, `contest`).
"""

import numpy as np
from numpy.typing import NDArray


def paired(losses: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float]:
    """The mean of the differences of losses of the same rows, and its standard error.

    What is hard about a row for both cancels out, so that small differences between models show.
    """
    difference = losses - others
    if len(difference) < 2:
        return float(difference.mean()), 0.0
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference)))
