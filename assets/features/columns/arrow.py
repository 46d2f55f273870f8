"""Single Arrow columns as NumPy arrays.

Belongs here: types, missing values, text codes, resolutions, refusing values that cannot be added exactly. Does not
belong here: which columns a group of features reads (`columns.py`).
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.vocabulary import FeatureError, Predicate
from assets.vocabulary.base import MAX_STEPS
from resources.errors import listed

_CLOSE = 2**20
"""A lookup table of this many bytes stays in the cache of a processor's core."""


@dataclass(frozen=True)
class Exact:
    """A numeric column as whole steps of its resolution.

    Attributes:
        steps: int64 [n], 0 where missing.
        valid: bool [n], where there is a value; None for everywhere.
        largest: The largest size of a step.
    """

    steps: np.ndarray
    valid: np.ndarray | None
    largest: int

    def take(self, index: np.ndarray) -> "Exact":
        """The steps at these positions."""
        return Exact(self.steps[index], None if self.valid is None else self.valid[index], self.largest)


def one_column(table: pa.Table, name: str, label: str) -> pa.Array:
    """A column in one piece.

    Raises:
        FeatureError: There is no such column.
    """
    index = table.schema.get_field_index(name)
    if index < 0:
        raise FeatureError(f"{label}: there is no column '{name}'; it has {listed(table.column_names)}")
    column = table.column(index)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text, encoded or not."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def positions_in(values: pa.Array, among: pa.Array) -> np.ndarray:
    """int64 [n]: the position of each value in `among`, -1 for absent and missing values."""
    return filled(pc.index_in(values, value_set=among, skip_nulls=True))


class Members:
    """A set of values, for membership tests on many columns.

    64-bit integers within a small range are looked up in a table, six times as fast as by hash.
    """

    def __init__(self, values: pa.Array) -> None:
        """`values` must have no missing value."""
        self._values = values
        self._table: np.ndarray | None = None
        if pa.types.is_int64(values.type) and len(values):
            numbers = values.to_numpy()
            before = int(numbers.min()) - 1
            if int(numbers.max()) - before < _CLOSE and before >= np.iinfo(np.int64).min:
                self._before = before
                self._table = np.zeros(int(numbers.max()) - before + 2, bool)
                self._table[numbers - before] = True

    def holds(self, column: pa.Array) -> pa.Array:
        """bool [n]: which values of a column of the same type are members; missing values are not."""
        if self._table is None or column.null_count:
            return pc.is_in(column, value_set=self._values)
        # An overflowing difference is outside the table too, whose first and last entries are False.
        return pa.array(self._table.take(column.to_numpy() - self._before, mode="clip"))


def filled(codes: pa.Array) -> np.ndarray:
    """Codes as int64, -1 where missing."""
    if codes.null_count:
        codes = codes.fill_null(-1)
    return codes.to_numpy().astype(np.int64)


def text_codes(column: pa.Array, label: str) -> pa.DictionaryArray:
    """A text column, dictionary-encoded.

    Raises:
        FeatureError: The column is not text.
    """
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    if not is_text(column.type):
        raise FeatureError(
            f"{label} is {column.type}, but is compared with text; compare with a number or change its contract"
        )
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def value_codes(column: pa.Array) -> pa.DictionaryArray:
    """A column of any type, dictionary-encoded; codes are equal exactly where values are."""
    column = comparable(column)
    return (column.cast(pa.string()) if pa.types.is_null(column.type) else column).dictionary_encode()


