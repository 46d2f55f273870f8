"""From text to typed columns.

Belongs here: reading strings as the contract's types, and marking every value that is not of its type. Does not belong
here: rules on values (`assets.validation.audit`).

The value of a text depends on that text alone: a day has the same values by itself, beside other days, and as messages
of a stream. A column in which Arrow can read every text is cast unchanged; otherwise each text is rewritten into the
form that Arrow reads, and the texts that Arrow still cannot read are found by bisection.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Column, ColumnType

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_DIGITS = r"^-?\d{1,18}$"
_NUMERAL = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_TIME = r"([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d(\.\d{1,6})?)?)?"
_FORMS: dict[ColumnType, str] = {
    "integer": _NUMERAL,
    "number": _NUMERAL,
    "boolean": r"^(?i:true|false|0|1)$",
    "timestamp": rf"^\d{{4}}-(0[1-9]|1[0-2])-[0-3]\d[ T]{_TIME}(Z|[+-]\d\d(:?\d\d)?)$",
}
"""Only texts of these forms can be read, and not all of them: there is no 30th of February."""
_REWRITTEN: dict[ColumnType, tuple[tuple[str, str], ...]] = {
    "timestamp": (
        (r"^(\d{4})(\d\d)(\d\d)($|[ T])", r"\1-\2-\3\4"),
        (r"([ T]\d\d)(\d\d)(\d\d)", r"\1:\2:\3"),
        (r"(\.\d{6})\d+", r"\1"),  # cut to microseconds
        (r"^(\d{4}-\d\d-\d\d)$", r"\1T00"),
        (r"([ T][\d:.]+)$", r"\1Z"),
    ),
}
"""Substitutions that bring other notations into the form, in order, after surrounding whitespace is removed."""
_WHOLE = pa.decimal128(38, 0)
# Arrow's calendar begins earlier and ends later than Python's.
_FIRST = pa.scalar(datetime.min.replace(tzinfo=UTC), ARROW_TYPES["timestamp"])
_LAST = pa.scalar(datetime.max.replace(tzinfo=UTC), ARROW_TYPES["timestamp"])


@dataclass(frozen=True)
class TypedColumn:
    """A column in its type; a value that could not be read is null and marked.

    Attributes:
        unreadable: bool [rows].
    """

    values: pa.ChunkedArray
    unreadable: np.ndarray


def typed(column: Column, text: pa.ChunkedArray) -> TypedColumn:
    """Reads a column of strings as the contract's type.

    Numbers must be finite and in decimal digits; a whole number may be written with a point or an exponent. Times are
    ISO-8601 from the year 1 to 9999, UTC where they name no zone, and cut to microseconds.
    """
    if column.type == "string":
        return TypedColumn(text, np.zeros(len(text), dtype=bool))
    values = _read(column.type, text)
    unreadable = pc.and_(pc.is_valid(text), pc.is_null(values))
    return TypedColumn(values, np.asarray(unreadable.to_numpy()))


def _read(kind: ColumnType, text: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values of the texts, null where a text cannot be read."""
    if kind == "integer":
        return _whole_numbers(text)
    wanted = ARROW_TYPES[kind]
    values = _cast(text, wanted)
    if values is None:
        values = _cast_each(_in_form(kind, text), wanted)
    if kind == "number":
        return _where(pc.is_finite(values), values)
    if kind == "timestamp":
        return _where(pc.and_(pc.greater_equal(values, _FIRST), pc.less_equal(values, _LAST)), values)
    return values


def _whole_numbers(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """The whole numbers of 64 bits; Arrow would take a text for a hexadecimal number, so it gets digits alone."""
    wanted = ARROW_TYPES["integer"]
    plain = pc.match_substring_regex(text, _DIGITS)

    def of_others(others: pa.ChunkedArray) -> pa.ChunkedArray:
        # A decimal tells whether a number with a point or an exponent is whole, whatever its size.
        return _cast_each(_cast_each(_in_form("integer", others), _WHOLE), wanted)

    return _split(plain, text, _where(plain, text).cast(wanted), of_others)


def _in_form(kind: ColumnType, text: pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts in the form that Arrow reads, null where a text has no such form."""
    text = pc.ascii_trim_whitespace(text)
    fits = pc.match_substring_regex(text, _FORMS[kind])
    if kind not in _REWRITTEN:
        return _where(fits, text)
    return _split(fits, text, text, lambda others: _rewritten(kind, others))


def _rewritten(kind: ColumnType, text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Trimmed texts in other notations in the form, null where a text has no known notation."""
    for pattern, written in _REWRITTEN[kind]:
        text = pc.replace_substring_regex(text, pattern, written)
    return _where(pc.match_substring_regex(text, _FORMS[kind]), text)


def _split(
    fits: pa.ChunkedArray,
    text: pa.ChunkedArray,
    values: pa.ChunkedArray,
    of_others: Callable[[pa.ChunkedArray], pa.ChunkedArray],
) -> pa.ChunkedArray:
    """The values where a text fits; of the others, which are few, what is made of their texts."""
    known = np.asarray(pc.fill_null(fits, True).to_numpy())
    if known.all():
        return values
    others = of_others(text.filter(pa.array(~known)))
    return pc.if_else(pa.array(known), values, others.take(pa.array(np.cumsum(~known) - 1, mask=known)))


def _cast_each(values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """The values in another type, null where a value cannot be cast."""
    cast = _cast(values, wanted)
    if cast is not None:
        return cast
    different = pc.unique(values)
    return pc.take(_by_halves(different, wanted), pc.index_in(values, value_set=different))


def _by_halves(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """As `_cast_each`, by bisection: Arrow says that a cast failed, but not for which value."""
    cast = _cast(values, wanted)
    if cast is not None:
        return cast
    if len(values) == 1:
        return pa.nulls(1, wanted)
    middle = len(values) // 2
    return pa.concat_arrays([_by_halves(values[:middle], wanted), _by_halves(values[middle:], wanted)])


def _cast(values: pa.Array | pa.ChunkedArray, wanted: pa.DataType) -> Any:
    """The values in another type; None if any of them cannot be cast."""
    try:
        return values.cast(wanted)
    except pa.ArrowInvalid:
        return None


def _where(condition: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(condition, values, pa.scalar(None, values.type))
