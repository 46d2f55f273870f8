"""The columns of events and requests that a group of features reads.

Belongs here: which columns are read in which form, entity keys as codes, values that events and requests share. Does
not belong here: single columns (`arrow.py`), windows (`assets.features.kernel.windows`), aggregates
(`assets.features.kernel.aggregates`).
"""

from collections.abc import Mapping, Sequence
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
from assets.features.columns.reader import Reader
from assets.vocabulary import FeatureError, Predicate


@dataclass(frozen=True)
class Needs:
    """What is read of a table for one group of features.

    Attributes:
        predicates: Conditions, each read as a mask.
        numbers: Columns read as float64, missing as NaN.
        exact: Columns read as steps of the resolution.
        codes: Columns whose values are only told apart.
        texts: Text columns whose values are put in order.
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
        words: For each of `texts` the values in order, object [values].
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
        """Whether every value is the same, missing ones among them."""
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


def key_type(theirs: pa.DataType, ours: pa.DataType, key: str, what: str) -> pa.DataType | None:
    """As what entity keys of events are compared with those of spine rows; None where one side has no keys at all.

    Raises:
        FeatureError: They are text on one side and numbers on the other, or neither.
    """
    if pa.types.is_null(theirs) or pa.types.is_null(ours):
        return None
    if pa.types.is_integer(theirs) and pa.types.is_integer(ours):
        return pa.int64()
    if is_text(theirs) and is_text(ours):
        return pa.string() if theirs == ours == pa.string() else pa.large_string()
    raise FeatureError(f"{what}: key '{key}' is {theirs}, in the spine {ours}; give both the same type")


def read_keys(events: pa.Table, spine: pa.Table, key: str, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Entity keys as codes: int64 of the events, int64 of the spine rows.

    A missing key, and an event of an entity that no spine row has, is -1.

    Raises:
        FeatureError: The column is absent, or of types that are not compared; see `key_type`.
    """
    ours, theirs = one_column(spine, key, "spine"), one_column(events, key, what)
    kind = key_type(theirs.type, ours.type, key, what)
    if kind is None:
        return np.full(len(theirs), -1, np.int64), np.full(len(ours), -1, np.int64)
    ours, theirs = ours.cast(kind), theirs.cast(kind)
    entities = pc.unique(ours.drop_null())
    return positions_in(theirs, entities), positions_in(ours, entities)


def read_columns(events: Reader, needs: Needs, requests: Reader | None = None) -> tuple[Columns, Columns | None]:
    """The columns of the events and, when the request counts as an event, those of the requests.

    Raises:
        FeatureError: A column is absent, of a wrong type, infinite, or too large for its resolution.
    """
    mine = _plain_columns(events, needs)
    theirs = None if requests is None else _plain_columns(requests, needs)
    for name in needs.codes:
        distinct = events.values(name)
        mine.codes[name] = filled(distinct.indices)
        if requests is not None and theirs is not None:
            value = comparable(requests.column(name))
            # A value that no event has gets a code of its own below -1: new, but not missing.
            found = positions_in(_as_type(value, distinct.dictionary.type), distinct.dictionary)
            fresh = value.is_valid().to_numpy(zero_copy_only=False) & (found < 0)
            theirs.codes[name] = np.where(fresh, -2, found)
    for name in needs.texts:
        parts = [events.texts(name), *(() if requests is None else (requests.texts(name),))]
        _set_words(name, [mine, *(() if theirs is None else (theirs,))], parts)
    return mine, theirs


def _as_type(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """The values in the type of others; null where one is none of that type, as a word among whole numbers."""
    try:
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        each = values.dictionary_encode()
        return pa.array([_one_as_type(value, kind) for value in each.dictionary], kind).take(each.indices)


def _one_as_type(value: pa.Scalar, kind: pa.DataType) -> object:
    try:
        return value.cast(kind).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _set_words(name: str, columns: Sequence[Columns], parts: Sequence[pa.DictionaryArray]) -> None:
    """A text column of events and requests as places among all its values."""
    words = sorted({word for part in parts for word in part.dictionary.to_pylist()})
    place = {word: number for number, word in enumerate(words)}
    for own, part in zip(columns, parts, strict=True):
        # The code of a missing value is -1, the last of these.
        places = np.array([*(float(place[word]) for word in part.dictionary.to_pylist()), np.nan])
        own.numbers[name] = places[filled(part.indices)]
        own.words[name] = np.array([*words, None], object)[:-1]


def no_events(needs: Needs) -> pa.Table:
    """A table without rows that has every needed column."""
    return pa.table({name: pa.nulls(0) for name in needs.names})


def _plain_columns(table: Reader, needs: Needs) -> Columns:
    """Everything but the codes, which events and requests must share."""
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
        columns.exact[name] = as_steps(*table.numbers(name), resolution, f"{table.what}.{name}")
    return columns
