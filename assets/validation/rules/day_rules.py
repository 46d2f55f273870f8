"""The rules of a contract on days, and on rows that refer to another source.

Belongs here: volume, freshness, distribution and references, judged from the days before and from the other sources.
Does not belong here: expectations (`expectations.py`), reading the lake (`surroundings.py`), quarantine
(`assets.validation.audit`).

A day is compared with what arrived before it, by the raw table: alone and within a range it has the same verdict.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.metrics.psi import psi
from assets.product import Contract
from assets.product.contracts.contract import EARLIER_DAYS, Distribution
from assets.validation.rules.typing import typed
from resources.lake.partitioning import slot_column
from resources.slots import Hour, Slot, end_of

_BINS, _TEXTS = 10, 20
_ROWS = 200
"""With fewer rows, chance alone moves the index beyond the customary limits."""


@dataclass(frozen=True)
class Surroundings:
    """What the rules on days compare a day with.

    Attributes:
        rows: The raw rows of each day that arrived.
        earlier: The raw columns of the distribution, with the partition columns, of the last weeks before the run and
            of its days.
        references: For each column that refers to another source: the values there (`value`), each with the first day
            or hour in which it was known (`day`).
    """

    rows: Mapping[Slot, int] = field(default_factory=dict)
    earlier: pa.Table | None = None
    references: Mapping[str, pa.Table] = field(default_factory=dict)


@dataclass(frozen=True)
class DayFailure:
    """A rule on a whole day that the day breaks; `observed` is the figure that was expected otherwise."""

    day: Slot
    rule: str
    column: str
    observed: str


def day_failures(
    contract: Contract, frame: pa.Table, days: Sequence[Slot], surroundings: Surroundings
) -> list[DayFailure]:
    """The rules on whole days that are broken.

    Args:
        frame: The typed rows of the days that broke no other rule, with day and hour.
    """
    found = [*_volume(contract, days, surroundings.rows), *_freshness(contract, frame, days)]
    if contract.distribution is not None and surroundings.earlier is not None:
        for name in contract.distribution.columns:
            values = typed(contract.column(name), surroundings.earlier[name]).values
            found += _distribution(contract.distribution, name, values, surroundings.earlier, days)
    return found


def broken_references(contract: Contract, frame: pa.Table, surroundings: Surroundings) -> dict[str, np.ndarray]:
    """For each column that refers to another source, the rows whose value is not known there by their day."""
    found = {}
    for reference in contract.references:
        known = surroundings.references.get(reference.column)
        if known is None:
            continue
        values = frame[reference.column]
        place = pc.index_in(values, value_set=known["value"].combine_chunks(), skip_nulls=True)
        # A value that is not there at all was first known on no day: null, which is not before any.
        first = pc.take(known["day"].combine_chunks(), place)
        in_time = pc.fill_null(pc.less_equal(first, frame[slot_column(frame.column_names)]), False)
        found[reference.column] = np.flatnonzero(pc.and_(pc.is_valid(values), pc.invert(in_time)).to_numpy())
    return found


def _volume(contract: Contract, days: Sequence[Slot], rows: Mapping[Slot, int]) -> list[DayFailure]:
    volume = contract.volume
    if volume is None:
        return []
    found = []
    for day in days:
        count = rows.get(day, 0)
        low, high = volume.min_rows or 0, volume.max_rows
        if count < low or (high is not None and count > high):
            found.append(DayFailure(day, "volume_is_within_bounds", "", f"{count} rows"))
        usual = [rows[earlier] for earlier in _before(day, volume.weeks) if earlier in rows]
        if volume.max_change is None or len(usual) < EARLIER_DAYS:
            continue
        median = float(np.median(usual))
        if abs(count - median) > volume.max_change * median:
            found.append(DayFailure(day, "volume_is_usual", "", f"{count} rows, median {median:g}"))
    return found


def _freshness(contract: Contract, frame: pa.Table, days: Sequence[Slot]) -> list[DayFailure]:
    if contract.freshness is None:
        return []
    newest = {
        row["day"]: row["time_max"]
        for row in pa.table({"day": frame[slot_column(frame.column_names)], "time": frame[contract.event_time]})
        .group_by("day")
        .aggregate([("time", "max")])
        .to_pylist()
    }
    found = []
    for day in days:
        end = end_of(day)
        time = newest.get(day)
        if time is None:
            found.append(DayFailure(day, "newest_event_is_fresh", "", "no event"))
        elif (end - time) > timedelta(hours=contract.freshness.max_age_hours):
            found.append(DayFailure(day, "newest_event_is_fresh", "", f"{(end - time) / timedelta(hours=1):.1f} hours"))
    return found


def _distribution(
    rule: Distribution, name: str, values: pa.ChunkedArray, earlier: pa.Table, days: Sequence[Slot]
) -> list[DayFailure]:
    row_days = np.asarray(earlier[slot_column(earlier.column_names)].to_numpy())
    found = []
    for day in days:
        before = np.array([_as_numpy(earlier_day) for earlier_day in _before(day, rule.weeks)], dtype=row_days.dtype)
        usual, present = np.isin(row_days, before), row_days == _as_numpy(day)
        if len(np.unique(row_days[usual])) < EARLIER_DAYS or present.sum() < _ROWS or usual.sum() < _ROWS:
            continue
        reference, current = (values.filter(pa.array(mask)) for mask in (usual, present))
        bins = _text_counts if pa.types.is_string(values.type) else _number_counts
        expected, counts = bins(reference, current)
        index = float(psi(expected, counts[np.newaxis])[0])
        if index > rule.max_psi:
            found.append(DayFailure(day, "distribution_is_usual", name, f"PSI {index:.3f}"))
    return found


def _as_numpy(day: Slot) -> np.datetime64:
    return np.datetime64(day.replace(tzinfo=None) if isinstance(day, Hour) else day)


def _before(day: Slot, weeks: int) -> list[Slot]:
    """The days of the weeks before a day; of an hour the same hour of them."""
    return [day - timedelta(days=n) for n in range(1, 7 * weeks + 1)]


def _number_counts(reference: pa.ChunkedArray, current: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Rows in the reference's tenths, and rows without a value."""
    known = np.asarray(reference.drop_null().cast(pa.float64()).to_numpy())
    edges = np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS)) if len(known) else np.zeros(0)

    def counted(values: pa.ChunkedArray) -> np.ndarray:
        numbers = np.asarray(values.drop_null().cast(pa.float64()).to_numpy())
        tenths = np.bincount(np.searchsorted(edges, numbers, side="right"), minlength=len(edges) + 1)
        return np.append(tenths, values.null_count).astype(np.int64)

    return counted(reference), counted(current)


def _text_counts(reference: pa.ChunkedArray, current: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Rows with each of the reference's most frequent texts, with another one, and without one."""
    ranked = sorted(reference.drop_null().value_counts().to_pylist(), key=lambda one: (-one["counts"], one["values"]))
    texts = pa.array([one["values"] for one in ranked[:_TEXTS]], pa.string())

    def counted(values: pa.ChunkedArray) -> np.ndarray:
        places = np.asarray(pc.fill_null(pc.index_in(values.drop_null(), value_set=texts), len(texts)).to_numpy())
        return np.append(np.bincount(places, minlength=len(texts) + 1), values.null_count).astype(np.int64)

    return counted(reference), counted(current)
