"""Sums of products of whole numbers over windows, exact at any size, and rounded once.

Belongs here: arithmetic beyond 64 bits. Does not belong here: the summands (`successions.py`, `decay.py`).
"""

from collections.abc import Sequence

import numpy as np

from assets.features.columns.limits import WHOLE_LIMIT
from assets.features.kernel.scope import totals


def exact_totals(factors: Sequence[np.ndarray], lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Sum over each window of the product of the factors: object [windows …] of Python's integers.

    The sums are differences of prefix sums of 64 bits. Where a window's sum might not fit, the largest factor is split
    into a high and a low half, which are summed separately.

    Args:
        factors: int64 [n] each, within ±2^62.
        lo, hi: Windows as positions, in any shape.
    """
    return _totals(list(factors), lo, hi, max(int((hi - lo).max(initial=0)), 1))


def _totals(factors: list[np.ndarray], lo: np.ndarray, hi: np.ndarray, longest: int) -> np.ndarray:
    sizes = [largest(values) for values in factors]
    bound = longest
    for size in sizes:
        bound *= size
    if bound < WHOLE_LIMIT:
        product = factors[0]
        for values in factors[1:]:
            product = product * values
        return totals(product, lo, hi).astype(object)
    number = sizes.index(max(sizes))
    others = factors[:number] + factors[number + 1 :]
    bits = max(sizes[number].bit_length() // 2, 1)
    high, low = factors[number] >> bits, factors[number] & ((1 << bits) - 1)
    return _totals([high, *others], lo, hi, longest) * (1 << bits) + _totals([low, *others], lo, hi, longest)


def largest(values: np.ndarray) -> int:
    """The largest size of whole numbers; 0 for none."""
    return max(int(values.max(initial=0)), -int(values.min(initial=0)))


def quotient(numerator: np.ndarray, denominator: np.ndarray, where: np.ndarray, empty: float) -> np.ndarray:
    """numerator / denominator of Python's integers, rounded once (to nearest, ties to even); elsewhere `empty`."""
    out = np.full(len(where), empty)
    out[where] = (numerator[where] / denominator[where]).astype(np.float64)
    return out
