"""The canonical content of a table: the same rows have the same hash, in any files and any order.

Belongs here: the hash of a whole table or of each of its partitions. Does not belong here: reading tables.

Two tables have the same hash exactly when they have the same columns (by name and type) and the same rows (as a
multiset). The order of rows, columns, files and row groups does not matter. Sorting takes most of the time, so what is
hashed at every write is hashed as it lies (`ordered_hash`).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def content_hash(table: pa.Table) -> str:
    """SHA-256, in hexadecimal, of the sorted rows of a flat table (numbers, booleans, strings, times, dates).

    Missing values sort last and differ from every value; -0.0 equals 0.0 and every NaN equals every other.

    Raises:
        TypeError: A column is nested.
    """
    names = sorted(table.column_names)
    ordered = _sorted(table, names, names)
    return _digest(_columns(table, ordered, names), 0, table.num_rows)


def ordered_hash(table: pa.Table) -> str:
    """As `content_hash`, for rows in their order: the same rows in another order have another hash.

    Raises:
        TypeError: A column is nested.
    """
    names = sorted(table.column_names)
    canonical = pa.table({name: _canonical(name, table[name]) for name in names})
    return _digest(_columns(table, canonical, names), 0, table.num_rows)


def streamed_hash(schema: pa.Schema, rows: int, column: Callable[[str], Iterable[pa.Array]]) -> str:
    """The `ordered_hash` of rows that are too many to be held at once.

    Args:
        rows: How many rows there are.
        column: Gives a column in pieces, in the order of the rows; it is asked up to three times for each.

    Raises:
        TypeError: A column is nested.
    """
    digest = hashlib.sha256()
    for name in sorted(schema.names):
        header = f"{name}:{schema.field(name).type}"

        def pieces(name: str = name, header: str = header) -> Iterator[_Column]:
            return (_column(header, _canonical(name, pa.chunked_array([piece]))) for piece in column(name))

        digest.update(f"{header}:{rows}\n".encode())
        for packed in _packed(piece.missing for piece in pieces()):
            digest.update(packed)
        for piece in pieces():
            digest.update(piece.values[~piece.missing].tobytes())
        if _is_text(schema.field(name).type):
            for piece in pieces():
                if piece.texts is not None:
                    data, starts = piece.texts
                    digest.update(data[starts[0] : starts[-1]])
    return digest.hexdigest()


def content_hashes(table: pa.Table, by: str) -> dict[str, str]:
    """For each value of a column, in ascending order, the `content_hash` of the rows with that value.

    The table is sorted once for all values.

    Raises:
        TypeError: A column is nested.
    """
    names = sorted(table.column_names)
    ordered = _sorted(table, names, [by, *(name for name in names if name != by)])
    columns = _columns(table, ordered, names)
    runs = pc.run_end_encode(ordered[by].cast(table.schema.field(by).type).combine_chunks())
    found, start = {}, 0
    for value, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        found[str(value)] = _digest(columns, start, end)
        start = end
    return found


@dataclass(frozen=True)
class _Column:
    """A canonical column in sorted order, in a form in which any range of rows can be hashed.

    Attributes:
        missing: bool [rows].
        values: Fixed-width values [rows], or the lengths of texts, int64; values of missing rows are ignored.
        texts: For a text column, the concatenated texts, and the start of each (one more than rows).
    """

    header: str
    missing: NDArray[np.bool_]
    values: NDArray[np.generic]
    texts: tuple[memoryview, NDArray[np.int64]] | None


def _sorted(table: pa.Table, names: Sequence[str], order: Sequence[str]) -> pa.Table:
    canonical = pa.table({name: _canonical(name, table[name]) for name in names})
    return canonical.sort_by([(name, "ascending") for name in order]) if names else canonical


def _columns(table: pa.Table, ordered: pa.Table, names: Sequence[str]) -> tuple[_Column, ...]:
    return tuple(_column(f"{name}:{table.schema.field(name).type}", ordered[name]) for name in names)


def _column(header: str, column: pa.ChunkedArray) -> _Column:
    missing = np.asarray(pc.is_null(column).to_numpy())
    if _is_text(column.type):
        # The text of a missing row is empty, so that a range of rows is a range of bytes.
        texts = pc.fill_null(column.cast(pa.large_string()), "").combine_chunks()
        starts = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
        data = memoryview(texts.buffers()[2] or b"")
        return _Column(header, missing, np.diff(starts), (data, starts))
    filled = pc.fill_null(column, pa.scalar(0, pa.int64()).cast(column.type)) if missing.any() else column
    return _Column(header, missing, np.ascontiguousarray(filled.to_numpy()), None)


def _packed(pieces: Iterable[NDArray[np.bool_]]) -> Iterator[bytes]:
    """One bit a row, packed over all pieces as if they were one."""
    rest = np.zeros(0, np.bool_)
    for piece in pieces:
        joined = np.concatenate([rest, piece])
        whole = len(joined) // 8 * 8
        yield np.packbits(joined[:whole]).tobytes()
        rest = joined[whole:]
    yield np.packbits(rest).tobytes()


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _digest(columns: Sequence[_Column], start: int, end: int) -> str:
    digest = hashlib.sha256()
    for column in columns:
        digest.update(f"{column.header}:{end - start}\n".encode())
        missing = column.missing[start:end]
        digest.update(np.packbits(missing).tobytes())
        digest.update(column.values[start:end][~missing].tobytes())
        if column.texts is not None:
            data, starts = column.texts
            digest.update(data[starts[start] : starts[end]])
    return digest.hexdigest()


def _canonical(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_nested(kind):
        raise TypeError(f"column {name} is {kind}: only flat columns have a canonical content")
    if pa.types.is_null(kind):  # no value at all; NumPy needs a type
        return column.cast(pa.int8())
    if pa.types.is_floating(kind):
        plain = pc.if_else(pc.equal(column, 0.0), pa.scalar(0.0, kind), column)
        return pc.if_else(pc.is_nan(plain), pa.scalar(float("nan"), kind), plain)
    if pa.types.is_timestamp(kind) or pa.types.is_date64(kind) or pa.types.is_time64(kind):
        return column.cast(pa.int64())
    if pa.types.is_date32(kind):
        return column.cast(pa.int32())
    return column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
