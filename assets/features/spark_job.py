"""The feature table by Spark: read, bring together by entity, compute, write by day.

Belongs here: the stages of the job and what is read and written in each. Does not belong here: features (`kernel.py`),
blocks (`blocks.py`), the session (`resources.spark`), the table's log (`resources.lake`).

A stage for each entity key: its events and the rows to be decided are shuffled by entity and the kernel runs over all
entities of a task at once. The rows that come out carry the key's features into the next key's stage, so nothing is
joined. The last stage writes one file a day. There are as many tasks as the files' size asks for, so that a task's
memory stays the same as the history grows; one entity is never cut up, so a task that has half of all events holds
them all. Files that one task can take are not shuffled: a new day costs the reading of its window, of which the events
of other entities are dropped at once.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from assets.features import blocks
from assets.features.group_events import AS_OF, SEQUENCE
from assets.features.kernel import Kernel, Need
from assets.features.vocabulary import FeatureError, History
from resources.object_stores import open_place

DAY = "day"
_ROWS = "(rows)"  # no source has this name
_MICROS = pa.timestamp("us", tz="UTC")
_FEW_FILES = 31
TASK_BYTES = 64 * 2**20
"""Of Parquet files, for one task: a few million events, worked on within a gigabyte."""
_Work = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
_WRITTEN_DDL = "path string, day date, rows long, bytes long"
_WRITTEN = pa.schema([("path", pa.string()), ("day", pa.date32()), ("rows", pa.int64()), ("bytes", pa.int64())])


@dataclass(frozen=True)
class SpineColumns:
    """How the spine's source names what the feature table needs; as `assets.product.Spine`."""

    row_id: str
    as_of: str = "event_time"
    sequence: str | None = None
    carried: tuple[str, ...] = ()


@dataclass(frozen=True)
class WrittenFile:
    """One Parquet file; `path` is relative to the job's target."""

    path: str
    day: date
    rows: int
    bytes: int


@dataclass(frozen=True)
class Written:
    """What the job wrote.

    Attributes:
        files: Of each day that has rows, in order of days.
        schema: Of the table; `day` is its last column, and is not in the files.
    """

    files: tuple[WrittenFile, ...]
    schema: pa.Schema


