"""Scores of the rows of a feature table, in this process or in Spark tasks.

Belongs here: the columns of the table of scores, and scoring many rows in blocks. Does not belong here: the model
(`assets.bundle.scorer`), the way from a score to an outcome (`assets.serving.engine`), committing (`assets.py`).

A row has the same score alone and beside others, so it does not matter how the rows are divided.

Libraries that take seconds to load are imported where rows are scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from assets.bundle.bundle import Bundle
from resources.lake import DamagedPartition, DataFile
from resources.lake.blocks import Blocks, write_rows
from resources.spark.tasks import mapped

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_WRITTEN = pa.schema([("path", pa.string()), ("rows", pa.int64()), ("bytes", pa.int64()), ("refused", pa.int64())])


@dataclass(frozen=True)
class ScoredRows:
    """Rows with their scores.

    Attributes:
        table: The columns of the feature table that are kept, then `score`, `outcome` and `model_version`.
        refused: How many rows are at or above the threshold.
    """

    table: pa.Table
    refused: int


@dataclass(frozen=True)
class ScoredFiles:
    """The files of scored rows, in the order of the rows, and the schema of their table; `refused` as in ScoredRows."""

    files: tuple[DataFile, ...]
    schema: pa.Schema
    refused: int


def scored_rows(bundle: Bundle, rows: pa.Table, kept: Sequence[str]) -> ScoredRows:
    """Scores rows of a feature table by the code of a decision.

    Raises:
        ModelError: The model failed.
    """
    from assets.serving.engine import Engine

    scored = Engine(bundle, None).score_table(rows)
    version = pa.repeat(pa.scalar(bundle.version, pa.string()), rows.num_rows)
    table = (
        rows.select(list(kept))
        .append_column("score", pa.array(scored.scores, pa.float64()))
        .append_column("outcome", pa.array(scored.outcomes, pa.string()))
        .append_column("model_version", version)
    )
    return ScoredRows(table, int(scored.refused.sum()))


def scored_in_tasks(
    spark: "SparkSession", bundle: Bundle, blocks: Blocks, kept: Sequence[str], target: str
) -> ScoredFiles:
    """Scores each block of a feature table in a task, which writes the scored rows as a file.

    The tasks are sent the bundle, which this process has verified: they need no signing key.

    Args:
        target: The folder or `s3://` prefix of the files.

    Raises:
        ModelError: The model failed.
        DamagedPartition: A file of the feature table is damaged.
        PySparkException: A task failed for another reason, which the message contains.
    """
    from assets.bundle.scorer import ModelError

    def score(number: int, _: pa.Table) -> pa.Table:
        block = blocks.each[number]
        scored = scored_rows(bundle, blocks.read(block), kept)
        file = write_rows(scored.table, target, f"{number:06}", block.day)
        return pa.table([[file.path], [file.rows], [file.bytes], [scored.refused]], schema=_WRITTEN)

    nothing = pa.table({})
    written = mapped(spark, score, [nothing] * len(blocks.each), (DamagedPartition, ModelError))
    found = [(block, table.to_pylist()[0]) for block, table in zip(blocks.each, written, strict=True)]
    return ScoredFiles(
        files=tuple(DataFile(one["path"], block.day, one["rows"], one["bytes"]) for block, one in found),
        schema=scored_rows(bundle, blocks.schema.empty_table(), kept).table.schema,
        refused=sum(one["refused"] for _, one in found),
    )
