"""Columns of the tables that training reads, checked, as arrays.

Belongs here: reading a column by name, in microseconds or numbers. Does not belong here: the rows of a training set
(`learning.py`), the rule of a label (`labels.py`).
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from resources.errors import LooplineError, listed


class RowsError(LooplineError):
    """Rows, labels or features do not fit together; the message names the column and the figures."""


def column_of(table: pa.Table, name: str, where: str) -> pa.ChunkedArray:
    """A column of the table; `where` names the table in errors.

    Raises:
        RowsError: There is no such column.
    """
    if name not in table.column_names:
        raise RowsError(f"{where} has no column '{name}'; it has {listed(table.column_names)}")
    return table.column(name)


def micros_of(table: pa.Table, name: str, where: str) -> NDArray[np.int64]:
    """A timestamp column as microseconds since 1970, UTC.

    Raises:
        RowsError: There is no such column, it is no timestamp, or it has nulls.
    """
    values = column_of(table, name, where)
    if not pa.types.is_timestamp(values.type):
        raise RowsError(f"'{name}' of {where} is {values.type}; it must be a timestamp")
    _check_complete(values, name, where)
    zone = values.type.tz
    return np.asarray(values.cast(pa.timestamp("us", tz=zone)).cast(pa.int64()).to_numpy(), dtype=np.int64)


def numbers_of(table: pa.Table, name: str, where: str) -> NDArray[np.float64]:
    """A column as float64.

    Raises:
        RowsError: There is no such column, or it has nulls.
    """
    values = column_of(table, name, where).cast(pa.float64())
    _check_complete(values, name, where)
    return np.asarray(values.to_numpy(), dtype=np.float64)


def _check_complete(values: pa.ChunkedArray, name: str, where: str) -> None:
    if values.null_count:
        raise RowsError(f"'{name}' of {where} is null in {values.null_count} of {len(values)} rows")
