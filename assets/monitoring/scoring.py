"""Scores of the rows of a feature table, in this process or in Spark tasks.

Belongs here: the columns of the table of scores, and scoring many rows in blocks. Does not belong here: the model
(`assets.bundle.scorer`), the way from a score to an outcome (`assets.serving.engine`), committing (`assets.py`).

A row has the same score alone and beside others, so it does not matter how the rows are divided.

Libraries that take seconds to load are imported where rows are scored.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from assets.bundle.answers import REFER, REFUSE, Answers
from assets.bundle.bundle import Bundle
from assets.product.rules import Rule
from resources.lake import DamagedPartition, DataFile
from resources.lake.blocks import Blocks, write_rows
from resources.spark.tasks import mapped

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_WRITTEN = pa.schema([("path", pa.string()), ("rows", pa.int64()), ("bytes", pa.int64()), ("counts", pa.string())])


@dataclass(frozen=True)
class ScoredRows:
    """Rows with their scores.

    Attributes:
        table: The columns of the feature table that are kept, then `score` (null where a knock-out decided), `outcome`,
            `rules` and `shadow_rules` (JSON texts, the ids of those that fired), `explored`, `model_version`.
        counts: What was answered.
    """

    table: pa.Table
    counts: "AnswerCounts"


@dataclass(frozen=True)
class AnswerCounts:
    """What was answered of many rows.

    Attributes:
        refused, referred, explored: Rows with that answer, and rows let past the refusal of their score.
        hits: For each rule, active or shadow, the rows on which it fired.
    """

    refused: int = 0
    referred: int = 0
    explored: int = 0
    hits: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "AnswerCounts") -> "AnswerCounts":
        names = dict.fromkeys([*self.hits, *other.hits])
        return AnswerCounts(
            self.refused + other.refused,
            self.referred + other.referred,
            self.explored + other.explored,
            {name: self.hits.get(name, 0) + other.hits.get(name, 0) for name in names},
        )

    def metadata(self, rows: int) -> dict[str, Any]:
        """For an asset's metadata: shares of all rows; referrals, exploration and rules only where there are any."""
        shares = {"refused_share": self.refused, "referred_share": self.referred, "explored_share": self.explored}
        kept = {name: count / rows if rows else 0.0 for name, count in shares.items() if count or "refused" in name}
        return kept | ({"rule_hits": dict(self.hits)} if self.hits else {})


@dataclass(frozen=True)
class ScoredFiles:
    """The files of scored rows, in the order of the rows, and the schema of their table; `counts` as in ScoredRows."""

    files: tuple[DataFile, ...]
    schema: pa.Schema
    counts: AnswerCounts


def scored_rows(bundle: Bundle, rows: pa.Table, kept: Sequence[str]) -> ScoredRows:
    """Scores rows of a feature table by the code of a decision.

    Raises:
        ModelError: The model failed.
    """
    from assets.serving.engine import Engine

    scored = Engine(bundle, None).score_table(rows)
    answers, rules = scored.answers, bundle.parts.rules
    table = (
        rows.select(list(kept))
        .append_column("score", pa.array(scored.scores, pa.float64(), mask=~answers.scored))
        .append_column("outcome", pa.array(scored.outcomes, pa.string()))
        .append_column("rules", _ids(answers, [rule for rule in rules if rule.mode == "active"]))
        .append_column("shadow_rules", _ids(answers, [rule for rule in rules if rule.mode == "shadow"]))
        .append_column("explored", pa.array(answers.explored, pa.bool_()))
        .append_column("model_version", pa.repeat(pa.scalar(bundle.version, pa.string()), rows.num_rows))
    )
    counts = AnswerCounts(
        refused=int((answers.codes == REFUSE).sum()),
        referred=int((answers.codes == REFER).sum()),
        explored=int(answers.explored.sum()),
        hits={name: int(fired.sum()) for name, fired in answers.hits.items()},
    )
    return ScoredRows(table, counts)


def _ids(answers: Answers, rules: Sequence[Rule]) -> pa.Array:
    """For each row the ids of those of these rules that fired on it, as a JSON text like the decision log's."""
    sets: list[list[str]] = [[]]
    place = np.zeros(len(answers.codes), np.int64)
    for rule in rules:
        fired = answers.hits[rule.id]
        if fired.any():
            codes, place = np.unique(2 * place + fired, return_inverse=True)
            sets = [sets[code // 2] + [rule.id] * (code % 2) for code in codes.tolist()]
    # Many rows have few sets: a text for each set, not for each row.
    return pa.array([json.dumps(ids) for ids in sets], pa.string()).take(pa.array(place))


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
        counts = json.dumps(asdict(scored.counts))
        return pa.table([[file.path], [file.rows], [file.bytes], [counts]], schema=_WRITTEN)

    nothing = pa.table({})
    written = mapped(spark, score, [nothing] * len(blocks.each), (DamagedPartition, ModelError))
    found = [(block, table.to_pylist()[0]) for block, table in zip(blocks.each, written, strict=True)]
    return ScoredFiles(
        files=tuple(DataFile(one["path"], block.day, one["rows"], one["bytes"]) for block, one in found),
        schema=scored_rows(bundle, blocks.schema.empty_table(), kept).table.schema,
        counts=sum((AnswerCounts(**json.loads(one["counts"])) for _, one in found), AnswerCounts()),
    )
