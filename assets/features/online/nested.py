"""Windows of one row as runs of sorted values with a common end, reduced together.

Belongs here: sums and extremes over such windows. Does not belong here: where a window begins (`one_row.py`,
`tile_values.py`), windows of many rows (`assets.features.kernel.windows`).
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from assets.features.columns.limits import WHOLE_LIMIT

NO_TIME = WHOLE_LIMIT
"""A time, positive or negative, that no event has."""


@dataclass(frozen=True)
class Reduction:
    """An associative operation that reduces values to one.

    Attributes:
        of_array: The operation on the values of an array.
        of_two: The operation on two results, as Python numbers.
        nothing: The result over no values, the operation's neutral element.
    """

    of_array: np.ufunc
    of_two: Callable[[Any, Any], Any]
    nothing: Any


SUM = Reduction(np.add, operator.add, 0)
EXTREMES: Mapping[str, Reduction] = {
    "min": Reduction(np.minimum, min, math.inf),
    "max": Reduction(np.maximum, max, -math.inf),
}
TIME_EXTREMES: Mapping[str, Reduction] = {
    "earliest": Reduction(np.minimum, min, NO_TIME),
    "latest": Reduction(np.maximum, max, -NO_TIME),
}
"""For each family of single events the reduction of the events' times."""


class Nested:
    """Windows over n values, all of them up to the end.

    The values between one window's start and the next are reduced once, as a run; a window combines all runs from its
    start on.

    Args:
        starts: Where each window begins; a window that begins at n is empty.
    """

    def __init__(self, starts: Sequence[int], n: int) -> None:
        self._starts = sorted({start for start in starts if start < n})
        place = {start: number for number, start in enumerate(self._starts)}
        self._runs = [place.get(start, len(place)) for start in starts]

    def reduced(self, values: np.ndarray, reduction: Reduction) -> list[Any]:
        """The reduced values of each window, as Python numbers."""
        runs = reduction.of_array.reduceat(values, self._starts).tolist() if self._starts else []
        results = list(accumulate(reversed(runs), reduction.of_two, initial=reduction.nothing))
        results.reverse()
        return [results[run] for run in self._runs]
