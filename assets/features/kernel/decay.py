"""Counts and sums in which an event weighs the less the older it is.

Belongs here: exponential weights as whole numbers, and their sums. Does not belong here: other sums (`aggregates.py`).

With half-life h, a moment t has the mantissa m(t) = round(2^32 * 2^((t mod h) / h)), a whole number. An event at t
weighs m(t) / m(as_of) * 2^-k at the decision, where k = as_of // h - t // h. That is 2^(-age / h) within 2^-32 of
itself, and exactly 1 at age 0 and a half at age h. Half-lives are counted from 1970 in blocks of 16: an event four or
more blocks before the decision weighs nothing. Its age is more than 48 half-lives; all of 64 or more are among them.

The mantissas are summed exactly and the quotient is rounded once. So a value depends only on the events of its window
and on the decision's moment: neither on their order, nor on how the history was cut, nor on any event outside the
window. It is within 2^-32 of the sum of the terms' sizes from the true one. The cost is that of four windows a window,
however many events are in it.
"""

import math

import numpy as np

from assets.features.kernel.exact import exact_totals, quotient
from assets.features.kernel.scope import Measure, Member, Scope, both, counted

_BITS = 32
_BLOCK = 16
_BLOCKS = 4


def decayed(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """The decayed counts or sums of a measure, float64 [m] each."""
    keep, own, steps, mine, up, down = _terms(scope, measure)
    lo, hi = scope.window(measure)
    n = counted(keep, own, lo, hi)
    found: list[np.ndarray] = [np.empty(0)] * len(measure.members)
    for half_life in dict.fromkeys(_half_life(member) for member in measure.members):
        slots = [number for number, member in enumerate(measure.members) if member.half_life == half_life]
        low = lo[[measure.members[slot].window for slot in slots]]
        block, weight = _weights(scope.events.time, half_life)
        now, unit = _weights(scope.rows.as_of, half_life)
        total = _total(steps, weight, _runs(scope.events.entity, block), block, now, low, hi)
        unit = unit.astype(object) << (_BLOCK * (_BLOCKS - 1))
        if own is not None:
            total = total + mine.astype(object) * own * unit
        for number, slot in enumerate(slots):
            member = measure.members[slot]
            found[slot] = quotient(total[number] * up, unit * down, n[member.window] > 0, member.empty)
    return found


def _half_life(member: Member) -> int:
    if member.half_life is None:
        raise TypeError(f"a {member.kind} has no half-life; its declaration should have been refused")
    return member.half_life


def _terms(
    scope: Scope, measure: Measure
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray, np.ndarray, int, int]:
    """Which events and requests count, what each of them adds, and the resolution as numerator and denominator."""
    mask = scope.mask(measure.filters)
    if measure.column is None:
        steps = np.ones(len(scope.events), np.int64) if mask is None else mask.astype(np.int64)
        return mask, scope.own(measure.filters, None), steps, np.ones(len(scope.rows), np.int64), 1, 1
    exact, resolution = scope.events.columns.exact[measure.column], scope.resolutions[measure.column]
    extra = scope.rows.columns.exact[measure.column] if scope.rows.columns else None
    keep, own = both(mask, exact.valid), scope.own(measure.filters, extra.valid if extra else None)
    steps = exact.steps if keep is None else np.where(keep, exact.steps, 0)
    mine = np.zeros(len(scope.rows), np.int64) if extra is None else extra.steps
    return keep, own, steps, mine, resolution.numerator, resolution.denominator


def _weights(time: np.ndarray, half_life: int) -> tuple[np.ndarray, np.ndarray]:
    """int64 each: the block that a moment lies in, and its weight in units of the block's beginning, below 2^48.

    The power goes through the C library a value at a time: NumPy's vector versions differ between processors.
    """
    halves, rest = np.divmod(time, half_life)
    block, inside = np.divmod(halves, _BLOCK)
    mantissa = np.rint([2.0**_BITS * math.exp2(part) for part in (rest / half_life).tolist()]).astype(np.int64)
    return block, mantissa << inside


def _runs(entity: np.ndarray, block: np.ndarray) -> np.ndarray:
    """int64 [n]: for each event the first of its entity in its block."""
    same = (np.diff(entity) == 0) & (np.diff(block) == 0)
    first = np.arange(len(block))
    first[1:][same] = 0
    return np.maximum.accumulate(first)


def _total(
    steps: np.ndarray,
    weight: np.ndarray,
    first: np.ndarray,
    block: np.ndarray,
    now: np.ndarray,
    lo: np.ndarray,
    hi: np.ndarray,
) -> np.ndarray:
    """object [windows, m]: the weighted sums, in units of the beginning of the oldest block that counts."""
    total = np.zeros(lo.shape, object)
    if not len(block):
        return total
    end = np.broadcast_to(hi, lo.shape)
    starts, ends, shifts = [], [], []
    for _ in range(_BLOCKS):
        last = np.maximum(end - 1, 0)
        age = now - block[last]
        counts = (end > lo) & (age < _BLOCKS)
        start = np.where(counts, np.maximum(lo, first[last]), end)
        starts.append(start)
        ends.append(end)
        shifts.append(np.where(counts, _BLOCK * (_BLOCKS - 1 - age), 0))
        end = start
    parts = exact_totals([steps, weight], np.stack(starts), np.stack(ends))
    return (parts << np.stack(shifts).astype(object)).sum(axis=0)
