"""The columns of events and requests that a group of features reads.

Belongs here: which columns are read in which form, entity keys as codes, codes common to events and requests. Does not
belong here: single columns (`arrow.py`), windows (`assets.features.kernel.windows`), aggregates
(`assets.features.kernel.aggregates.compute`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns.arrow import (
    Exact,
    as_numbers,
    as_steps,
    comparable,
    filled,
    is_text,
    number_mask,
    one_column,
    positions_in,
    text_mask,
)
from assets.features.columns.column_reader import ColumnReader
from assets.vocabulary import FeatureError, Predicate
from assets.vocabulary.base import WHOLE, WHOLE_KEY


@dataclass(frozen=True)
class ColumnNeeds:
    """The columns of a table that one group of features reads, by form.

    Attributes:
        predicates: Conditions, each read as a mask.
        numbers: Columns read as float64, missing as NaN.
        exact: Columns read as steps of their resolution.
        codes: Columns read as codes of their values.
        texts: Text columns read as places in the order of their values.
    """

    predicates: tuple[Predicate, ...]
    numbers: tuple[str, ...]
    exact: Mapping[str, Fraction]
    codes: tuple[str, ...]
    texts: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that is read, once."""
        read = [*(p.column for p in self.predicates), *self.numbers, *self.exact, *self.codes, *self.texts]
        return tuple(dict.fromkeys(read))


@dataclass(frozen=True)
class Columns:
    """The columns of n events or requests.

    Attributes:
        masks: For each predicate, bool [n].
        numbers: float64 [n], NaN where missing, never -0.0; of a text its place in `words`.
        exact: Steps of the resolution.
        codes: int64 [n], -1 where missing; equal exactly where the values are.
        words: For each text column its different values in order, object [values].
    """

    masks: dict[Predicate, np.ndarray]
    numbers: dict[str, np.ndarray]
    exact: dict[str, Exact]
    codes: dict[str, np.ndarray]
    words: dict[str, np.ndarray]

    def take(self, index: np.ndarray) -> "Columns":
        """The columns at these positions."""
        return Columns(
            {name: values[index] for name, values in self.masks.items()},
            {name: values[index] for name, values in self.numbers.items()},
            {name: column.take(index) for name, column in self.exact.items()},
            {name: values[index] for name, values in self.codes.items()},
            self.words,
        )

    def equals(self, other: "Columns") -> bool:
        """Whether all values are equal; missing values equal each other."""
        pairs = [(self.masks[name], other.masks[name]) for name in self.masks]
        pairs += [(self.codes[name], other.codes[name]) for name in self.codes]
        pairs += [(self.exact[name].steps, other.exact[name].steps) for name in self.exact]
        for name, column in self.exact.items():
            if column.valid is not None:
                pairs.append((column.valid, other.exact[name].valid))  # type: ignore[arg-type]
        numbers = [(self.numbers[name], other.numbers[name]) for name in self.numbers]
        return all(np.array_equal(one, two) for one, two in pairs) and all(
            np.array_equal(one, two, equal_nan=True) for one, two in numbers
        )


def key_type(events: pa.DataType, spine: pa.DataType, key: str, label: str) -> pa.DataType | None:
    """The type in which entity keys of events and spine are compared; None where a key column has no values.

    Raises:
        FeatureError: Keys are text on one side and numbers on the other, or neither.
    """
    if pa.types.is_null(events) or pa.types.is_null(spine):
        return None
    if pa.types.is_integer(events) and pa.types.is_integer(spine):
        return pa.int64()
    if is_text(events) and is_text(spine):
        return pa.string() if events == spine == pa.string() else pa.large_string()
    raise FeatureError(f"{label}: key '{key}' is {events}, but {spine} in the spine; give both the same type")


