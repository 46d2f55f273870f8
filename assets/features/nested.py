"""Windows of one row as runs of sorted values that end together, each reduced once for all of them.

Belongs here: sums and extremes over such windows. Does not belong here: where a window begins (`one_row.py`,
`tile_values.py`), windows of many rows (`windows.py`).
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NOWHERE = 2**62
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


def nested(values: np.ndarray, starts: Sequence[int], reduction: Reduction) -> list[Any]:
    """The values reduced from each start to their end, as Python numbers, in the order of the starts.

    What lies between a start and the next one is reduced once; the results are put together from the end on.
    """
    places = sorted({start for start in starts if start < len(values)})
    total = reduction.nothing
    found = {len(values): total}
    if places:
        parts = reduction.of_array.reduceat(values, places).tolist()
        for start, part in zip(reversed(places), reversed(parts), strict=True):
            total = found[start] = reduction.of_two(total, part)
    return [found[start] for start in starts]
