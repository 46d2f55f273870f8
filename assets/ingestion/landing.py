"""A day, or an hour, as it arrived, in the columns of its contract.

Belongs here: fitting the rows of a source to the raw table's columns, and detecting that its schema changed. Does not
belong here: judging values (`assets.validation`), fetching (`resources.sources`).
"""

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from assets.ingestion.schema_diff import SchemaDiff, schema_diff
from assets.product import Contract
from resources.errors import LooplineError
from resources.lake import DAY, HOUR
from resources.lake.partitioning import with_slot
from resources.slots import Slot, day_of, named
from resources.sources.readers import DayRows

MALFORMED = "_malformed"
ROW_NUMBER = "row_number"


class SchemaChanged(LooplineError):
    """A source lacks a column of its contract, or has one that it refuses; the message is a diff with remedies."""


@dataclass(frozen=True)
class RawDay:
    """One day, or hour, of a raw table.

    Attributes:
        table: The contract's columns, all as strings; `_malformed` (string: the text of a line that is not a row),
            `row_number` (int64, from 0 within the day or hour), `day` (date32) and, of an hour, `utc_hour` (timestamp).
        unexpected: Columns that the contract does not have; they are left out, and named in the day's metadata.
        diff: How the day differs from the contract; `None` where it does not.
    """

    table: pa.Table
    unexpected: tuple[str, ...]
    day: Slot
    diff: SchemaDiff | None = None


def with_kept(now: RawDay, before: pa.Table) -> RawDay:
    """A day with the rows that it had when it was read before, of a source whose rows are updated in place.

    Args:
        before: The day's rows in the raw table; those that the source no longer has come first, in their order.
    """
    names = [name for name in now.table.column_names if name not in (ROW_NUMBER, DAY, HOUR)]
    common = [name for name in names if name in before.column_names]
    there = set(_rows(now.table.select(common)))
    kept = before.filter(pa.array([row not in there for row in _rows(before.select(common))], pa.bool_()))
    kept = pa.table({name: kept[name] if name in common else pa.nulls(kept.num_rows, pa.string()) for name in names})
    rows = pa.concat_tables([kept, now.table.select(names)])
    numbered = rows.append_column(ROW_NUMBER, pa.array(np.arange(rows.num_rows, dtype=np.int64)))
    return RawDay(with_slot(numbered, now.day), now.unexpected, now.day, now.diff)


def _rows(table: pa.Table) -> list[tuple[str | None, ...]]:
    return list(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))


def as_raw(contract: Contract, arrived: DayRows, taken: Set[str] = frozenset()) -> RawDay:
    """Fits a day's rows to the contract's columns.

    Args:
        taken: Further columns at the source that are known (`taken_columns`); they are left out and not told.

    Raises:
        SchemaChanged: The rows lack a column of the contract, or have a new one that it refuses.
    """
    names, at_source = arrived.rows.column_names, contract.at_source
    day = day_of(arrived.day)
    diff = schema_diff(contract, arrived.rows, day, taken)
    missing = [at_source[column.name] for column in diff.missing]
    unexpected = tuple(name for name, _ in diff.added)
    expected = [column for column in contract.columns if column.expected_on(day)]
    if len(missing) == len(expected) and names:
        # Without the names: a file that lacks its header begins with a row.
        raise SchemaChanged(
            f"source {contract.source}, {named(arrived.day)}: none of its {len(names)} columns is in the contract: its "
            f"header may be missing. Ask {contract.owner} to deliver it again, or edit contracts/{contract.file}, "
            f"then run the day again"
        )
    is_refused = contract.new_columns == "refuse" and bool(unexpected)
    if (missing and (names or arrived.rows.num_rows)) or is_refused:
        gone = f"no column {', '.join(missing)}" if missing else "the contract refuses new columns"
        new = f", but new {', '.join(unexpected)}" if unexpected else ""
        also = "\n  to leave new columns out: new_columns: leave_out" if is_refused else ""
        raise SchemaChanged(
            f"source {contract.source}, {named(arrived.day)}: its schema changed: {gone}{new}. Agree on the change "
            f"with {contract.owner}, edit contracts/{contract.file}, then run the day again.\n{diff.text}{also}"
        )
    rows, extra = arrived.rows.num_rows, len(arrived.malformed)
    columns = {
        name: pa.chunked_array([arrived.rows[original].combine_chunks(), pa.nulls(extra, pa.string())])
        if original in names
        else pa.chunked_array([pa.nulls(rows + extra, pa.string())])
        for name, original in at_source.items()
    }
    columns[MALFORMED] = pa.chunked_array([pa.nulls(rows, pa.string()), pa.array(arrived.malformed, pa.string())])
    columns[ROW_NUMBER] = pa.array(np.arange(rows + extra, dtype=np.int64))
    return RawDay(with_slot(pa.table(columns), arrived.day), unexpected, arrived.day, diff if unexpected else None)
