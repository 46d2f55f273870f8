"""Fixed cells in which the values of a day are counted.

Belongs here: the cell of a number (by sign and magnitude), of a moment (by the half hour of its day), the step at which
a number is exact. The cells never change, so that counts of different days can be added and compared. Does not belong
here: the fingerprint that holds the counts (`fingerprint.py`), judging them (`numbers.py`, `feeds.py`).

A multiplication by a power of ten shifts counts by whole cells, and a change of sign mirrors them: cells of equal width
on a logarithmic scale are what makes a change of unit recognisable without the rows.
"""

import numpy as np
from numpy.typing import NDArray

PER_DECADE = 20
"""Cells for a factor of ten: one is 12% wide."""
_LOWEST, _HIGHEST = -6 * PER_DECADE, 15 * PER_DECADE
MAGNITUDES = _HIGHEST - _LOWEST + 1
"""Cells of each sign; what is smaller than a millionth or larger than 10^15 is in the outermost ones."""
NUMBER_CELLS = 2 * MAGNITUDES + 1
"""From the largest negative number over zero, in the middle, to the largest positive one."""
HALF_HOURS = 48
STEPS = (3, 2, 1, 0, -1, -2, -3, -4, -5, -6)
"""Powers of ten of which a number may be a multiple, the coarsest first."""
_EDGE = 1e-9


def number_cells(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The cell of each number, from 0 to NUMBER_CELLS - 1; no value may be NaN."""
    with np.errstate(divide="ignore"):
        scaled = np.floor(PER_DECADE * np.log10(np.abs(values)) + _EDGE)
    magnitude = np.where(values == 0, 0, np.clip(scaled, _LOWEST, _HIGHEST) - _LOWEST + 1)
    return np.asarray(MAGNITUDES + np.sign(values) * magnitude, dtype=np.int64)


def middle_of(magnitude: float) -> float:
    """The number in the middle, on the logarithmic scale, of a cell counted from that of the smallest ones (0)."""
    return float(10 ** ((magnitude + _LOWEST + 0.5) / PER_DECADE))


def half_hours(microseconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """The half hour of the UTC day of each moment, 0 to 47."""
    return (microseconds // (30 * 60 * 1_000_000)) % HALF_HOURS


def step_counts(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many numbers other than 0 are exact at each of STEPS and no coarser one; last, those at none: int64 [11]."""
    left = np.abs(values[(values != 0) & np.isfinite(values)])
    counts = np.zeros(len(STEPS) + 1, dtype=np.int64)
    for at, step in enumerate(STEPS):
        multiples = left * 10.0**-step
        exact = np.abs(multiples - np.round(multiples)) <= _EDGE * np.maximum(multiples, 1.0)
        exact &= np.round(multiples) >= 1
        counts[at] = int(exact.sum())
        left = left[~exact]
    counts[-1] = len(left)
    return counts
