"""Features in bins: conditions such as "amount above 20,000", each with the rows that meet it.

Belongs here: cutting features into conditions, their words. Does not belong here: the search over them (`slices.py`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.evaluation.study.parts import FEW_VALUES
from assets.training.rows.learning import TrainingRows

_PARTS = 4
_FEW = 4


@dataclass(frozen=True, eq=False)
class Conditions:
    """Conditions over some rows.

    Attributes:
        words: Each condition in words.
        features: The feature of each: two conditions of one feature exclude each other.
        met: bool [rows, conditions].
    """

    words: tuple[str, ...]
    features: tuple[str, ...]
    met: NDArray[np.bool_]


def conditions_of(train: TrainingRows, rows: TrainingRows) -> Conditions:
    """The conditions of these rows; numbers are cut at the quartiles of the training rows, or into their few values."""
    words, features, met = [], [], []
    for column, (name, source) in enumerate(zip(rows.columns, rows.sources, strict=True)):
        found = (
            _category(name, rows.matrix[:, column])
            if name != source
            else _number(name, train.matrix[:, column], rows.matrix[:, column])
        )
        for text, where in found:
            words.append(text)
            features.append(source)
            met.append(where)
    return Conditions(
        tuple(words), tuple(features), np.stack(met, axis=1) if met else np.zeros((len(rows), 0), dtype=np.bool_)
    )


def _category(name: str, values: NDArray[np.float32]) -> list[tuple[str, NDArray[np.bool_]]]:
    feature, _, value = name.partition("=")
    return [(f"{feature} is {value}", np.asarray(values == 1.0, dtype=np.bool_))]


def _number(name: str, known: NDArray[np.float32], values: NDArray[np.float32]) -> list[tuple[str, NDArray[np.bool_]]]:
    missing = np.isnan(values)
    found = [(f"{name} is missing", missing)] if missing.any() else []
    present = known[~np.isnan(known)]
    if not len(present):
        return found
    distinct = np.unique(present)
    if len(distinct) <= _FEW:
        return [*found, *((f"{name} is {_told(value)}", np.asarray(values == value)) for value in distinct.tolist())]
    quantiles = np.linspace(0.0, 1.0, _PARTS + 1)[1:-1]
    cuts = np.unique(np.quantile(present, quantiles, method="nearest" if len(distinct) <= FEW_VALUES else "linear"))
    part = np.where(missing, -1, np.searchsorted(cuts, values, side="left"))
    for number in range(len(cuts) + 1):
        found.append((f"{name} {_range(cuts, number)}", np.asarray(part == number)))
    return found


def _range(cuts: NDArray[np.float32], number: int) -> str:
    if number == 0:
        return f"up to {_told(cuts[0])}"
    if number == len(cuts):
        return f"above {_told(cuts[-1])}"
    return f"above {_told(cuts[number - 1])}, up to {_told(cuts[number])}"


def _told(value: float) -> str:
    return f"{float(value):,.0f}" if abs(value) >= 1000 else f"{float(value):.3g}"
