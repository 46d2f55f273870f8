"""From text to typed columns.

Belongs here: reading strings as the contract's types, and naming every value that is not of its type. Does not belong
here: what a value should be (`audit.py`).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from assets.validation.contract import Column, ColumnType

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class TypedColumn:
    """A column in its type; a value that could not be read is null and marked.

    Attributes:
        unreadable: bool [rows].
    """

    values: pa.ChunkedArray
    unreadable: np.ndarray


def typed(column: Column, text: pa.ChunkedArray) -> TypedColumn:
    """Reads a column of strings as the contract's type. Numbers must be finite; times without a zone are UTC."""
    wanted = ARROW_TYPES[column.type]
    none = np.zeros(len(text), dtype=bool)
    if column.type == "string":
        return TypedColumn(text, none)
    try:
        values = text.cast(wanted)
    except pa.ArrowInvalid:
        values = _cast_leniently(column.type, text, wanted)
    if column.type == "number":
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, wanted))
    unreadable = pc.and_(pc.is_valid(text), pc.is_null(values))
    return TypedColumn(values, np.asarray(unreadable.to_numpy()))


def _cast_leniently(kind: ColumnType, text: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """Value by value where the whole column cannot be cast: what cannot be read becomes null."""
    series = text.to_pandas()
    if kind == "timestamp":
        read = pd.to_datetime(series, errors="coerce", utc=True, format="ISO8601")
        return pa.chunked_array([pa.Array.from_pandas(read).cast(wanted, safe=False)])
    if kind == "boolean":
        read = series.str.lower().map({"true": True, "false": False, "1": True, "0": False})
        return pa.chunked_array([pa.array(read, wanted, from_pandas=True)])
    read = pd.to_numeric(series, errors="coerce")
    if kind == "integer":
        read = read.where(read == np.floor(read)).astype("Int64")
    return pa.chunked_array([pa.array(read, wanted, from_pandas=True)])
