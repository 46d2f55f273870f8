"""The feature table by Spark: read, shuffle by entity, compute, write by day.

Belongs here: dividing the work, the stages of the job and the blocks between them. Does not belong here: reading,
computing and writing (`feature_table.py`), buckets (`buckets.py`), blocks and the session (`resources.spark`).

There is a stage for each entity key: its events and the rows to be decided are shuffled by entity, and the kernel runs
over all entities of a task at once. The rows pass the key's features on to the stage of the next key, so no join is
needed. The last stage writes a file per day or hour. The number of tasks follows from the size of the files, so a
task's memory stays the same as the history grows. The events of one entity are never divided: a task whose entity has
half of all events holds them all.

Files that fit into one task need no job: this process computes what the task would, and finishes before a session would
have started. Nor does a single day (the nightly run, or a bad day that is recomputed): this process reads the day's
window, and drops the events of other entities at once. This holds for the files of up to sixteen tasks, unless the
day's entities have too many events.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from assets.features.kernel.kernel import Kernel
from assets.features.table.buckets import entity_buckets
from assets.features.table.data_files import DataFiles, partition_of, size_of
from assets.features.table.feature_table import FeatureTable, SpineColumns, TooLarge, WrittenFile
from assets.vocabulary import FeatureError
from resources.lake import DAY, DamagedPartition
from resources.slots import Slot, checked_slot, day_of, days_of
from resources.spark import blocks
from resources.spark.tasks import raised_in_task

_ROWS = "(rows)"  # no source has this name
_FEW_FILES = 31
TASK_BYTES = 64 * 2**20
"""Size of Parquet files for one task: a few million events, computed within a gigabyte of memory."""
_ALONE = 16
"""A single day of up to this many tasks' files is read by this process: tens of millions of events, some seconds."""
_HELD = 4
"""Upper bound of the uncompressed events of a single day's entities in memory, as a multiple of a task's files."""
_Work = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
_WRITTEN_DDL = "path string, day string, rows long, bytes long, content string"
_WRITTEN = pa.schema(
    [("path", pa.string()), ("day", pa.string()), ("rows", pa.int64()), ("bytes", pa.int64()), ("content", pa.string())]
)


@dataclass(frozen=True)
class Written:
    """The files that the job wrote.

    Attributes:
        files: The files of each day, or hour, with rows, in their order.
        schema: The schema of the table; the partition columns are its last ones, and are not in the files.
    """

    files: tuple[WrittenFile, ...]
    schema: pa.Schema


