"""The rows that a model learns from, and their labels.

Belongs here: the frozen training rows, the rule of `assets.product.Label` over whole tables, and the join of features
with labels. Does not belong here: reading tables (`assets.py`), encoding features (`assets.bundle.encoder`), splitting
by time (`split.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.product import Label
from resources.errors import LooplineError, listed
from resources.moments import DAY_US, micros

LABEL = "label"
"""The column of the training set with the label."""
_TIME = pa.timestamp("us", tz="UTC")
_NEVER = np.iinfo(np.int64).max


class RowsError(LooplineError):
    """Rows, labels or features do not fit together; the message names the column and the figures."""


class SupportsEncode(Protocol):
    """Turns a feature table into a matrix; `assets.bundle.encoder.Encoder` does."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def sources(self) -> tuple[str, ...]: ...

    def encode(self, table: pa.Table) -> NDArray[np.float32]: ...


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Labelled rows, ready for a model; every array has one entry per row, in the same order.

    Attributes:
        matrix: float32 [n, m], NaN = missing.
        columns: The m encoded columns ("amount", "purpose=car").
        sources: For each column, the feature that it encodes ("amount", "purpose").
        y: int8 [n]; 1 is the bad outcome.
        as_of: datetime64[us] [n], UTC; the time of the decision.
        row_ids: Row ids [n], from the spine.
        protected: For each protected attribute, its values [n]; never given to a model.
        stake: float64 [n], the amount of which the row's profit is a share; `None` where profit is an amount.
    """

    matrix: NDArray[np.float32]
    columns: tuple[str, ...]
    sources: tuple[str, ...]
    y: NDArray[np.int8]
    as_of: NDArray[np.datetime64]
    row_ids: NDArray[np.generic]
    protected: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    stake: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or self.matrix.dtype != np.float32:
            raise RowsError(f"matrix is {self.matrix.dtype} {self.matrix.shape}; it must be float32 with two axes")
        if not self.matrix.shape[1] == len(self.columns) == len(self.sources):
            raise RowsError(
                f"matrix has {self.matrix.shape[1]} columns, {len(self.columns)} names and {len(self.sources)} sources"
            )
        arrays = {"y": self.y, "as_of": self.as_of, "row_ids": self.row_ids, **self.protected}
        if self.stake is not None:
            arrays["stake"] = self.stake
        for name, values in arrays.items():
            if values.shape != (len(self.matrix),):
                raise RowsError(f"{name} has the shape {values.shape}; the matrix has {len(self.matrix)} rows")
        if self.y.dtype != np.int8 or not np.all((self.y == 0) | (self.y == 1)):
            raise RowsError(f"y must be int8 of 0 and 1; it is {self.y.dtype} with {np.unique(self.y)[:5]}")
        if self.as_of.dtype != np.dtype("datetime64[us]") or bool(np.isnat(self.as_of).any()):
            raise RowsError(f"as_of must be datetime64[us] without gaps; it is {self.as_of.dtype}")

    def __len__(self) -> int:
        return len(self.matrix)

    def take(self, indices: NDArray[np.int64]) -> "TrainingRows":
        """The rows at these positions, in this order."""
        return TrainingRows(
            matrix=self.matrix[indices],
            columns=self.columns,
            sources=self.sources,
            y=self.y[indices],
            as_of=self.as_of[indices],
            row_ids=self.row_ids[indices],
            protected={name: values[indices] for name, values in self.protected.items()},
            stake=None if self.stake is None else self.stake[indices],
        )


def mature_labels(
    spine: pa.Table,
    label_events: pa.Table,
    label: Label,
    now: datetime,
    *,
    row_id: str = "row_id",
    as_of: str = "as_of",
) -> pa.Table:
    """The label of every spine row whose label is final at `now`.

    A label is final when its maturity has passed and the label source has an event for the row. The label is then 1 if
    an event known by `now` has a value of at least `at_least` within the horizon (as_of <= event_time <= as_of +
    horizon), else 0.

    Args:
        spine: Columns `row_id` (unique) and `as_of` (timestamp).
        label_events: Columns `label.row_id`, `label.column`, `event_time`, `known_at`.
        label: The rule.
        now: With a time zone; no event known later is used.
        row_id, as_of: The spine's names for these columns.

    Returns:
        One row per spine row, in its order: `row_id` (under the spine's name), `label` (int8; null where not final) and
        `known_at` (when the label became final; null where not final): the maturity, or the arrival of the first event
        that decides the label if later.

    Raises:
        RowsError: A column is missing, has nulls or is of a wrong type; a spine row occurs twice; `now` has no time
            zone.
    """
    now_us = _aware_micros(now)
    ids = _column(spine, row_id, "the spine").combine_chunks()
    if pc.count_distinct(ids, mode="all").as_py() != len(ids):
        raise RowsError(f"'{row_id}' is not unique among the spine's {len(ids)} rows: a row is decided once")
    decided_at = _micros(spine, as_of, "the spine")

    rows, event_times, arrivals, reaches = _known_events(ids, label_events, label, now_us)
    bad = reaches & _within_horizon(event_times, decided_at[rows], label)
    first_arrival = _earliest(arrivals, rows, len(ids))
    first_bad_arrival = _earliest(arrivals[bad], rows[bad], len(ids))

    positive = first_bad_arrival != _NEVER
    due = decided_at + _span_micros(label.maturity)
    final = (due <= now_us) & (first_arrival != _NEVER)
    final_since = np.maximum(due, np.where(positive, first_bad_arrival, first_arrival))
    return pa.table(
        {
            row_id: ids,
            "label": pa.array(positive.astype(np.int8), mask=~final),
            "known_at": pa.array(final_since, type=pa.int64(), mask=~final).cast(_TIME),
        }
    )


def days_to_label(
    spine: pa.Table, label_events: pa.Table, label: Label, now: datetime, *, row_id: str = "row_id"
) -> NDArray[np.float64]:
    """Days from each decision to its first positive event: float64 [n]; NaN where there is none by `now`.

    Arguments as for `mature_labels`. Days are counted to the event time and not to known_at: batches arrive at one hour
    of the day, so the time to arrival would depend on the hour of the decision.

    Raises:
        RowsError: As `mature_labels`.
    """
    ids, decided_at = _column(spine, row_id, "the spine").combine_chunks(), _micros(spine, "as_of", "the spine")
    rows, event_times, _, reaches = _known_events(ids, label_events, label, _aware_micros(now))
    bad = reaches & _within_horizon(event_times, decided_at[rows], label)
    first_bad = _earliest(event_times[bad], rows[bad], len(ids))
    return np.where(first_bad == _NEVER, np.nan, (first_bad - decided_at) / DAY_US)


def assemble(
    features: pa.Table,
    labels: pa.Table,
    *,
    encoder: SupportsEncode,
    row_id: str,
    as_of: str = "as_of",
    protected: Sequence[str] = (),
    stake: str | None = None,
) -> TrainingRows:
    """The rows that have a label, in the order of (as_of, position in the feature table).

    Args:
        features: The feature table, with its row id, `as_of` and passthrough columns.
        labels: The result of `mature_labels`, under the same row id; rows without a label are left out.
        encoder: Builds the matrix, from the kept rows only.
        row_id, as_of: Names of these columns in the feature table.
        protected: Passthrough columns with protected attributes.
        stake: Passthrough column with the amount at stake.

    Raises:
        RowsError: A column is missing, or a stake or an as_of is null.
    """
    wanted = [row_id, as_of, *protected, *([stake] if stake else [])]
    missing = [name for name in wanted if name not in features.column_names]
    if missing:
        raise RowsError(f"the feature table has no {missing}: list them in the product's Spine(passthrough=...)")
    table, y, decided_at = labelled(features, labels, row_id=row_id, as_of=as_of)
    return TrainingRows(
        matrix=encoder.encode(table),
        columns=tuple(encoder.columns),
        sources=tuple(encoder.sources),
        y=y,
        as_of=decided_at,
        row_ids=table.column(row_id).to_numpy(),
        protected={name: table.column(name).to_numpy() for name in protected},
        stake=None if stake is None else _numbers(table, stake, "the feature table"),
    )


def labelled(
    features: pa.Table, labels: pa.Table, *, row_id: str, as_of: str = "as_of"
) -> tuple[pa.Table, NDArray[np.int8], NDArray[np.datetime64]]:
    """The rows that have a label, in the order of (as_of, position in the feature table), before they are encoded.

    Returns:
        Their features, their labels (int8 [n]) and their as-of times (datetime64[us] [n], UTC).

    Raises:
        RowsError: An as_of is absent or null.
    """
    known = labels.filter(pc.is_valid(labels.column("label")))
    ids = features.column(row_id).combine_chunks()
    known_ids = known.column(row_id).combine_chunks().cast(ids.type)
    label_positions = pc.index_in(ids, value_set=known_ids, skip_nulls=True)
    kept = np.flatnonzero(pc.is_valid(label_positions).to_numpy(zero_copy_only=False))
    decided_at = _micros(features, as_of, "the feature table")
    kept = kept[np.argsort(decided_at[kept], kind="stable")]
    y = known.column("label").take(label_positions.take(pa.array(kept))).to_numpy().astype(np.int8)
    return features.take(pa.array(kept)), y, decided_at[kept].astype("datetime64[us]")


def _known_events(
    ids: pa.Array, events: pa.Table, label: Label, now_us: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """For each event known by now: spine position, event time, arrival (microseconds), whether it makes a row bad."""
    where = f"the label source '{label.source}'"
    try:
        row_ids = _column(events, label.row_id, where).combine_chunks().cast(ids.type)
        values = _column(events, label.column, where).cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Without Arrow's error: it quotes the value that it cannot read.
        raise RowsError(
            f"{where}: {label.row_id} must be {ids.type}, as in the spine, and {label.column} a number"
        ) from None
    positions = pc.index_in(row_ids, value_set=ids, skip_nulls=True).to_numpy(zero_copy_only=False)
    event_times, arrivals = _micros(events, "event_time", where), _micros(events, "known_at", where)
    # An event of a row outside this spine has a null position, which turns the array into floats with NaN.
    usable = np.flatnonzero(~np.isnan(positions.astype(np.float64)) & (arrivals <= now_us))
    reaches = pc.fill_null(pc.greater_equal(values, label.at_least), False).to_numpy().astype(bool)
    return positions[usable].astype(np.int64), event_times[usable], arrivals[usable], reaches[usable]


def _within_horizon(event_times: NDArray[np.int64], decided_at: NDArray[np.int64], label: Label) -> NDArray[np.bool_]:
    return (event_times >= decided_at) & (event_times <= decided_at + _span_micros(label.horizon))


def _earliest(times: NDArray[np.int64], rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The earliest of the times of each of `count` rows, `_NEVER` for a row without one."""
    earliest = np.full(count, _NEVER, dtype=np.int64)
    np.minimum.at(earliest, rows, times)
    return earliest


def _column(table: pa.Table, name: str, where: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise RowsError(f"{where} has no column '{name}'; it has {listed(table.column_names)}")
    return table.column(name)


def _micros(table: pa.Table, name: str, where: str) -> NDArray[np.int64]:
    """A timestamp column as microseconds since 1970, UTC."""
    values = _column(table, name, where)
    if not pa.types.is_timestamp(values.type):
        raise RowsError(f"'{name}' of {where} is {values.type}; it must be a timestamp")
    _check_complete(values, name, where)
    zone = values.type.tz
    return np.asarray(values.cast(pa.timestamp("us", tz=zone)).cast(pa.int64()).to_numpy(), dtype=np.int64)


def _numbers(table: pa.Table, name: str, where: str) -> NDArray[np.float64]:
    values = _column(table, name, where).cast(pa.float64())
    _check_complete(values, name, where)
    return np.asarray(values.to_numpy(), dtype=np.float64)


def _check_complete(values: pa.ChunkedArray, name: str, where: str) -> None:
    if values.null_count:
        raise RowsError(f"'{name}' of {where} is null in {values.null_count} of {len(values)} rows")


def _aware_micros(now: datetime) -> int:
    if now.tzinfo is None:
        raise RowsError(f"now {now.isoformat()} has no time zone: give it UTC")
    return micros(now)


def _span_micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
