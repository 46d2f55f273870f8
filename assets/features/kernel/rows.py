"""Whole rows: request features, history features and derived features together.

Belongs here: the feature table of many rows, and the features of one request as Python values. Does not belong here:
history features (`kernel.py`), the arithmetic of derived features (`derive.py`), the model's matrix
(`assets.bundle.encoder`).

The features of one request are a dictionary: writing a table of thirty columns and reading it back takes longer than
computing the features.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from assets.features.columns.arrow import as_numbers, is_text, nullable, one_column, read_micros, read_numbers
from assets.features.columns.column_reader import ColumnReader
from assets.features.kernel.derive import derive
from assets.vocabulary import FeatureError, FeatureSet, holds_text
from assets.vocabulary.times import AS_OF

Value = float | str | None
"""One feature of one row; missing is None, in history features also NaN."""


def feature_table(features: FeatureSet, history: Mapping[str, np.ndarray], spine: pa.Table) -> pa.Table:
    """Request features from the spine, the given history features and the derived ones, as a table in order.

    Raises:
        FeatureError: A column of the spine is absent or of a wrong type.
    """
    columns: dict[str, np.ndarray] = dict(history)
    texts: dict[str, pa.Array] = {}
    for feature in features.request:
        if holds_text(feature):
            texts[feature.name] = _texts(one_column(spine, feature.name, "spine"), feature.name)
            columns[feature.name] = np.where(texts[feature.name].is_null(), np.nan, 0.0)
        else:
            columns[feature.name] = read_numbers(spine, feature.name, "spine")
    for mode in features.history:
        if mode.is_text:
            texts[mode.name] = pa.array(history[mode.name], pa.string())
            columns[mode.name] = np.where(texts[mode.name].is_null(), np.nan, 0.0)
    if features.derived:
        columns |= derive(features, columns, read_micros(spine, AS_OF, "spine"))
    arrays = [texts[n] if n in texts else nullable(columns[n]) for n in features.names]
    return pa.table(arrays, names=list(features.names))


def feature_row(features: FeatureSet, history: Mapping[str, Value], request: ColumnReader) -> dict[str, Value]:
    """The row of `feature_table` for one request, as Python values in order, None where missing.

    Args:
        request: The spine, one row.

    Raises:
        FeatureError: A column of the spine is absent or of a wrong type.
    """
    values: dict[str, Value] = dict(history)
    for feature in features.request:
        if holds_text(feature):
            values[feature.name] = _texts(request.column(feature.name), feature.name)[0].as_py()
        else:
            values[feature.name] = float(as_numbers(*request.numbers(feature.name))[0])
    if features.derived:
        columns = {name: np.array([_number(value)]) for name, value in values.items()}
        derived = derive(features, columns, request.micros(AS_OF))
        values |= {name: float(column[0]) for name, column in derived.items()}
    # NaN is the only value that differs from itself.
    return {name: value if (value := values[name]) == value else None for name in features.names}


def _number(value: Value) -> float:
    """The value as derived features take it: a text as 0.0, a missing value as NaN."""
    if value is None:
        return np.nan
    return 0.0 if isinstance(value, str) else value


def _texts(column: pa.Array, name: str) -> pa.Array:
    if not is_text(column.type) and not pa.types.is_null(column.type):
        raise FeatureError(f"spine: '{name}' is {column.type}; a category is text")
    return column.cast(pa.string())
