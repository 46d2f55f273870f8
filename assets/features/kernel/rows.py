"""From history features to whole rows: the request's own features beside them, and the derived ones.

Belongs here: the feature table of many rows, and the features of one request as plain values. Does not belong here:
history features (`kernel.py`), the arithmetic of derived ones (`derive.py`), the model's matrix
(`assets.bundle.encoder`).

One request's features are no table: making one of thirty columns and reading it again costs more than computing them.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from assets.features.columns.arrow import as_numbers, is_text, nullable, one_column, read_micros, read_numbers
from assets.features.columns.reader import Reader
from assets.features.kernel.derive import derive
from assets.features.kernel.group_events import AS_OF
from assets.vocabulary import FeatureError, FeatureSet, holds_text

Value = float | str | None
"""One feature of one row; None where missing, and NaN too before the row is whole."""


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


def feature_row(features: FeatureSet, history: Mapping[str, Value], request: Reader) -> dict[str, Value]:
    """What `feature_table` gives for one row, as Python values in order, None where missing.

    Args:
        request: The spine's one row.

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
    # Only NaN differs from itself.
    return {name: value if (value := values[name]) == value else None for name in features.names}


def _number(value: Value) -> float:
    """What derived features see of a value: of a text, whether it is missing."""
    if value is None:
        return np.nan
    return 0.0 if isinstance(value, str) else value


def _texts(column: pa.Array, name: str) -> pa.Array:
    if not is_text(column.type) and not pa.types.is_null(column.type):
        raise FeatureError(f"spine: '{name}' is {column.type}; a category is text")
    return column.cast(pa.string())
