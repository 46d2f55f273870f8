"""A contract over days that one process cannot hold: in Spark tasks, over blocks of rows.

Belongs here: the passes over the blocks, and joining what they find. Does not belong here: the rules, which are those
of `audit.py`, writing what was found (`publication.py`), Spark's tasks (`resources.spark`).

There are three passes. Tasks judge the rows of each block by themselves. Keys, and columns that an expectation calls
unique, are shuffled by their value, so that equal ones meet in one task (`repeated_rows.py`). This process reads the
few columns of the rules that need a whole day at once (a mean, a median, the newest event), one day after another. It
holds, for each rule and block, the set of the rows that fail (`block_sets.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Contract
from assets.product.contracts.expectations import columns_of
from assets.validation.audit import (
    Judgement,
    by_rule,
    expected_days,
    failures_of_day,
    judge_of,
    key_failure,
    repeated_keys,
    verdicts,
)
from assets.validation.block_sets import BlockFailure, by_block, marks_of, packed_rows, size_of, union
from assets.validation.repeated_rows import ERRORS, KEY, repeated_rows, typed_columns
from assets.validation.rules.day_rules import DayFailure, Surroundings, day_failures
from assets.validation.rules.row_rules import Failure, marked, row_failures
from resources.lake.blocks import Block, Blocks
from resources.lake.partitioning import slot_columns, with_slot
from resources.slots import Slot
from resources.sources.calendars import DeliveryCalendar
from resources.spark.tasks import mapped

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PLACE, _SET = "place", "set"
_FOUND = pa.schema([(_PLACE, pa.int32()), (_SET, pa.binary())])
_Sets = Sequence[bytes]
"""A set of rows for each block."""


@dataclass(frozen=True)
class LargeAudit(Judgement):
    """The verdicts, and the rows behind them.

    Attributes:
        failures: The rows that break each rule; in the order of `audit.audit`, each with at least one row.
        of_days: The rules that whole days break.
    """

    failures: tuple[BlockFailure, ...]
    of_days: tuple[DayFailure, ...]


def audit_in_tasks(
    spark: "SparkSession",
    contract: Contract,
    blocks: Blocks,
    days: Sequence[Slot],
    surroundings: Surroundings,
    calendar: DeliveryCalendar,
) -> LargeAudit:
    """The contract over the raw rows of whole days; its findings are those of `audit.audit`.

    Raises:
        ContractCannotRun: An expectation could not be evaluated.
        DamagedPartition: A file of the raw table is damaged.
        PySparkException: A task failed for another reason, which the message contains.
    """
    judge, _ = judge_of(contract, whole_days=True)
    references = Surroundings(references=surroundings.references)
    of_rows, of_keys, expected_of_rows = _by_themselves(spark, contract, blocks, references)
    suspect = _joined(blocks, of_rows)
    repeated = repeated_rows(spark, contract, blocks, suspect)
    failures = [*of_rows, _with_others(blocks, of_keys, repeated[KEY], suspect), *expected_of_rows]
    for number, rule in enumerate(judge.unique):
        empty = judge.repeated(typed_columns(contract, blocks, None, columns_of(rule)), rule)
        failures.append(BlockFailure(empty.rule, empty.column, tuple(repeated[str(number)])))
    of_days: list[DayFailure] = []
    expected = expected_days(days, {block.day for block in blocks.each}, calendar)
    for day in expected if judge.needs_days else ():
        found, broken = failures_of_day(
            contract, judge, day, *_of_day(contract, blocks, day, suspect, judge.day_columns)
        )
        failures.extend(_in_blocks(blocks, failure) for failure in found)
        of_days.extend(broken)
    bad = _joined(blocks, failures)
    of_days += day_failures(contract, _newest(contract, blocks, bad), expected, surroundings)
    broken_rows = [(one.rule, one.column, one.count) for one in failures]
    return LargeAudit(
        verdicts(contract, _counts(blocks, bad), days, of_days), by_rule(broken_rows, of_days),
        tuple(one for one in failures if one.count), tuple(of_days),
    )  # fmt: skip


# ---------------------------------------------------------------- rows by themselves


def _by_themselves(
    spark: "SparkSession", contract: Contract, blocks: Blocks, references: Surroundings
) -> tuple[list[BlockFailure], BlockFailure, list[BlockFailure]]:
    """The rows that break rules on rows; of the others those with an earlier key, and those that fail an expectation.

    The earlier row with the key is of the same block, and the expectations are those on rows.
    """

    def judged(number: int, _: pa.Table) -> pa.Table:
        block = blocks.each[number]
        of_rows, of_keys, expected = _judged(contract, blocks.read(block), references)
        sets = [packed_rows(one.rows, block.rows) for one in [*of_rows, of_keys, *expected]]
        some = [(place, found) for place, found in enumerate(sets) if found]
        return pa.table([[place for place, _ in some], [found for _, found in some]], schema=_FOUND)

    tables = mapped(spark, judged, [pa.table({})] * len(blocks.each), ERRORS)
    found = [dict(zip(table[_PLACE].to_pylist(), table[_SET].to_pylist(), strict=True)) for table in tables]
    of_rows, of_keys, expected = _judged(contract, blocks.schema.empty_table(), references)
    joined = [
        BlockFailure(one.rule, one.column, tuple(sets.get(place, b"") for sets in found))
        for place, one in enumerate([*of_rows, of_keys, *expected])
    ]
    return joined[: len(of_rows)], joined[len(of_rows)], joined[len(of_rows) + 1 :]


def _judged(
    contract: Contract, raw: pa.Table, references: Surroundings
) -> tuple[list[Failure], Failure, list[Failure]]:
    """As `_by_themselves`, of rows in this process."""
    frame, failures = row_failures(contract, raw, references)
    suspect = marked(raw.num_rows, failures)
    of_keys = key_failure(contract, np.flatnonzero(repeated_keys(contract, frame) & ~suspect))
    judge, used = judge_of(contract, whole_days=True)
    positions = np.flatnonzero(~suspect)
    each = judge.each(frame.select([*used, *slot_columns(frame)]).take(positions))
    return failures, of_keys, [Failure(one.rule, one.column, positions[one.rows]) for one in each]


def _with_others(blocks: Blocks, of_keys: BlockFailure, repeated: _Sets, suspect: _Sets) -> BlockFailure:
    """The rows with a key of an earlier row, of their block and of others; without the suspect ones."""

    def of(block: Block) -> bytes:
        number = block.number
        others = marks_of([repeated[number]], block.rows) & ~marks_of([suspect[number]], block.rows)
        return union([of_keys.sets[number], packed_rows(np.flatnonzero(others), block.rows)], block.rows)

    return BlockFailure(of_keys.rule, of_keys.column, tuple(map(of, blocks.each)))


# ---------------------------------------------------------------- whole days


def _of_day(
    contract: Contract, blocks: Blocks, day: Slot, suspect: _Sets, names: Sequence[str]
) -> tuple[np.ndarray, pa.Table]:
    """The rows of a day that broke no rule on rows: their positions and some of their columns."""
    positions, tables = [np.zeros(0, np.int64)], [typed_columns(contract, blocks, None, names)]
    for block in blocks.each:
        if block.day == day:
            kept = np.flatnonzero(~marks_of([suspect[block.number]], block.rows))
            positions.append(kept + block.start)
            tables.append(typed_columns(contract, blocks, block, names).take(pa.array(kept)))
    return np.concatenate(positions), pa.concat_tables(tables)


def _newest(contract: Contract, blocks: Blocks, bad: _Sets) -> pa.Table:
    """A row for each block: the newest event among its valid rows; none where no rule asks for it."""
    time = contract.event_time
    found = [typed_columns(contract, blocks, None, [time])]
    for block in blocks.each if contract.freshness is not None else ():
        valid = pa.array(~marks_of([bad[block.number]], block.rows))
        rows = typed_columns(contract, blocks, block, [time]).filter(valid)
        newest = pa.array([pc.max(rows[time]).as_py()], found[0].schema.field(time).type)
        found += [with_slot(pa.table({time: newest}), block.day)] if rows.num_rows else []
    return pa.concat_tables(found)


def _counts(blocks: Blocks, bad: _Sets) -> dict[Slot, tuple[int, int]]:
    """The rows of each day, and how many of them break a rule."""
    counts: dict[Slot, tuple[int, int]] = {}
    for block in blocks.each:
        rows, broken = counts.get(block.day, (0, 0))
        counts[block.day] = (rows + block.rows, broken + size_of(bad[block.number]))
    return counts


# ---------------------------------------------------------------- sets of rows


def _joined(blocks: Blocks, failures: Sequence[BlockFailure]) -> list[bytes]:
    """For each block, the rows that break any of the rules."""
    return [union([one.sets[block.number] for one in failures], block.rows) for block in blocks.each]


def _in_blocks(blocks: Blocks, failure: Failure) -> BlockFailure:
    """A failure whose rows are positions among all rows."""
    sets = by_block(blocks, np.sort(failure.rows))
    return BlockFailure(failure.rule, failure.column, tuple(sets.get(block.number, b"") for block in blocks.each))
