"""Faults in numbers: another unit, another sign, rounding.

Belongs here: comparing the counts by cell of a day with those of the days before, the factor between them, the step of
the values. Does not belong here: the cells (`cells.py`), missing values (`presence.py`).

Distances are between distribution functions of the values other than zero: the largest difference that remains when
either may be moved by one cell (Lévy's distance, on the logarithmic scale). How far usual days lie from each other is
measured on the days before themselves, so that seasons of the week and columns that vary much have wider limits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.monitoring.faults.cells import MAGNITUDES, NUMBER_CELLS, PER_DECADE, STEPS, middle_of
from assets.monitoring.faults.finding import Recognised
from assets.monitoring.faults.fingerprint import ColumnPrint
from assets.monitoring.faults.presence import ENOUGH, SURPRISE

_ENOUGH = 8
"""Fewer values than these have no distribution."""
_LEAST_DISTANCE, _LEAST_SCALED = 0.1, 0.25
_WIDER, _LEAST_Z = 1.5, 2.0
"""A day has moved beyond so many times the largest distance of a usual day, in standard deviations, and beyond this."""
_BETTER = 3.0
"""With the right factor the distance is at most this part of the distance without it."""
_LEAST_SHIFT = 6
"""Cells: smaller factors than 2 are how business changes, and drift."""
_LONGEST_SHIFT = 9 * PER_DECADE
_LIKELY = tuple(
    sign * factor
    for factor in (
        *(10.0**power for power in range(-9, 10) if power),
        *(base**power for base in (7.0, 12.0, 24.0, 60.0, 365.0, 1024.0, 3600.0, 86_400.0) for power in (1, -1)),
    )
    for sign in (1.0, -1.0)
)
"""Factors of units: decimals, weeks, months, hours, minutes, years, seconds."""
_NEAR = 0.06
_FEW_FINER, _USUALLY_FINER = 0.01, 0.3


@dataclass(frozen=True)
class Distances:
    """How far a day lies from the days before, and how far any of them may.

    Attributes:
        today: Counts by cell of the day's values other than zero, int64 [NUMBER_CELLS].
        usual: The same of all days before together.
        distance: Between them, 0 to 1.
        limit: What usual days do not exceed.
    """

    today: NDArray[np.int64]
    usual: NDArray[np.int64]
    distance: float
    limit: float

    @property
    def moved(self) -> bool:
        """Whether the day is not like those before."""
        return self.distance > max(self.limit, _LEAST_DISTANCE)


def number_fault(
    name: str, today: ColumnPrint, before: Sequence[ColumnPrint], found: Distances | None
) -> Recognised | None:
    """The fault in the values of a numeric column, or `None`; arguments as `presence_fault`.

    Args:
        found: The distances of the day from the days before.
    """
    if found is not None and found.moved and found.distance >= _LEAST_SCALED:
        scaled = _scaled(name, found)
        if scaled is not None:
            return scaled
    return _rounded(name, today, before)


def distances(today: ColumnPrint, before: Sequence[ColumnPrint]) -> Distances | None:
    """How far the day lies from the days before; `None` where either has too few values other than zero."""
    counts, first = _dense([*before, today])
    if counts[-1].sum() < _ENOUGH and len(before) > 1:
        # A day with few values is judged together with the day before it: a fault that stays is told on its second day.
        counts = np.vstack([counts[:-2], counts[-2:].sum(axis=0)])
    rows = counts.sum(axis=1)
    usual, own = counts[:-1].sum(axis=0), counts[-1]
    if rows[-1] < _ENOUGH or usual.sum() < ENOUGH:
        return None
    judged = np.flatnonzero(rows[:-1] >= _ENOUGH)
    others = usual - counts[judged]
    kept = others.sum(axis=1) >= ENOUGH
    judged, others = judged[kept], others[kept]
    z = _levy(counts[judged], others) / _deviation(rows[judged], others.sum(axis=1)) if len(judged) else np.zeros(0)
    widest = max(_LEAST_Z, _WIDER * float(z.max(initial=0.0)))
    limit = widest * float(_deviation(rows[-1:], usual.sum()[None])[0])
    distance = float(_levy(own[None], usual[None])[0])
    return Distances(_whole(own, first), _whole(usual, first), distance, limit)


def _scaled(name: str, found: Distances) -> Recognised | None:
    """Another unit or sign: the factor by which the usual values are those of the day."""
    shifts = np.arange(-_LONGEST_SHIFT, _LONGEST_SHIFT + 1)
    best: tuple[float, int, int] | None = None
    for sign in (1, -1):
        moved = _multiplied(found.usual, shifts, sign)
        fits = _levy(np.broadcast_to(found.today, moved.shape), moved)
        # Of shifts that fit alike the smallest one is the plainest.
        order = np.lexsort((np.abs(shifts), np.round(fits, 3)))
        candidate = (float(fits[order[0]]), int(shifts[order[0]]), sign)
        if best is None or candidate[0] < best[0] - 1e-3:
            best = candidate
    if best is None:
        return None
    fit, shift, sign = best
    if sign > 0 and abs(shift) < _LEAST_SHIFT:
        return None
    if fit > max(found.limit, _LEAST_DISTANCE / 2) or fit > found.distance / _BETTER:
        return None
    factor = sign * _factor(found, shift, sign)
    is_few = min(np.count_nonzero(found.today), np.count_nonzero(found.usual)) < 3 or found.today.sum() < ENOUGH
    if is_few and not math.log10(abs(factor)).is_integer():  # few values may be any multiple of others by chance
        return None
    figures = {
        "factor": factor, "middle": _middle(found.today), "usual": _middle(found.usual),
        "distance": found.distance, "distance_without": fit, "rows": int(found.today.sum()),
    }  # fmt: skip
    return Recognised(name, "scaled" if factor > 0 else "sign_flipped", figures)


def _factor(found: Distances, shift: int, sign: int) -> float:
    """The size of the factor: a likely one if the measured one is near it, else the measured one to two digits."""
    usual = found.usual[::-1] if sign < 0 else found.usual
    measured = 10 ** ((_mean_magnitude(found.today) - _mean_magnitude(usual)) / PER_DECADE)
    if abs(PER_DECADE * math.log10(measured) - shift) > 2:  # the tails differ: the shift that fits is nearer
        measured = 10 ** (shift / PER_DECADE)
    if abs(math.log10(measured)) < _NEAR:
        return 1.0
    near = [factor for factor in _LIKELY if factor > 0 and abs(math.log10(measured / factor)) < _NEAR]
    return min(near, key=lambda factor: abs(math.log10(measured / factor))) if near else float(f"{measured:.2g}")


def _rounded(name: str, today: ColumnPrint, before: Sequence[ColumnPrint]) -> Recognised | None:
    """Values that are all multiples of a step, where many were finer."""
    with_steps = [np.array(day.steps) for day in before if sum(day.steps) >= _ENOUGH]
    own = np.array(today.steps)
    if not with_steps or own.sum() < _ENOUGH:
        return None
    finer = own.sum() - own.cumsum()
    usual = np.min([(day.sum() - day.cumsum()) / day.sum() for day in with_steps], axis=0)
    for at, step in enumerate(STEPS):
        few, often = finer[at] <= _FEW_FINER * own.sum(), float(min(usual[at], 1 - 1e-12))
        if few and often >= _USUALLY_FINER and -own.sum() * math.log1p(-often) >= SURPRISE:
            return Recognised(name, "rounded", {"step": 10.0**step, "usual": often, "rows": int(own.sum())})
    return None


def _dense(days: Sequence[ColumnPrint]) -> tuple[NDArray[np.int64], int]:
    """The counts of values other than zero of each day, int64 [days, cells], and the first of these cells.

    The cells are those that any day has, and one more at either end: a few dozen of all.
    """
    cells = [[cell for cell in day.cells if cell != MAGNITUDES] for day in days]
    every = [cell for of_day in cells for cell in of_day]
    first, last = (min(every) - 1, max(every) + 1) if every else (0, 0)
    counts = np.zeros((len(days), last - first + 1), dtype=np.int64)
    for at, (day, of_day) in enumerate(zip(days, cells, strict=True)):
        counts[at, np.array(of_day, dtype=np.int64) - first] = [day.cells[cell] for cell in of_day]
    return counts, first


def _whole(counts: NDArray[np.int64], first: int) -> NDArray[np.int64]:
    """Counts that begin with the cell `first`, among all cells."""
    found = np.zeros(NUMBER_CELLS, dtype=np.int64)
    inside = slice(max(first, 0), min(first + len(counts), NUMBER_CELLS))
    found[inside] = counts[inside.start - first : inside.stop - first]
    return found


def _deviation(rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(1 / rows + 1 / others), dtype=np.float64)


def _levy(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """The largest difference of two distribution functions, either moved by one cell: float64 [n]."""
    first, second = (counts.cumsum(axis=1) / counts.sum(axis=1, keepdims=True) for counts in (one, other))
    above = (first[:, :-1] - second[:, 1:]).max(axis=1)
    below = (second[:, :-1] - first[:, 1:]).max(axis=1)
    return np.asarray(np.maximum(0, np.maximum(above, below)), dtype=np.float64)


def _multiplied(counts: NDArray[np.int64], shifts: NDArray[np.int64], sign: int) -> NDArray[np.int64]:
    """The counts of values that are multiplied by 10^(shift / PER_DECADE), for each shift: int64 [shifts, cells]."""
    cells = np.flatnonzero(counts)
    magnitude = np.abs(cells - MAGNITUDES)
    moved = np.clip(magnitude[None] + shifts[:, None], 1, MAGNITUDES)
    target = MAGNITUDES + sign * np.sign(cells - MAGNITUDES)[None] * moved
    found = np.zeros((len(shifts), NUMBER_CELLS), dtype=np.int64)
    np.add.at(found, (np.arange(len(shifts))[:, None], target), counts[cells][None])
    return found


def _magnitudes(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts by size alone, whatever the sign: int64 [MAGNITUDES]."""
    return counts[MAGNITUDES + 1 :] + counts[:MAGNITUDES][::-1]


def _mean_magnitude(counts: NDArray[np.int64]) -> float:
    sizes = _magnitudes(counts)
    return float((sizes * np.arange(MAGNITUDES)).sum() / sizes.sum())


def _middle(counts: NDArray[np.int64]) -> float:
    """The median, to the width of a cell."""
    cell = int(np.searchsorted(counts.cumsum(), counts.sum() / 2))
    size = middle_of(abs(cell - MAGNITUDES) - 1)
    return float(f"{math.copysign(size, cell - MAGNITUDES):.3g}")