def run(
    session: Callable[[], SparkSession],
    kernel: Kernel,
    *,
    events: Mapping[str, DataFiles],
    spine: DataFiles,
    days: tuple[Slot, Slot],
    columns: SpineColumns,
    target: str | Path,
    task_bytes: int = TASK_BYTES,
) -> Written:
    """Computes the features of the spine's rows of some days and writes them as Parquet files.

    Args:
        session: Returns the session; not called where no job is needed.
        events: For each source its files, all within the lookback of the rows.
        spine: Files of the spine's source.
        days: First and last slot to compute. A row is written to the slot of its arrival, even if its as-of day is
            earlier, or to the slot of its decision if that is made later (`columns.after`): every row is in the table
            once, however often days are recomputed. Files of days that have no such rows are left out.
        target: As in `FeatureTable`.
        task_bytes: Size of the files of one task; a file that two keys read counts once. From here on there is a job;
            a single day may take more, as the opening of this module says.

    Raises:
        FeatureError: A source's files are not given, a table lacks a column, or a row cannot be computed.
        DamagedPartition: A file is damaged, in whichever process it was read.
        PySparkException: A task failed for another reason, which the message contains.
    """
    tables = {source: files.table for source, files in events.items()}
    table = FeatureTable(kernel, columns, str(target), spine.table, tables, days)
    read = {need.source: events[need.source].paths for need in kernel.needs}
    size = size_of(spine.paths) + sum(map(size_of, read.values()))
    first = days[0] - timedelta(days=columns.days_after)
    wanted = [path for path in spine.paths if first <= partition_of(path) <= days[1]]
    alone = day_of(days[0]) == day_of(days[1]) or len(days_of(map(partition_of, wanted))) <= 1
    files = _in_this_process(table, read, wanted, size, task_bytes) if alone or size < task_bytes else None
    if files is None:
        files = _Stages(table, min(size // task_bytes + 1, blocks.MOST_BUCKETS)).run(session(), read, wanted)
    return Written(tuple(sorted(files, key=lambda file: (file.day, file.path))), table.schema)


def _in_this_process(
    table: FeatureTable, events: Mapping[str, Sequence[str]], spine: Sequence[str], size: int, task_bytes: int
) -> list[WrittenFile] | None:
    """The files of what fits into one task, or of a single day; None where the day is too large for one process."""
    if size >= _ALONE * task_bytes:
        return None
    try:
        return list(table.at_once(events, spine, most_bytes=math.inf if size < task_bytes else _HELD * task_bytes))
    except TooLarge:
        return None


@dataclass(frozen=True)
class _Stages:
    """A stage for each entity key and one for the days, with shuffled blocks in between; methods run in tasks."""

    table: FeatureTable
    buckets: int

    def run(self, spark: SparkSession, events: Mapping[str, Sequence[str]], spine: Sequence[str]) -> list[WrittenFile]:
        """The whole job."""

        def read(paths: Sequence[tuple[str, str]], reader: _Work) -> DataFrame:
            listing = pa.table({"kind": [kind for kind, _ in paths], "path": [path for _, path in paths]})
            return spark.createDataFrame(listing).mapInArrow(reader, blocks.BLOCKS_DDL)

        moving = read([(_ROWS, path) for path in spine], self.read_rows)
        kernel = self.table.kernel
        for key in kernel.features.keys:
            wanted = self.table.entities(spine, key) if len(spine) <= _FEW_FILES else None
            paths = [(need.source, path) for need in kernel.needs if need.key == key for path in events[need.source]]
            if paths:
                moving = moving.unionAll(read(paths, partial(self.read_events, key, wanted)))
            moving = self._shuffled(moving).mapInArrow(partial(self.compute, key), blocks.BLOCKS_DDL)
        return _collected(self._shuffled(moving).mapInArrow(self.write, _WRITTEN_DDL))

    def _shuffled(self, moving: DataFrame) -> DataFrame:
        """The blocks, each bucket in a task of its own."""
        return moving.repartitionById(self.buckets, moving["bucket"])

    def read_rows(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """From files of the spine to blocks of rows, by the first entity key."""
        keys = self.table.kernel.features.keys
        for rows in self.table.read_rows([path for _, path in _listed(batches)]):
            yield from self._passed_on(rows, keys[0] if keys else None)

    def read_events(
        self, key: str, wanted: pa.Array | None, batches: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        """From files of events to blocks of events."""
        paths: dict[str, list[str]] = {}
        for source, path in _listed(batches):
            paths.setdefault(source, []).append(path)
        for need in self.table.kernel.needs:
            if need.key == key and need.source in paths:
                for events in self.table.read_events(need, paths[need.source], wanted, alone=False):
                    bucket = entity_buckets(events[key], self.buckets)
                    yield from blocks.packed(events, need.source, bucket, self.buckets)

    def compute(self, key: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """From events and rows of a bucket of entities to rows with the features of the key, by the next key."""
        tables = blocks.unpacked(batches)
        if _ROWS not in tables:
            return
        kernel = self.table.kernel
        events = {need.source: tables.get(need.source) for need in kernel.needs if need.key == key}
        following = dict(zip(kernel.features.keys, kernel.features.keys[1:], strict=False))
        yield from self._passed_on(self.table.with_features(key, events, tables[_ROWS]), following.get(key))

    def _passed_on(self, rows: pa.Table, key: str | None) -> Iterator[pa.RecordBatch]:
        """Blocks of rows for the next stage: by the next entity key, or by day where there is none."""
        if key is None:
            bucket = rows[DAY].cast(pa.int32()).to_numpy().astype(np.int64) % self.buckets
        else:
            bucket = entity_buckets(rows[key], self.buckets)
        yield from blocks.packed(rows, _ROWS, bucket, self.buckets)

    def write(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """From rows of some days to one file per day."""
        rows = blocks.unpacked(batches).get(_ROWS)
        if rows is not None:
            yield from map(_as_batch, self.table.write(rows))


def _listed(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[str, str]]:
    for batch in batches:
        yield from zip(batch.column("kind").to_pylist(), batch.column("path").to_pylist(), strict=True)


def _as_batch(file: WrittenFile) -> pa.RecordBatch:
    values = (file.path, str(file.day), file.rows, file.bytes, file.content)
    return pa.record_batch([[value] for value in values], schema=_WRITTEN)


def _collected(written: DataFrame) -> list[WrittenFile]:
    try:
        return [WrittenFile(path, checked_slot(day), *figures) for path, day, *figures in written.collect()]
    except PySparkException as error:
        raised = raised_in_task(error, (DamagedPartition, FeatureError))
        if raised is None:
            raise
        raise raised from error
