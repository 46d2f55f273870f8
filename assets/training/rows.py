"""The rows that a model learns from, and the labels that make them rows.

Belongs here: the frozen training rows, the label rule of `assets.product.Label` over whole tables, and the join of
features with labels. Does not belong here: reading tables, encoding features, splitting by time.
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
from resources.errors import LooplineError

_TIME = pa.timestamp("us", tz="UTC")
_NEVER = np.iinfo(np.int64).max


class RowsError(LooplineError):
    """Rows, labels or features do not fit together; the message names the column and the figures."""


class SupportsEncode(Protocol):
    """What turns a feature table into a matrix (`assets.bundle.encoder.Encoder` does)."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def sources(self) -> tuple[str, ...]: ...

    def encode(self, table: pa.Table) -> NDArray[np.float32]: ...


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Labelled rows, ready for a model; every array has one entry a row, in the same order.

    Attributes:
        matrix: float32 [n, m], NaN = missing.
        columns: The m encoded columns ("amount", "purpose=car").
        sources: For each column, the feature that it was made of ("amount", "purpose").
        y: int8 [n]; 1 is the bad outcome.
        as_of: datetime64[us] [n], UTC; the moment of the decision.
        row_ids: [n], the spine's own identifiers.
        protected: For each protected attribute, its values [n]: never given to a model.
        stake: float64 [n], what the row's profit is a share of; `None` where profit is an amount.
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
    """The label of every spine row, as far as it is final at `now`.

    A row is final when its maturity has passed and the label source has said something of it. It is then 1 if an event
    known by `now` reaches the label's bar within the horizon (as_of <= event_time <= as_of + horizon), else 0.

    Args:
        spine: Columns `row_id` (unique) and `as_of` (timestamp).
        label_events: Columns `label.row_id`, `label.column`, `event_time`, `known_at`.
        label: The rule.
        now: The moment of asking, with a time zone.
        row_id, as_of: The spine's own names for these columns.

    Returns:
        One row a spine row, in its order: `row_id` (under the spine's name), `label` (int8; null where not final) and
        `known_at` (when the label became final; null where it is not): the maturity, or later when the first event
        that says so arrived later.

    Raises:
        RowsError: A column is missing, has gaps or is of a wrong type; a spine row stands twice; `now` has no
            time zone.
    """
    if now.tzinfo is None:
        raise RowsError(f"now {now.isoformat()} has no time zone: give it UTC")
    ids = spine.column(row_id).combine_chunks() if row_id in spine.column_names else None
    if ids is None:
        raise RowsError(f"the spine has no column '{row_id}'; it has {spine.column_names}")
    if pc.count_distinct(ids, mode="all").as_py() != len(ids):
        raise RowsError(f"'{row_id}' names some of the spine's {len(ids)} rows twice: a row is decided once")
    decided = _micros(spine, as_of, "the spine")
    moment = np.int64(pa.scalar(now, _TIME).value)

    rows, times, known, reaches = _known_events(ids, label_events, label, moment)
    within = reaches & (times >= decided[rows]) & (times <= decided[rows] + _as_micros(label.horizon))
    first_seen = np.full(len(decided), _NEVER, dtype=np.int64)
    np.minimum.at(first_seen, rows, known)
    first_reached = np.full(len(decided), _NEVER, dtype=np.int64)
    np.minimum.at(first_reached, rows[within], known[within])

    positive = first_reached != _NEVER
    due = decided + _as_micros(label.maturity)
    final = (due <= moment) & (first_seen != _NEVER)
    since = np.maximum(due, np.where(positive, first_reached, first_seen))
    return pa.table(
        {
            row_id: ids,
            "label": pa.array(positive.astype(np.int8), mask=~final),
            "known_at": pa.array(since, type=pa.int64(), mask=~final).cast(_TIME),
        }
    )