def run(
    spark: SparkSession,
    kernel: Kernel,
    *,
    events: Mapping[str, Sequence[str]],
    spine: Sequence[str],
    days: tuple[date, date],
    columns: SpineColumns,
    target: str | Path,
    task_bytes: int = TASK_BYTES,
) -> Written:
    """Computes the features of the spine's rows of some days and writes them as Parquet files.

    Args:
        events: For each source its files (paths or `s3://` addresses): all that the rows may look back on.
        spine: Files of the spine's source, each under its partition's `day=YYYY-MM-DD/`.
        days: First and last of the spine's partitions that are wanted; files of others are left out. A row is written
            to the partition that it was read from, the day on which it arrived, also where it is decided as of an
            earlier day: so every row stands in the table once, however days are made again.
        target: Folder or `s3://` prefix; files are `day=YYYY-MM-DD/<unique>.parquet`, sorted by (as_of, row id), with
            page checksums.
        task_bytes: How much of the files a task takes; a file that is read by two keys counts once.

    Raises:
        FeatureError: A source's files are not given, or lack a column.
    """
    size = blocks.size_of([*spine, *(path for paths in events.values() for path in paths)])
    job = _Job(kernel, columns, days, str(target), buckets=min(size // task_bytes + 1, blocks.MOST_BUCKETS))
    schema = job.schema(spine)
    for need in kernel.needs:
        if need.source not in events:
            raise FeatureError(f"events of '{need.source}' are not given; features by {need.key} need them")
        _check_columns(events[need.source], job.event_names(need).values(), need.source)
    _check_columns(spine, job.row_names.values(), "spine")
    spine = [path for path in spine if days[0] <= blocks.partition_of(path) <= days[1]]
    if not spine:
        return Written((), schema)
    work = _in_one_task if job.buckets == 1 else _in_stages
    files = work(spark, job, events, spine).collect()
    found = [WrittenFile(file.path, file.day, file.rows, file.bytes) for file in files]
    return Written(tuple(sorted(found, key=lambda file: (file.day, file.path))), schema)


def _in_one_task(
    spark: SparkSession, job: "_Job", events: Mapping[str, Sequence[str]], spine: Sequence[str]
) -> DataFrame:
    """The whole job as one task, which no block leaves."""
    sources = dict.fromkeys(need.source for need in job.kernel.needs)
    paths = [(_ROWS, path) for path in spine] + [(source, path) for source in sources for path in events[source]]
    return _listing(spark, paths).coalesce(1).mapInArrow(job.at_once, _WRITTEN_DDL)


def _in_stages(
    spark: SparkSession, job: "_Job", events: Mapping[str, Sequence[str]], spine: Sequence[str]
) -> DataFrame:
    """The job as a stage for each entity key and one for the days, its blocks shuffled in between."""

    def read(paths: Sequence[tuple[str, str]], reader: _Work) -> DataFrame:
        return _listing(spark, paths).mapInArrow(reader, blocks.BLOCKS_DDL)

    moving = read([(_ROWS, path) for path in spine], job.read_rows)
    for key in job.kernel.features.keys:
        wanted = _entities(spine, key) if len(spine) <= _FEW_FILES else None
        paths = [(need.source, path) for need in job.kernel.needs if need.key == key for path in events[need.source]]
        if paths:
            moving = moving.unionAll(read(paths, partial(job.read_events, key, wanted)))
        moving = job.stage(moving, partial(job.compute, key), blocks.BLOCKS_DDL)
    return job.stage(moving, job.write, _WRITTEN_DDL)


@dataclass(frozen=True)
class _Job:
    """The stages' work on blocks; travels to the tasks."""

    kernel: Kernel
    columns: SpineColumns
    days: tuple[date, date]
    target: str
    buckets: int

    @property
    def row_names(self) -> dict[str, str]:
        """For each column that travels with a row, its name in the spine's files."""
        features = self.kernel.features
        asked = [feature.name for feature in features.request]
        asked += [name for need in self.kernel.needs for name in need.request]
        names = {name: name for name in (self.columns.row_id, *features.keys, *asked, *self.columns.carried)}
        names[AS_OF] = self.columns.as_of
        if self.columns.sequence is not None:
            names[SEQUENCE] = self.columns.sequence
        return names

    def event_names(self, need: Need) -> dict[str, str]:
        """For each column that is read of an event, its name in the source's files."""
        names = {name: name for name in (need.key, "event_time", "known_at", *need.columns)}
        if need.includes_request and self.columns.sequence is not None:
            names[SEQUENCE] = self.columns.sequence
        return names

    @property
    def order(self) -> list[str]:
        """The feature table's columns, `day` apart."""
        features = self.kernel.features
        computed = {feature.name for feature in (*features.history, *features.derived)}
        for name in (self.columns.row_id, *self.columns.carried):
            if name in computed:
                raise FeatureError(f"the spine's column '{name}' has the name of a feature; rename the feature")
        first = [self.columns.row_id, *features.keys, AS_OF]
        return list(dict.fromkeys([*first, *features.names, *self.columns.carried]))

    def schema(self, spine: Sequence[str]) -> pa.Schema:
        """Of the table, from the columns of the spine's newest file."""
        there = blocks.read_schema(spine[-1]) if spine else pa.schema([])
        types = {name: there.field(old).type for name, old in self.row_names.items() if old in there.names}
        types |= {AS_OF: _MICROS, DAY: pa.date32()}
        types |= {name: pa.float64() for name in self.kernel.features.numeric}
        types |= {name: pa.string() for name in self.kernel.features.categories}
        return pa.schema([(name, types[name]) for name in [*self.order, DAY] if name in types])

    def stage(self, moving: DataFrame, work: _Work, ddl: str) -> DataFrame:
        """The blocks, each bucket in a task of its own, worked on."""
        return moving.repartitionById(self.buckets, moving["bucket"]).mapInArrow(work, ddl)

    def at_once(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Files of all kinds to the days' files: what the stages do, without a shuffle between them."""
        files = list(batches)
        moving = list(self.read_rows(iter(files)))
        for key in self.kernel.features.keys:
            rows = blocks.unpacked(iter(moving)).get(_ROWS)
            if rows is None:
                return
            wanted = rows[key].unique().drop_null()
            moving = list(self.compute(key, chain(moving, self.read_events(key, wanted, iter(files)))))
        yield from self.write(iter(moving))

    def read_rows(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Files of the spine to blocks of rows, by the first entity key."""
        keys = self.kernel.features.keys
        for table in blocks.gathered(self._rows_of(path) for kind, path in _listed(batches) if kind == _ROWS):
            yield from self._passed_on(table, keys[0] if keys else None)

    def _rows_of(self, path: str) -> pa.Table:
        rows = blocks.read_table(path, self.row_names)
        rows = rows.set_column(rows.column_names.index(AS_OF), AS_OF, rows[AS_OF].cast(_MICROS))
        day = blocks.partition_of(path)
        if len(rows) and blocks.day_numbers(rows[AS_OF]).max() > (day - date(1970, 1, 1)).days:
            raise FeatureError(
                f"spine: {path} has rows to be decided as of a later day than they arrived on; what will be known "
                f"then is not there yet: mend '{self.columns.as_of}' or the source's known_at"
            )
        return rows.append_column(DAY, pa.array([day] * len(rows), pa.date32()))

    def read_events(
        self, key: str, wanted: pa.Array | None, batches: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        """Files of events to blocks of events."""
        paths: dict[str, list[str]] = {}
        for source, path in _listed(batches):
            paths.setdefault(source, []).append(path)
        for need in self.kernel.needs:
            if need.key == key and need.source in paths:
                wants = partial(blocks.read_entities, names=self.event_names(need), key=key, wanted=wanted)
                for table in blocks.gathered(blocks.read_each(wants, paths[need.source], alone=self.buckets == 1)):
                    bucket = blocks.entity_buckets(table[key], self.buckets)
                    yield from blocks.packed(table, need.source, bucket, self.buckets)

    def compute(self, key: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Events and rows of a bucket of entities to rows with the features of that key, by the next key."""
        tables = blocks.unpacked(batches)
        if _ROWS not in tables:
            return
        rows = tables.pop(_ROWS)
        events = {need.source: tables.get(need.source) for need in self.kernel.needs if need.key == key}
        for name, values in self.kernel.compute_entity(key, events, rows).items():
            rows = rows.append_column(name, pa.array(values))
        following = dict(zip(self.kernel.features.keys, self.kernel.features.keys[1:], strict=False))
        yield from self._passed_on(rows, following.get(key))

    def _passed_on(self, rows: pa.Table, key: str | None) -> Iterator[pa.RecordBatch]:
        """Rows to the next stage: by the next entity key, or by day when there is none."""
        if key is None:
            bucket = rows[DAY].cast(pa.int32()).to_numpy().astype(np.int64) % self.buckets
        else:
            bucket = blocks.entity_buckets(rows[key], self.buckets)
        yield from blocks.packed(rows, _ROWS, bucket, self.buckets)

    def write(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of some days to one file a day."""
        rows = blocks.unpacked(batches).get(_ROWS)
        if rows is None:
            return
        rows = rows.sort_by([(name, "ascending") for name in (DAY, AS_OF, self.columns.row_id)])
        history = {f.name: rows[f.name].to_numpy() for f in self.kernel.features.all if isinstance(f, History)}
        features = self.kernel.finish(history, rows)
        names = set(features.column_names)
        table = pa.table({name: (features if name in names else rows)[name] for name in self.order})
        day = rows[DAY].cast(pa.int32()).to_numpy()
        starts = np.flatnonzero(np.append(True, np.diff(day) != 0)).tolist()
        for first, last in zip(starts, [*starts[1:], len(day)], strict=True):
            written = self._write_day(table.slice(first, last - first), date(1970, 1, 1) + timedelta(int(day[first])))
            yield pa.record_batch([[written.path], [written.day], [written.rows], [written.bytes]], schema=_WRITTEN)

    def _write_day(self, table: pa.Table, day: date) -> WrittenFile:
        """A file under a name of its own: an attempt that Spark gives up on leaves a file that no one refers to."""
        path = f"{DAY}={day.isoformat()}/{uuid.uuid4().hex}.parquet"
        files, full = open_place(f"{self.target}/{path}")
        files.create_dir(full.rpartition("/")[0], recursive=True)
        pq.write_table(table, full, filesystem=files, compression="zstd", write_page_checksum=True)
        return WrittenFile(path, day, table.num_rows, files.get_file_info(full).size)


def _listing(spark: SparkSession, paths: Sequence[tuple[str, str]]) -> DataFrame:
    listing = pa.table({"kind": [kind for kind, _ in paths], "path": [path for _, path in paths]})
    return spark.createDataFrame(listing)


def _listed(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[str, str]]:
    for batch in batches:
        yield from zip(batch.column("kind").to_pylist(), batch.column("path").to_pylist(), strict=True)


def _entities(spine: Sequence[str], key: str) -> pa.Array:
    """The entities of a few days, which are sent along so that the events of others never leave the reader."""
    keys = blocks.joined([blocks.read_table(path, {key: key}) for path in spine])[key]
    return keys.unique().drop_null()


def _check_columns(paths: Sequence[str], names: Iterable[str], what: str) -> None:
    """The newest file has every column that is read; an older one may lack it."""
    if not paths:
        return
    there = blocks.read_schema(paths[-1]).names
    lacking = sorted(set(names) - set(there))
    if lacking:
        raise FeatureError(f"{what}: {paths[-1]} has no column {', '.join(lacking)}; it has {there}")
