"""The canonical content of a table: one hash for the same rows, whatever the files and their order.

Belongs here: the hash and nothing else. Two tables have the same hash exactly when they have the same columns (by
name and type) and the same rows (as a multiset); the order of rows, of columns, of files and of row groups does not
matter.
"""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def content_hash(table: pa.Table) -> str:
    """SHA-256, in hexadecimal, of the sorted rows of a flat table (numbers, booleans, strings, times, dates).

    Missing values sort last and are told apart from every value; -0.0 equals 0.0 and every NaN equals every other.

    Raises:
        TypeError: A column is nested.
    """
    names = sorted(table.column_names)
    columns = {name: _canonical(name, table[name]) for name in names}
    ordered = pa.table(columns)
    ordered = ordered.sort_by([(name, "ascending") for name in names]) if names else ordered
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}:{table.schema.field(name).type}:{table.num_rows}\n".encode())
        column = ordered[name].combine_chunks()
        missing = np.asarray(column.is_null().to_numpy(zero_copy_only=False))
        digest.update(np.packbits(missing).tobytes())
        present = column.drop_null()
        if pa.types.is_string(present.type) or pa.types.is_large_string(present.type):
            digest.update(pc.binary_length(present).to_numpy(zero_copy_only=False).astype(np.int64).tobytes())
            digest.update("".join(present.to_pylist()).encode())
        else:
            digest.update(np.ascontiguousarray(present.to_numpy(zero_copy_only=False)).tobytes())
    return digest.hexdigest()


def _canonical(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_nested(kind):
        raise TypeError(f"column {name} is {kind}: only flat columns have a canonical content")
    if pa.types.is_floating(kind):
        plain = pc.if_else(pc.equal(column, 0.0), pa.scalar(0.0, kind), column)
        return pc.if_else(pc.is_nan(plain), pa.scalar(float("nan"), kind), plain)
    if pa.types.is_timestamp(kind) or pa.types.is_date64(kind) or pa.types.is_time64(kind):
        return column.cast(pa.int64())
    if pa.types.is_date32(kind):
        return column.cast(pa.int32())
    return column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
