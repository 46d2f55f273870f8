"""Rows of large days that repeat a key, or a value that an expectation calls unique.

Belongs here: the shuffle in which equal values of a day meet in one task. Does not belong here: what is repeated
(`audit.py`, `rules/expectations.py`), the other passes (`large_days.py`).

The values of a day are spread over as many tasks as the day has blocks. A key that a block has often is sent once, so
that a day with one key for all of its rows fits into a task.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Contract
from assets.product.contracts.expectations import columns_of
from assets.validation.audit import judge_of, key_columns, repeated_keys
from assets.validation.block_sets import by_block, marks_of, union
from assets.validation.rules.expectations import ContractCannotRun, compared
from assets.validation.rules.typing import typed
from resources.lake import DamagedPartition
from resources.lake.blocks import Block, Blocks
from resources.lake.partitioning import slot_columns
from resources.lake.values import DAY
from resources.slots import Slot
from resources.spark.blocks import MOST_BUCKETS
from resources.spark.tasks import shuffled

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ERRORS = (DamagedPartition, ContractCannotRun)
"""Errors of tasks that have a remedy."""
KEY = "key"
"""The kind of rows that repeat a key; those that repeat a unique value have the number of the expectation."""
_ROW, _BLOCK, _SET = "(row)", "(block)", "(set)"  # no column has names in brackets
_REPEATED = pa.schema([("kind", pa.string()), (_BLOCK, pa.int32()), (_SET, pa.binary())])
_GIVEN = pa.schema([(_BLOCK, pa.int32()), (_SET, pa.binary())])


def repeated_rows(
    spark: "SparkSession", contract: Contract, blocks: Blocks, suspect: Sequence[bytes]
) -> Mapping[str, Sequence[bytes]]:
    """The rows with a key of an earlier block of their day, and those that fail an expectation of uniqueness.

    Args:
        suspect: The rows that break a rule by themselves: their values need not be unique.

    Returns:
        For `KEY`, and for the number of each expectation of uniqueness, a set of rows for each block.
    """
    judge, _ = judge_of(contract, whole_days=True)
    unique = {str(number): rule for number, rule in enumerate(judge.unique)}
    places = _places(blocks)

    def divide(_: int, given: pa.Table) -> Iterator[tuple[str, pa.Table, np.ndarray]]:
        (asked,) = given.to_pylist()
        block = blocks.each[asked[_BLOCK]]
        within = places[block.day]
        if len(within) > 1:
            keys = typed_columns(contract, blocks, block, key_columns(contract))
            keys = _numbered(keys, block).filter(pa.array(~repeated_keys(contract, keys)))
            yield KEY, keys, _buckets(keys.select(list(contract.key)), within)
        kept = pa.array(~marks_of([asked[_SET]], block.rows))
        for kind, rule in unique.items():
            rows = _numbered(typed_columns(contract, blocks, block, columns_of(rule)), block).filter(kept)
            names, there = compared(rows, rule)
            rows = rows.take(pa.array(there))
            yield kind, rows, _buckets(rows.select(names), within)

    def gather(kind: str, rows: pa.Table) -> pa.Table:
        rows = rows.sort_by(_ROW)
        if kind == KEY:
            found = np.flatnonzero(repeated_keys(contract, rows))
        else:
            found = judge_of(contract, whole_days=True)[0].repeated(rows.drop_columns([_ROW]), unique[kind]).rows
        sets = by_block(blocks, np.sort(rows[_ROW].to_numpy()[found]))
        return pa.table([[kind] * len(sets), [*sets], [*sets.values()]], schema=_REPEATED)

    some = [block.number for block in blocks.each if unique or len(places[block.day]) > 1]
    given = [pa.table([[number], [suspect[number]]], schema=_GIVEN) for number in some]
    found: dict[str, list[list[bytes]]] = {kind: [[] for _ in blocks.each] for kind in (KEY, *unique)}
    for table in shuffled(spark, divide, gather, given, len(blocks.each), ERRORS):
        for one in table.to_pylist():
            found[one["kind"]][one[_BLOCK]].append(one[_SET])
    return {
        kind: [union(sets, block.rows) for block, sets in zip(blocks.each, of_blocks, strict=True)]
        for kind, of_blocks in found.items()
    }


def typed_columns(contract: Contract, blocks: Blocks, block: Block | None, names: Sequence[str]) -> pa.Table:
    """Some columns of a block (None: of no rows), typed, with the partition columns."""
    wanted = [name for name in dict.fromkeys(names) if name != DAY]
    of_slots = [*slot_columns(blocks.schema.empty_table())]
    raw = blocks.schema.empty_table() if block is None else blocks.read(block, [*wanted, *of_slots])
    columns = {name: typed(contract.column(name), raw[name]).values for name in wanted}
    return pa.table({**columns, **slot_columns(raw)})


def _places(blocks: Blocks) -> dict[Slot, range]:
    """The numbers of the blocks of each day; they are consecutive."""
    found: dict[Slot, range] = {}
    for block in blocks.each:
        first = found[block.day].start if block.day in found else block.number
        found[block.day] = range(first, block.number + 1)
    return found


def _numbered(rows: pa.Table, block: Block) -> pa.Table:
    return rows.append_column(_ROW, pa.array(np.arange(block.start, block.start + block.rows, dtype=np.int64)))


def _buckets(values: pa.Table, within: range) -> np.ndarray:
    """int64 [rows]: one of the buckets, which equal rows share whatever else is in their block."""
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
    return np.asarray((within.start + (hashes % np.uint64(len(within))).astype(np.int64)) % MOST_BUCKETS)
