"""The population stability index: how far shares of rows have moved.

Belongs here: the formula over counts. Monitoring applies it to live rows, evaluation to the scores of a candidate, so
that a limit means the same in both. Does not belong here: how rows are put into bins, or which index is too high.

PSI (Siddiqi, Credit Risk Scorecards, 2006) = sum over bins of (q - p) ln(q / p), with p the reference's share of rows
and q that of the other rows. Half a row is added to every bin on both sides (Jeffreys' prior), so that an empty bin is
finite. Two samples of n and m rows from one distribution have a PSI of about (bins - 1) (1/n + 1/m), its chi-squared
limit (Yurdakul, 2018). By custom, below 0.1 is stable and above 0.25 has shifted.
"""

import numpy as np
from numpy.typing import NDArray


def psi(expected: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The index of each window's counts against the reference counts.

    Args:
        expected: Reference rows per bin, int64 [bins].
        counts: Rows per bin, int64 [windows, bins].

    Returns:
        float64 [windows].
    """
    bins = len(expected)
    p = (expected + 0.5) / (expected.sum() + 0.5 * bins)
    q = (counts + 0.5) / (counts.sum(axis=1, keepdims=True) + 0.5 * bins)
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=1), dtype=np.float64)
