"""The feature table of some days, from data files to data files.

Belongs here: the columns that are read of rows and events, the features of one entity key after another, the table's
columns, a file for each day or hour. Does not belong here: features (`assets.features.kernel.kernel`), reading files
(`data_files.py`), distributing the work (`spark_job.py`), the table's log (`resources.lake`).
"""

import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns.columns import key_type, matching, with_whole
from assets.features.kernel.kernel import Kernel, Need
from assets.features.table.data_files import (
    TableVersion,
    gathered,
    joined,
    partition_of,
    read_entities,
    read_table,
)
from assets.vocabulary import FeatureError, History, Predicate
from assets.vocabulary.base import WHOLE, WHOLE_KEY
from assets.vocabulary.times import AS_OF, SEQUENCE
from resources.errors import LooplineError
from resources.lake import DAY, HOUR
from resources.lake.content import ordered_hash
from resources.lake.parquet import write_parquet
from resources.lake.partitioning import partition_folder, slot_at, with_slot
from resources.lake.values import HOUR_TYPE
from resources.processes.memory import keep_freed_memory
from resources.slots import Hour, Slot, end_of, length_name
from resources.sources.object_stores import is_s3, open_place

_TIMESTAMP = pa.timestamp("us", tz="UTC")


class TooLarge(LooplineError):
    """The events of one task exceed the memory bound."""