def comparable(column: pa.Array) -> pa.Array:
    """The column with equal bits for equal values: null for NaN, 0.0 for -0.0, no dictionary with repeated values."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        values = column.to_numpy(zero_copy_only=False) + 0.0
        return nullable(values)
    return column


def numeric(column: pa.Array, label: str) -> tuple[np.ndarray, np.ndarray | None]:
    """int64 or float64 values, and where they are valid (None: everywhere).

    Raises:
        FeatureError: The column is not numeric, or has an infinite value.
    """
    kind = column.type
    if pa.types.is_float64(kind) or pa.types.is_integer(kind):
        pass
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif pa.types.is_null(kind):
        return np.zeros(len(column), np.int64), np.zeros(len(column), bool)
    else:
        raise FeatureError(f"{label} is {kind}, but is used as a number; declare it as a number in its contract")
    if pa.types.is_floating(column.type):
        values = column.to_numpy(zero_copy_only=False)
        finite = np.isfinite(values)
        if finite.all():
            return values, None
        if np.isinf(values).any():
            raise FeatureError(f"{label} holds an infinite value; bound the column in its contract")
        return values, finite
    if column.null_count:
        valid = column.is_valid().to_numpy(zero_copy_only=False)
        return column.fill_null(0).to_numpy().astype(np.int64), valid
    return column.to_numpy().astype(np.int64, copy=False), None


def as_numbers(values: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """float64, NaN where missing; 0.0 for -0.0, so that an extreme does not depend on the order of events."""
    numbers = values + 0.0
    if valid is not None:
        numbers[~valid] = np.nan
    return numbers


def as_steps(values: np.ndarray, valid: np.ndarray | None, resolution: Fraction, label: str) -> Exact:
    """Numbers as whole steps of their resolution, rounded half to even.

    Raises:
        FeatureError: A number is MAX_STEPS or more steps.
    """
    with np.errstate(over="ignore"):  # an overflow is refused below
        steps = np.rint(values * float(resolution.denominator) / float(resolution.numerator))
    if valid is not None:
        steps[~valid] = 0.0
    largest = max(steps.max(initial=0.0), -steps.min(initial=0.0))
    if largest >= MAX_STEPS:
        # Without the value: it may be personal, and the message goes into logs.
        raise FeatureError(
            f"{label} holds 2^53 or more steps of its resolution {float(resolution)}, which cannot be added exactly; "
            "bound the column in its contract"
        )
    return Exact(steps.astype(np.int64), valid, int(largest))


def text_mask(words: pa.Array, codes: np.ndarray, predicate: Predicate) -> np.ndarray:
    """bool [n]: which texts meet the condition; `codes` are positions in `words`, -1 where missing."""
    matches = [value in predicate.values for value in words.to_pylist()]
    return np.array([*matches, False])[codes]


def number_mask(values: np.ndarray, valid: np.ndarray | None, predicate: Predicate) -> np.ndarray:
    """bool [n]: which numbers meet the condition."""
    first, *others = predicate.values
    if predicate.test == "at_least":
        mask = values >= first
    elif predicate.test == "below":
        mask = values < first
    else:
        mask = values == first
        for value in others:
            mask |= values == value
    return mask if valid is None else mask & valid


def read_micros(table: pa.Table, name: str, label: str) -> np.ndarray:
    """A column of timestamps as int64 microseconds since 1970 (UTC).

    Raises:
        FeatureError: The column is absent, has missing values, is not a timestamp with a zone or is finer than 1 µs.
    """
    column = one_column(table, name, label)
    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        raise FeatureError(f"{label}: '{name}' is {column.type}; it must be a timestamp in UTC")
    if column.null_count:
        raise FeatureError(f"{label}: '{name}' is missing in {column.null_count} rows; every row needs it")
    if column.type.unit != "us":
        try:
            column = column.cast(pa.timestamp("us", tz=column.type.tz))
        except pa.ArrowInvalid:
            raise FeatureError(f"{label}: '{name}' is finer than a microsecond; cut its times") from None
    return column.to_numpy(zero_copy_only=False).view(np.int64)


def read_sequence(table: pa.Table, name: str, label: str) -> np.ndarray | None:
    """A column of whole numbers as int64; None where the table has no such column.

    Raises:
        FeatureError: The column does not hold whole numbers, or has missing values.
    """
    if not table.schema.get_all_field_indices(name):
        return None
    column = one_column(table, name, label)
    if not pa.types.is_integer(column.type) or column.null_count:
        raise FeatureError(f"{label}: '{name}' is {column.type} with {column.null_count} missing; write whole numbers")
    return column.to_numpy().astype(np.int64, copy=False)


def read_numbers(table: pa.Table, name: str, label: str) -> np.ndarray:
    """A numeric or boolean column as float64, missing as NaN.

    Raises:
        FeatureError: The column is absent, not numeric, or has an infinite value.
    """
    values, valid = numeric(one_column(table, name, label), f"{label}.{name}")
    return as_numbers(values, valid)


def nullable(values: np.ndarray) -> pa.Array:
    """float64 values as an Arrow column without a copy, NaN as null."""
    values = np.ascontiguousarray(values, np.float64)
    missing = np.isnan(values)
    valid = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.Array.from_buffers(pa.float64(), len(values), [valid, pa.py_buffer(values)])
