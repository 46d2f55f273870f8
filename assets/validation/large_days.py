"""A contract over days that one process cannot hold: in Spark tasks, over blocks of rows.

Belongs here: the passes over the blocks, and joining what they find. Does not belong here: the rules, which are those
of `audit.py`, writing what was found (`publication.py`), Spark's tasks (`resources.spark`).

There are three passes. Tasks judge the rows of each block by themselves. Keys, and columns that an expectation calls
unique, are shuffled by their value, so that equal ones meet in one task. This process reads the few columns of the
rules that need a whole day at once (a mean, a median, the newest event), one day after another. It holds a bit for each
row, and the positions of the rows that fail.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
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
    key_columns,
    key_failure,
    repeated_keys,
    verdicts,
)
from assets.validation.rules.day_rules import DayFailure, Surroundings, day_failures
from assets.validation.rules.expectations import ContractCannotRun
from assets.validation.rules.row_rules import Failure, marked, row_failures
from assets.validation.rules.typing import typed
from resources.lake import DamagedPartition
from resources.lake.blocks import Block, Blocks
from resources.lake.partitioning import slot_columns, with_slot
from resources.lake.values import DAY
from resources.slots import Slot
from resources.sources.calendars import DeliveryCalendar
from resources.spark.tasks import mapped, shuffled

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ERRORS = (DamagedPartition, ContractCannotRun)
"""Errors of tasks that have a remedy."""
_KEY, _PLACE, _ROW = "key", "(place)", "(row)"  # no column has these names in brackets
_FOUND = pa.schema([(_PLACE, pa.int32()), (_ROW, pa.int64())])


@dataclass(frozen=True)
class LargeAudit(Judgement):
    """The verdicts, and the rows behind them.

    Attributes:
        failures: The rows, by their position among all rows, that break each rule; in the order of `audit.audit`, each
            with at least one row.
        of_days: The rules that whole days break.
        bad: Whether a row breaks any rule: bool [rows].
    """

    failures: tuple[Failure, ...]
    of_days: tuple[DayFailure, ...]
    bad: np.ndarray


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
    of_rows, expected_of_rows = _by_themselves(spark, contract, blocks, references)
    suspect = marked(blocks.rows, of_rows)
    repeated = _repeated(spark, contract, blocks, suspect)
    failures = [*of_rows, key_failure(contract, repeated[_KEY][~suspect[repeated[_KEY]]]), *expected_of_rows]
    for number, rule in enumerate(judge.unique):
        empty = judge.repeated(_typed(contract, blocks, None, columns_of(rule)), rule)
        failures.append(Failure(empty.rule, empty.column, repeated[str(number)]))
    of_days: list[DayFailure] = []
    expected = expected_days(days, {block.day for block in blocks.each}, calendar)
    for day in expected if judge.needs_days else ():
        found, broken = failures_of_day(
            contract, judge, day, *_of_day(contract, blocks, day, suspect, judge.day_columns)
        )
        failures.extend(found)
        of_days.extend(broken)
    bad = marked(blocks.rows, failures)
    of_days += day_failures(contract, _newest(contract, blocks, bad), expected, surroundings)
    return LargeAudit(
        verdicts(contract, _counts(blocks, bad), days, of_days), by_rule(failures, of_days),
        tuple(failure for failure in failures if len(failure.rows)), tuple(of_days), bad,
    )  # fmt: skip


# ---------------------------------------------------------------- rows by themselves


def _by_themselves(
    spark: "SparkSession", contract: Contract, blocks: Blocks, references: Surroundings
) -> tuple[list[Failure], list[Failure]]:
    """The rows that break rules on rows, and those of the others that fail an expectation on rows."""

    def judged(number: int, _: pa.Table) -> pa.Table:
        found = [one.rows for part in _judged(contract, blocks.read(blocks.each[number]), references) for one in part]
        places = np.repeat(np.arange(len(found), dtype=np.int32), [len(rows) for rows in found])
        return pa.table([places, np.concatenate(found).astype(np.int64)], schema=_FOUND)

    tables = mapped(spark, judged, [pa.table({})] * len(blocks.each), ERRORS)
    place = np.concatenate([np.zeros(0, np.int32), *(table[_PLACE].to_numpy() for table in tables)])
    starts = [block.start for block in blocks.each]
    rows = [table[_ROW].to_numpy() + start for table, start in zip(tables, starts, strict=True)]
    row = np.concatenate([np.zeros(0, np.int64), *rows])
    order = np.argsort(place, kind="stable")
    place, row = place[order], row[order]
    named = _judged(contract, blocks.schema.empty_table(), references)
    ends = np.searchsorted(place, np.arange(sum(map(len, named)) + 1))
    joined = [Failure(one.rule, one.column, row[ends[n] : ends[n + 1]]) for n, one in enumerate([*named[0], *named[1]])]
    return joined[: len(named[0])], joined[len(named[0]) :]


def _judged(contract: Contract, raw: pa.Table, references: Surroundings) -> tuple[list[Failure], list[Failure]]:
    """As `_by_themselves`, of rows in this process."""
    frame, failures = row_failures(contract, raw, references)
    judge, used = judge_of(contract, whole_days=True)
    positions = np.flatnonzero(~marked(raw.num_rows, failures))
    each = judge.each(frame.select([*used, *slot_columns(frame)]).take(positions))
    return failures, [Failure(one.rule, one.column, positions[one.rows]) for one in each]


# ---------------------------------------------------------------- rows among others


def _repeated(
    spark: "SparkSession", contract: Contract, blocks: Blocks, suspect: np.ndarray
) -> Mapping[str, np.ndarray]:
    """The positions of rows with the key of an earlier row, and of those that fail an expectation of uniqueness."""
    judge, _ = judge_of(contract, whole_days=True)
    unique = {str(number): rule for number, rule in enumerate(judge.unique)}
    buckets = len(blocks.each)

    def divide(number: int, given: pa.Table) -> Iterator[tuple[str, pa.Table, np.ndarray]]:
        block = blocks.each[number]
        keys = _numbered(_typed(contract, blocks, block, key_columns(contract)), block)
        yield _KEY, keys, _buckets(keys.select(list(contract.key)), buckets)
        kept = np.ones(block.rows, bool)
        kept[given[_ROW].to_numpy()] = False
        for kind, rule in unique.items():
            rows = _numbered(_typed(contract, blocks, block, columns_of(rule)), block).filter(pa.array(kept))
            yield kind, rows, _buckets(rows.select(_compared(rule)), buckets)

    def gather(kind: str, rows: pa.Table) -> pa.Table:
        rows = rows.sort_by(_ROW)
        if kind == _KEY:
            found = np.flatnonzero(repeated_keys(contract, rows))
        else:
            found = judge_of(contract, whole_days=True)[0].repeated(rows.drop_columns([_ROW]), unique[kind]).rows
        return pa.table({"kind": pa.array([kind] * len(found), pa.string()), _ROW: rows[_ROW].take(pa.array(found))})

    suspects = [np.flatnonzero(suspect[block.start : block.start + block.rows]) for block in blocks.each]
    given = [pa.table({_ROW: pa.array(rows, pa.int64())}) for rows in suspects]
    tables = shuffled(spark, divide, gather, given, buckets, ERRORS)
    found = pa.concat_tables([pa.table({"kind": pa.array([], pa.string()), _ROW: pa.array([], pa.int64())}), *tables])
    return {kind: np.sort(found.filter(pc.equal(found["kind"], kind))[_ROW].to_numpy()) for kind in (_KEY, *unique)}


def _compared(rule: Mapping[str, Any]) -> list[str]:
    return list(rule["kwargs"].get("column_list") or [rule["kwargs"]["column"]])


def _numbered(rows: pa.Table, block: Block) -> pa.Table:
    return rows.append_column(_ROW, pa.array(np.arange(block.start, block.start + block.rows, dtype=np.int64)))


def _buckets(values: pa.Table, buckets: int) -> np.ndarray:
    """int64 [rows]: a bucket that equal rows share, whatever else is in their block."""
    plain = {}
    for name in values.column_names:
        column = values[name].combine_chunks()
        if pa.types.is_string(column.type):
            plain[name] = pc.fill_null(column, "").to_numpy(zero_copy_only=False)
        elif pa.types.is_floating(column.type):
            plain[name] = pc.fill_null(column, 0.0).to_numpy() + 0.0  # -0.0 equals 0.0
        else:
            number = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
            plain[name] = pc.fill_null(number.cast(pa.int64()), 0).to_numpy()
    hashes = pd.util.hash_pandas_object(pd.DataFrame(plain), index=False).to_numpy()
    return np.asarray((hashes % np.uint64(buckets)).astype(np.int64))


# ---------------------------------------------------------------- whole days


def _typed(contract: Contract, blocks: Blocks, block: Block | None, names: Sequence[str]) -> pa.Table:
    """Some columns of a block (None: of no rows), typed, with the partition columns."""
    wanted = [name for name in dict.fromkeys(names) if name != DAY]
    of_slots = [*slot_columns(blocks.schema.empty_table())]
    raw = blocks.schema.empty_table() if block is None else blocks.read(block, [*wanted, *of_slots])
    columns = {name: typed(contract.column(name), raw[name]).values for name in wanted}
    return pa.table({**columns, **slot_columns(raw)})


def _of_day(
    contract: Contract, blocks: Blocks, day: Slot, suspect: np.ndarray, names: Sequence[str]
) -> tuple[np.ndarray, pa.Table]:
    """The rows of a day that broke no rule on rows: their positions and some of their columns."""
    positions, tables = [np.zeros(0, np.int64)], [_typed(contract, blocks, None, names)]
    for block in blocks.each:
        if block.day == day:
            kept = np.flatnonzero(~suspect[block.start : block.start + block.rows])
            positions.append(kept + block.start)
            tables.append(_typed(contract, blocks, block, names).take(pa.array(kept)))
    return np.concatenate(positions), pa.concat_tables(tables)


def _newest(contract: Contract, blocks: Blocks, bad: np.ndarray) -> pa.Table:
    """A row for each block: the newest event among its valid rows; none where no rule asks for it."""
    time = contract.event_time
    found = [_typed(contract, blocks, None, [time])]
    for block in blocks.each if contract.freshness is not None else ():
        rows = _typed(contract, blocks, block, [time]).filter(pa.array(~bad[block.start : block.start + block.rows]))
        newest = pa.array([pc.max(rows[time]).as_py()], found[0].schema.field(time).type)
        found += [with_slot(pa.table({time: newest}), block.day)] if rows.num_rows else []
    return pa.concat_tables(found)


def _counts(blocks: Blocks, bad: np.ndarray) -> dict[Slot, tuple[int, int]]:
    """The rows of each day, and how many of them break a rule."""
    counts: dict[Slot, tuple[int, int]] = {}
    for block in blocks.each:
        rows, broken = counts.get(block.day, (0, 0))
        found = int(bad[block.start : block.start + block.rows].sum())
        counts[block.day] = (rows + block.rows, broken + found)
    return counts