def read_keys(events: pa.Table, spine: pa.Table, key: str, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Entity keys as codes: int64 of the events, int64 of the spine rows.

    A missing key, and an event of an entity without a spine row, is -1.

    Raises:
        FeatureError: The column is absent, or its types cannot be compared; see `key_type`.
    """
    row_keys, event_keys = one_column(spine, key, "spine"), one_column(events, key, label)
    kind = key_type(event_keys.type, row_keys.type, key, label)
    if kind is None:
        return np.full(len(event_keys), -1, np.int64), np.full(len(row_keys), -1, np.int64)
    row_keys, event_keys = row_keys.cast(kind), event_keys.cast(kind)
    entities = pc.unique(row_keys.drop_null())
    return positions_in(event_keys, entities), positions_in(row_keys, entities)


def read_columns(
    events: ColumnReader, needs: ColumnNeeds, requests: ColumnReader | None = None
) -> tuple[Columns, Columns | None]:
    """The columns of the events and, where requests count as events, those of the requests.

    Raises:
        FeatureError: A column is absent, of a wrong type, infinite, or too large for its resolution.
    """
    event_columns = _separate_columns(events, needs)
    request_columns = None if requests is None else _separate_columns(requests, needs)
    for name in needs.codes:
        distinct = events.values(name)
        event_columns.codes[name] = filled(distinct.indices)
        if requests is not None and request_columns is not None:
            values = comparable(requests.column(name))
            # A value that no event has gets the code -2: it is new, not missing.
            codes = positions_in(_as_type(values, distinct.dictionary.type), distinct.dictionary)
            is_new = values.is_valid().to_numpy(zero_copy_only=False) & (codes < 0)
            request_columns.codes[name] = np.where(is_new, -2, codes)
    for name in needs.texts:
        texts = [events.texts(name), *(() if requests is None else (requests.texts(name),))]
        _set_words(name, [event_columns, *(() if request_columns is None else (request_columns,))], texts)
    return event_columns, request_columns


def _as_type(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """The values cast to the type; null where a value cannot be cast, such as a word to a whole number."""
    try:
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        coded = values.dictionary_encode()
        return pa.array([_one_as_type(value, kind) for value in coded.dictionary], kind).take(coded.indices)


def _one_as_type(value: pa.Scalar, kind: pa.DataType) -> object:
    try:
        return value.cast(kind).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _set_words(name: str, columns: Sequence[Columns], texts: Sequence[pa.DictionaryArray]) -> None:
    """Sets a text column of events and requests: each value's place in the order of all values."""
    words = sorted({word for text in texts for word in text.dictionary.to_pylist()})
    place = {word: number for number, word in enumerate(words)}
    for target, text in zip(columns, texts, strict=True):
        # The code of a missing value is -1: the last of these places.
        places = np.array([*(float(place[word]) for word in text.dictionary.to_pylist()), np.nan])
        target.numbers[name] = places[filled(text.indices)]
        target.words[name] = np.array([*words, None], object)[:-1]


def with_whole(table: pa.Table, keys: Collection[str]) -> pa.Table:
    """The table with the key of events without an entity, where it is one of the keys: the same value in every row."""
    if WHOLE not in keys:
        return table
    return table.append_column(WHOLE, pa.repeat(pa.scalar(WHOLE_KEY, pa.string()), table.num_rows))


def matching(rows: pa.Table, filters: tuple[Predicate, ...]) -> np.ndarray:
    """bool [rows]: which rows of a spine meet every condition; a missing value meets none.

    Raises:
        FeatureError: A column is absent or of a wrong type.
    """
    masks = _separate_columns(ColumnReader(rows, "spine"), ColumnNeeds(filters, (), {}, ())).masks
    return np.logical_and.reduce([np.ones(rows.num_rows, bool), *masks.values()])


def no_events(needs: ColumnNeeds) -> pa.Table:
    """A table without rows, with every needed column."""
    return pa.table({name: pa.nulls(0) for name in needs.names})


def _separate_columns(table: ColumnReader, needs: ColumnNeeds) -> Columns:
    """All columns except codes and words, which are common to events and requests."""
    columns = Columns({}, {}, {}, {}, {})
    for predicate in needs.predicates:
        if predicate.is_text:
            columns.masks[predicate] = text_mask(
                table.texts(predicate.column).dictionary, table.codes(predicate.column), predicate
            )
        else:
            columns.masks[predicate] = number_mask(*table.numbers(predicate.column), predicate)
    for name in needs.numbers:
        columns.numbers[name] = as_numbers(*table.numbers(name))
    for name, resolution in needs.exact.items():
        columns.exact[name] = as_steps(*table.numbers(name), resolution, f"{table.label}.{name}")
    return columns
