"""Counts and sums with exponentially decaying weights.

Belongs here: exponential weights as whole numbers, and their sums. Does not belong here: other sums (`compute.py`).

With half-life h, a time t has the mantissa m(t) = round(2^32 * 2^((t mod h) / h)), a whole number. An event at t has
the weight m(t) / m(as_of) * 2^-k, where k = as_of // h - t // h. This is 2^(-age / h) up to a relative error of 2^-32;
exactly 1 at age 0 and 1/2 at age h. Half-lives are numbered from 1970 in blocks of 16: an event four or more blocks
before the decision has weight 0. Every age of 64 half-lives or more has weight 0, and no age of 48 or less.

The mantissas are summed exactly and the quotient is rounded once, so a value depends only on the events of its window
and on the decision time: not on the order of events, the division into batches, or events outside the window. Its error
is at most 2^-32 times the sum of the terms' sizes. The cost is four window sums per window, however many events it
holds.
"""

import math

import numpy as np

from assets.features.kernel.aggregates.exact import exact_totals, quotient
from assets.features.kernel.scope import Measure, Member, Scope, both, counted
from assets.features.kernel.windows import run_starts

_BITS = 32
_BLOCK = 16
_BLOCKS = 4


def decayed(scope: Scope, measure: Measure) -> list[np.ndarray]:
    """The decayed counts or sums of a measure, float64 [m] each."""
    keep, request_counts, steps, request_steps, up, down = _terms(scope, measure)
    lo, hi = scope.window(measure)
    n = counted(keep, request_counts, lo, hi)
    values: list[np.ndarray] = [np.empty(0)] * len(measure.members)
    for half_life in dict.fromkeys(_half_life(member) for member in measure.members):
        slots = [number for number, member in enumerate(measure.members) if member.half_life == half_life]
        low = lo[[measure.members[slot].window for slot in slots]]
        block, weight = _weights(scope.events.time, half_life)
        now, unit = _weights(scope.rows.as_of, half_life)
        total = _total(steps, weight, _block_starts(scope.events.entity, block), block, now, low, hi)
        unit = unit.astype(object) << (_BLOCK * (_BLOCKS - 1))
        if request_counts is not None:
            total = total + request_steps.astype(object) * request_counts * unit
        for number, slot in enumerate(slots):
            member = measure.members[slot]
            values[slot] = quotient(total[number] * up, unit * down, n[member.window] > 0, member.empty)
    return values


def _half_life(member: Member) -> int:
    if member.half_life is None:
        raise TypeError(f"a {member.kind} has no half-life; History refuses such a declaration")
    return member.half_life


def _terms(
    scope: Scope, measure: Measure
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray, np.ndarray, int, int]:
    """Which events and requests count, the steps of each, and the resolution as numerator and denominator."""
    mask = scope.mask(measure.filters)
    if measure.column is None:
        steps = np.ones(len(scope.events), np.int64) if mask is None else mask.astype(np.int64)
        return mask, scope.request_counts(measure.filters, None), steps, np.ones(len(scope.rows), np.int64), 1, 1
    exact, resolution = scope.events.columns.exact[measure.column], scope.resolutions[measure.column]
    requests = scope.rows.columns.exact[measure.column] if scope.rows.columns else None
    keep = both(mask, exact.valid)
    request_counts = scope.request_counts(measure.filters, requests.valid if requests else None)
    steps = exact.steps if keep is None else np.where(keep, exact.steps, 0)
    request_steps = np.zeros(len(scope.rows), np.int64) if requests is None else requests.steps
    return keep, request_counts, steps, request_steps, resolution.numerator, resolution.denominator


def _weights(time: np.ndarray, half_life: int) -> tuple[np.ndarray, np.ndarray]:
    """int64 each: the block of a time, and its weight in units of the weight at the block's start, below 2^48.

    Powers are computed one by one in the C library: NumPy's vector versions differ between processors.
    """
    halves, rest = np.divmod(time, half_life)
    block, inside = np.divmod(halves, _BLOCK)
    mantissa = np.rint([2.0**_BITS * math.exp2(part) for part in (rest / half_life).tolist()]).astype(np.int64)
    return block, mantissa << inside


def _block_starts(entity: np.ndarray, block: np.ndarray) -> np.ndarray:
    """int64 [n]: for each event the first event of its entity in its block."""
    return run_starts((np.diff(entity) == 0) & (np.diff(block) == 0))


def _total(
    steps: np.ndarray,
    weight: np.ndarray,
    first: np.ndarray,
    block: np.ndarray,
    now: np.ndarray,
    lo: np.ndarray,
    hi: np.ndarray,
) -> np.ndarray:
    """object [windows, m]: the weighted sums, in units of the weight at the start of the oldest block that counts."""
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
    block_totals = exact_totals([steps, weight], np.stack(starts), np.stack(ends))
    return (block_totals << np.stack(shifts).astype(object)).sum(axis=0)