@dataclass(frozen=True)
class SpineColumns:
    """The names of the spine's columns in its source, its conditions and its delay; as in `assets.product.Spine`."""

    row_id: str
    as_of: str = "event_time"
    sequence: str | None = None
    passthrough: tuple[str, ...] = ()
    after: timedelta = timedelta(0)
    filters: tuple[Predicate, ...] = ()

    @property
    def days_after(self) -> int:
        """The most days from the day of a request to the day of its decision."""
        return -(-self.after // timedelta(days=1))


@dataclass(frozen=True)
class WrittenFile:
    """One Parquet file; `path` is relative to the table's target, `content` is the hash of its rows in their order."""

    path: str
    day: Slot
    rows: int
    bytes: int
    content: str


@dataclass(frozen=True)
class FeatureTable:
    """The steps of computing the table; a value that is sent to Spark's tasks.

    Attributes:
        target: Folder or `s3://` prefix; files are `day=YYYY-MM-DD/<unique>.parquet`, of an hour one folder deeper,
            sorted by (as_of, row id), with page checksums.
        spine: The table of the rows.
        events: For each source its table.
        days: The first and the last slot of the rows: a row is in that of its decision, or of its arrival if later.

    Raises:
        FeatureError: A source is not given, a table lacks a column that is read, a passthrough column has the name of a
            feature, or a key is text on one side and numbers on the other.
    """

    kernel: Kernel
    columns: SpineColumns
    target: str
    spine: TableVersion
    events: Mapping[str, TableVersion]
    days: tuple[Slot, Slot] = (date.min, date.max)
    _of_rows: Mapping[str, pa.Field] = field(init=False, repr=False, compare=False)
    _of_events: Mapping[tuple[str, str], Mapping[str, pa.Field]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        features = self.kernel.features
        computed = {feature.name for feature in (*features.history, *features.derived)}
        for name in (self.columns.row_id, *self.columns.passthrough):
            if name in computed:
                raise FeatureError(f"the spine's column '{name}' has the name of a feature; rename the feature")
        rows = self.spine.columns({**self._filtered_by, **self._row_names}, "spine")
        object.__setattr__(self, "_of_rows", rows)
        events = {(need.source, need.key): self._event_columns(need, rows.get(need.key)) for need in self.kernel.needs}
        object.__setattr__(self, "_of_events", events)

    @property
    def schema(self) -> pa.Schema:
        """The schema of the table, with and without rows; the partition columns are last, and are not in the files."""
        types = {name: column.type for name, column in self._of_rows.items()} | {AS_OF: _TIMESTAMP}
        types |= {DAY: pa.date32(), HOUR: HOUR_TYPE}
        types |= {name: pa.float64() for name in self.kernel.features.numeric}
        types |= {name: pa.string() for name in self.kernel.features.categories}
        return pa.schema([(name, types[name]) for name in [*self._order, *self._partition]])

    @property
    def _partition(self) -> tuple[str, ...]:
        """The partition columns: those of the spine's table."""
        return (DAY, HOUR) if HOUR in self.spine.schema.names else (DAY,)

    @property
    def _row_names(self) -> dict[str, str]:
        """For each column that is read of a row, its name in the spine's table."""
        features = self.kernel.features
        requested = [feature.name for feature in features.request]
        requested += [name for need in self.kernel.needs for name in need.request]
        names = {
            name: name for name in (self.columns.row_id, *features.key_columns, *requested, *self.columns.passthrough)
        }
        names[AS_OF] = self.columns.as_of
        if self.columns.sequence is not None:
            names[SEQUENCE] = self.columns.sequence
        return names

    @property
    def _filtered_by(self) -> dict[str, str]:
        """The columns that the conditions of the spine read."""
        return {predicate.column: predicate.column for predicate in self.columns.filters}

    @property
    def _only_filtered_by(self) -> list[str]:
        """Those of them that nothing else reads."""
        return [name for name in self._filtered_by if name not in self._row_names]

    def _event_columns(self, need: Need, spine_key: pa.Field | None) -> dict[str, pa.Field]:
        """For each column that is read of an event, the table's field; the key in the type of the comparison.

        Args:
            spine_key: The key's column in the spine; `None` for events without an entity.
        """
        if need.source not in self.events:
            raise FeatureError(f"events of '{need.source}' are not given; features by {need.key} need them")
        key_columns = () if spine_key is None else (need.key,)
        names = {name: name for name in (*key_columns, *need.of_events(ordered=False))}
        if need.includes_request and self.columns.sequence is not None:
            names[SEQUENCE] = self.columns.sequence
        columns = self.events[need.source].columns(names, need.source)
        if spine_key is None:
            return columns
        key = columns[need.key]
        kind = key_type(key.type, spine_key.type, need.key, need.source)
        return columns | ({} if kind is None else {need.key: key.with_type(kind)})

    def at_once(
        self, events: Mapping[str, Sequence[str]], spine: Sequence[str], *, most_bytes: float = math.inf
    ) -> Iterator[WrittenFile]:
        """The whole table, in a process that has its machine to itself.

        Args:
            events, spine: Paths of the files of each source and of the rows.
            most_bytes: Upper bound of the memory for the events of the rows' entities by one key.

        Raises:
            TooLarge: The events exceed this bound; nothing is written.
        """
        keep_freed_memory()
        tables = list(self.read_rows(spine))
        if not tables:
            return
        rows = joined(tables)
        for key in self.kernel.features.keys:
            wanted = rows[key].unique().drop_null()
            rows = self.with_features(key, self._events_by(key, events, wanted, most_bytes), rows)
        yield from self.write(rows)

    def _events_by(
        self, key: str, paths: Mapping[str, Sequence[str]], wanted: pa.Array, most_bytes: float
    ) -> dict[str, pa.Table | None]:
        found: dict[str, pa.Table | None] = {}
        left = most_bytes
        for need in self.kernel.needs:
            if need.key == key:
                tables: list[pa.Table] = []
                for table in self.read_events(need, paths[need.source], wanted, alone=True):
                    tables.append(table)
                    left -= table.nbytes
                    if left < 0:
                        raise TooLarge(
                            f"the events of {len(wanted)} entities by {key} take over {most_bytes} bytes; compute the "
                            "day in several tasks"
                        )
                found[need.source] = joined(tables) if tables else None
        return found

    def read_rows(self, paths: Sequence[str]) -> Iterator[pa.Table]:
        """The spine's rows, each with the day, or the hour, of its partition.

        Raises:
            FeatureError: The as-of time of a row is later than the day, or the hour, in which it arrived.
            DamagedPartition: A file is damaged.
        """
        return gathered(map(self._rows_of, paths))

    def _rows_of(self, path: str) -> pa.Table:
        rows = with_whole(read_table(path, self.spine, self._of_rows), self.kernel.features.keys)
        rows = rows.set_column(rows.column_names.index(AS_OF), AS_OF, rows[AS_OF].cast(_TIMESTAMP))
        day, latest = partition_of(path), pc.max(rows[AS_OF]).as_py()
        if latest is not None and latest >= end_of(day):
            length = length_name(day)
            raise FeatureError(
                f"spine: {path} has rows whose as-of {length} is later than the {length} of their arrival; the events "
                f"known by then have not arrived yet: fix '{self.columns.as_of}' or the source's known_at"
            )
        if self.columns.filters:
            rows = rows.filter(pa.array(matching(rows, self.columns.filters))).drop_columns(self._only_filtered_by)
        if not self.columns.after:
            return with_slot(rows, day)
        decided = pc.add(rows[AS_OF], pa.scalar(self.columns.after, pa.duration("us")))
        rows = rows.set_column(rows.column_names.index(AS_OF), AS_OF, decided)
        column, kind = self._partition[-1], HOUR_TYPE if isinstance(day, Hour) else pa.date32()
        held = pc.floor_temporal(decided, unit="hour") if isinstance(day, Hour) else decided.cast(pa.date32())
        held = pc.max_element_wise(held, pa.scalar(day, kind))
        rows = rows.append_column(DAY, held.cast(pa.date32()))
        rows = rows.append_column(HOUR, held) if isinstance(day, Hour) else rows
        first, last = (pa.scalar(bound, kind) for bound in self.days)
        return rows.filter(pc.and_(pc.greater_equal(rows[column], first), pc.less_equal(rows[column], last)))

    def entities(self, paths: Sequence[str], key: str) -> pa.Array:
        """The different entities of the spine's rows."""
        if key == WHOLE:
            return pa.array([WHOLE_KEY])
        tables = [read_table(path, self.spine, {key: self._of_rows[key]}) for path in paths]
        return joined(tables)[key].unique().drop_null()

    def read_events(
        self, need: Need, paths: Sequence[str], wanted: pa.Array | None, *, alone: bool
    ) -> Iterator[pa.Table]:
        """The events of the wanted entities (None: of all); `alone` as in `data_files.read_batches`.

        Raises:
            DamagedPartition: A file is damaged.
        """
        table, columns = self.events[need.source], self._of_events[need.source, need.key]
        if need.key == WHOLE:
            wanted = None  # there is one entity, to which every event belongs
        tables = read_entities(paths, table, columns, need.key, wanted, alone=alone)
        return gathered(with_whole(found, (need.key,)) for found in tables)

    def with_features(self, key: str, events: Mapping[str, pa.Table | None], rows: pa.Table) -> pa.Table:
        """The rows with the features over one entity key; events by source, None for a source without events."""
        for name, values in self.kernel.compute_entity(key, events, rows).items():
            rows = rows.append_column(name, pa.array(values))
        return rows

    def write(self, rows: pa.Table) -> Iterator[WrittenFile]:
        """Writes rows with the features of every key to one file per day, or per hour."""
        rows = rows.sort_by([(name, "ascending") for name in (self._partition[-1], AS_OF, self.columns.row_id)])
        history = {f.name: rows[f.name].to_numpy() for f in self.kernel.features.all if isinstance(f, History)}
        features = self.kernel.finish(history, rows)
        names = set(features.column_names)
        table = pa.table({name: (features if name in names else rows)[name] for name in self._order})
        held = rows[self._partition[-1]].combine_chunks()
        number = held.cast(pa.int64() if HOUR in self._partition else pa.int32()).to_numpy()
        starts = np.flatnonzero(np.append(True, np.diff(number) != 0)).tolist()
        for first, last in zip(starts, [*starts[1:], len(number)], strict=True):
            slot = slot_at({name: rows[name][first].as_py() for name in self._partition})
            yield self._write_slot(table.slice(first, last - first), slot)

    def _write_slot(self, table: pa.Table, day: Slot) -> WrittenFile:
        """Writes a file under a unique name: a failed attempt leaves a file that no commit refers to."""
        path = f"{partition_folder(day)}{uuid.uuid4().hex}.parquet"
        files, full = open_place(f"{self.target}/{path}")
        if not is_s3(self.target):  # S3 has no folders
            files.create_dir(full.rpartition("/")[0], recursive=True)
        size = write_parquet(table, full, files)
        return WrittenFile(path, day, table.num_rows, size, ordered_hash(table))

    @property
    def _order(self) -> list[str]:
        """The table's columns, apart from the partition columns."""
        features = self.kernel.features
        first = [self.columns.row_id, *features.key_columns, AS_OF]
        return list(dict.fromkeys([*first, *features.names, *self.columns.passthrough]))