def days_to_label(
    spine: pa.Table, label_events: pa.Table, label: Label, now: datetime, *, row_id: str = "row_id"
) -> NDArray[np.float64]:
    """How long after its decision each row became positive: days, float64 [n]; NaN where it did not by `now`.

    Arguments as for `mature_labels`. Counted to when the event happened, not to when it became known: batches arrive at
    an hour of the day, which the hour of the decision would tell.

    Raises:
        RowsError: As `mature_labels`.
    """
    ids, decided = spine.column(row_id).combine_chunks(), _micros(spine, "as_of", "the spine")
    rows, times, _, reaches = _known_events(ids, label_events, label, np.int64(pa.scalar(now, _TIME).value))
    within = reaches & (times >= decided[rows]) & (times <= decided[rows] + _as_micros(label.horizon))
    first = np.full(len(decided), _NEVER, dtype=np.int64)
    np.minimum.at(first, rows[within], times[within])
    return np.where(first == _NEVER, np.nan, (first - decided) / _as_micros(timedelta(days=1)))


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
        features: The feature table, with its row id, `as_of` and carried columns.
        labels: What `mature_labels` returned, under the same row id; null labels are left out.
        encoder: Makes the matrix; it sees only the rows that are kept.
        row_id, as_of: Names of these columns in the feature table.
        protected: Carried columns with protected attributes.
        stake: Carried column with the amount at stake.

    Raises:
        RowsError: A column is missing, or a stake or an as_of is null.
    """
    wanted = [row_id, as_of, *protected, *([stake] if stake else [])]
    missing = [name for name in wanted if name not in features.column_names]
    if missing:
        raise RowsError(f"the feature table has no {missing}: carry them in the product's spine")
    table, y, moments = labelled(features, labels, row_id=row_id, as_of=as_of)
    return TrainingRows(
        matrix=encoder.encode(table),
        columns=tuple(encoder.columns),
        sources=tuple(encoder.sources),
        y=y,
        as_of=moments,
        row_ids=table.column(row_id).to_numpy(),
        protected={name: table.column(name).to_numpy() for name in protected},
        stake=None if stake is None else _numbers(table, stake, "the feature table"),
    )


def labelled(
    features: pa.Table, labels: pa.Table, *, row_id: str, as_of: str = "as_of"
) -> tuple[pa.Table, NDArray[np.int8], NDArray[np.datetime64]]:
    """The rows that have a label, in the order of (as_of, position in the feature table), before they are encoded.

    Returns:
        Their features, their labels (int8 [n]) and their moments (datetime64[us] [n], UTC).

    Raises:
        RowsError: An as_of is absent or null.
    """
    known = labels.filter(pc.is_valid(labels.column("label")))
    ids = features.column(row_id).combine_chunks()
    found = pc.index_in(ids, value_set=known.column(row_id).combine_chunks().cast(ids.type))
    kept = np.flatnonzero(pc.is_valid(found).to_numpy(zero_copy_only=False))
    moments = _micros(features, as_of, "the feature table")
    kept = kept[np.argsort(moments[kept], kind="stable")]
    y = known.column("label").take(found.take(pa.array(kept))).to_numpy().astype(np.int8)
    return features.take(pa.array(kept)), y, moments[kept].astype("datetime64[us]")


def _known_events(
    ids: pa.Array, events: pa.Table, label: Label, moment: np.int64
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Of the events known by then: spine position, event time, arrival (microseconds), whether the bar is reached."""
    where = f"the label source '{label.source}'"
    for name in (label.row_id, label.column):
        if name not in events.column_names:
            raise RowsError(f"{where} has no column '{name}'; it has {events.column_names}")
    try:
        names = events.column(label.row_id).combine_chunks().cast(ids.type)
        values = events.column(label.column).cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise RowsError(f"{where}: {label.row_id} or {label.column} is of a wrong type: {error}") from error
    found = pc.index_in(names, value_set=ids).to_numpy(zero_copy_only=False)
    times, known = _micros(events, "event_time", where), _micros(events, "known_at", where)
    # A null position turns the array to floats with NaN: an event of a row that is not in this spine.
    use = np.flatnonzero(~np.isnan(found.astype(np.float64)) & (known <= moment))
    reaches = pc.fill_null(pc.greater_equal(values, label.at_least), False).to_numpy().astype(bool)
    return found[use].astype(np.int64), times[use], known[use], reaches[use]


def _micros(table: pa.Table, column: str, where: str) -> NDArray[np.int64]:
    """A timestamp column as microseconds since 1970, UTC."""
    if column not in table.column_names:
        raise RowsError(f"{where} has no column '{column}'; it has {table.column_names}")
    values = table.column(column)
    if not pa.types.is_timestamp(values.type):
        raise RowsError(f"'{column}' of {where} is {values.type}; it must be a timestamp")
    if values.null_count:
        raise RowsError(f"'{column}' of {where} is null in {values.null_count} of {len(values)} rows")
    zone = values.type.tz
    return np.asarray(values.cast(pa.timestamp("us", tz=zone)).cast(pa.int64()).to_numpy(), dtype=np.int64)


def _numbers(table: pa.Table, column: str, where: str) -> NDArray[np.float64]:
    values = table.column(column).cast(pa.float64())
    if values.null_count:
        raise RowsError(f"'{column}' of {where} is null in {values.null_count} of {len(values)} rows")
    return np.asarray(values.to_numpy(), dtype=np.float64)


def _as_micros(span: timedelta) -> np.int64:
    return np.int64(span // timedelta(microseconds=1))
