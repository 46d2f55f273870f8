"""Windows of one row as runs of sorted values that end together, each reduced once for all of them.

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

NOWHERE = WHOLE_LIMIT
"""A moment that no event has."""


@dataclass(frozen=True)
class Reduction:
    """How values become one.

    Attributes:
        of_array: Of the values of a run.
        of_two: Of two results, as Python numbers.
        nothing: The result over no values, which changes no other.
    """

    of_array: np.ufunc
    of_two: Callable[[Any, Any], Any]
    nothing: Any


SUM = Reduction(np.add, operator.add, 0)
EXTREMES: Mapping[str, Reduction] = {
    "min": Reduction(np.minimum, min, math.inf),
    "max": Reduction(np.maximum, max, -math.inf),
}
MOMENTS: Mapping[str, Reduction] = {
    "earliest": Reduction(np.minimum, min, NOWHERE),
    "latest": Reduction(np.maximum, max, -NOWHERE),
}
"""Of the moments of events: those of the family's event."""


class Nested:
    """Windows over n values, all of them up to the end.

    What lies between a beginning and the next one is reduced once; the windows are put together from the end on.

    Args:
        starts: Where each window begins; at n, it is empty.
    """

    def __init__(self, starts: Sequence[int], n: int) -> None:
        self._starts = sorted({start for start in starts if start < n})
        place = {start: number for number, start in enumerate(self._starts)}
        self._runs = [place.get(start, len(place)) for start in starts]

    def reduced(self, values: np.ndarray, reduction: Reduction) -> list[Any]:
        """The values of each window reduced, as Python numbers."""
        parts = reduction.of_array.reduceat(values, self._starts).tolist() if self._starts else []
        found = list(accumulate(reversed(parts), reduction.of_two, initial=reduction.nothing))
        found.reverse()
        return [found[run] for run in self._runs]
