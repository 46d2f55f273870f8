"""Tables through functions in Spark tasks.

Belongs here: one task for each given table, the shuffle of what such tasks give, and the error of a task. Does not
belong here: the functions, the session (`sessions.py`), the form of tables between tasks (`blocks.py`).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from resources.spark.blocks import BLOCKS_DDL, MOST_BUCKETS, packed, packed_whole, unpacked, unpacked_whole

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Pieces = Iterator[tuple[str, pa.Table, np.ndarray]]
"""Tables by their kind, with the bucket of each row."""
_Errors = Sequence[type[Exception]]


def mapped(
    spark: "SparkSession", work: Callable[[int, pa.Table], pa.Table], given: Sequence[pa.Table], errors: _Errors
) -> list[pa.Table]:
    """Runs a function on each table in a task of its own; what it gives, in the order of the tables.

    Args:
        work: Takes the table's place among the given ones, and the table. Its result is brought to this process, so it
            is small; a task that dies is run again.
        errors: Kinds of errors that come out as they were raised in a task.

    Raises:
        PySparkException: A task failed for another reason, which the message contains.
    """

    if not given:
        return []

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for number, table in _numbered(batches):
            yield packed_whole(work(number, table), "", number)

    found = _collected(_frame(spark, given).mapInArrow(run, BLOCKS_DDL), errors)
    return [table for _, table in sorted(found, key=lambda one: one[0])]


def shuffled(
    spark: "SparkSession",
    divide: Callable[[int, pa.Table], Pieces],
    gather: Callable[[str, pa.Table], pa.Table],
    given: Sequence[pa.Table],
    buckets: int,
    errors: _Errors,
) -> list[pa.Table]:
    """Divides each table into buckets of several kinds, and gathers each bucket from all tables in a task.

    Args:
        divide: As `work` of `mapped`; gives pieces of each kind.
        gather: Takes a kind and the rows of a bucket, in any order; it is called for each kind that the bucket has.
    """
    if not given:
        return []
    buckets = min(buckets, MOST_BUCKETS)

    def spread(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for number, table in _numbered(batches):
            for kind, rows, bucket in divide(number, table):
                yield from packed(rows, kind, bucket, buckets)

    def collect(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for number, (kind, rows) in enumerate(unpacked(batches).items()):
            yield packed_whole(gather(kind, rows), kind, number)

    moving = _frame(spark, given).mapInArrow(spread, BLOCKS_DDL)
    moving = moving.repartitionById(buckets, moving["bucket"])
    return [table for _, table in _collected(moving.mapInArrow(collect, BLOCKS_DDL), errors)]


def raised_in_task(error: Exception, kinds: _Errors) -> Exception | None:
    """The error of a task, where it is of one of these kinds; Spark keeps only the text of its traceback."""
    named = {kind.__name__: kind for kind in kinds}
    raised = re.findall(rf"^[\w.]*\b({'|'.join(named)}): (.+)$", str(error), re.MULTILINE)
    if not raised:
        return None
    kind, text = raised[-1]
    return named[kind](text)


def _frame(spark: "SparkSession", given: Sequence[pa.Table]) -> "DataFrame":
    """A partition for each table."""
    rows = pa.Table.from_batches([packed_whole(table, "", number) for number, table in enumerate(given)])
    frame = spark.createDataFrame(rows)
    return frame.repartitionById(len(given), frame["bucket"])


def _numbered(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, pa.Table]]:
    for batch in batches:
        for number, block in zip(batch.column("bucket").to_pylist(), batch.column("block"), strict=True):
            yield number, unpacked_whole(block.as_buffer())


def _collected(frame: "DataFrame", errors: _Errors) -> list[tuple[int, pa.Table]]:
    from pyspark.errors import PySparkException

    try:
        return [(row.bucket, unpacked_whole(row.block)) for row in frame.collect()]
    except PySparkException as error:
        raised = raised_in_task(error, errors)
        if raised is None:
            raise
        raise raised from error
