"""The arithmetic of derived features.

Belongs here: a function of NumPy columns for each derived declaration. Does not belong here: the declarations
(`assets.vocabulary.derived`), anything over events.

Missing values are NaN in inputs and results. Only operations that IEEE 754 rounds exactly are vectorised; logarithms
are computed one by one in the C library, because NumPy's vector versions differ in the last bit between processors.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import numpy as np

from assets.features.kernel.calendars import local
from assets.vocabulary import (
    Clip,
    DayOfWeek,
    Derived,
    Difference,
    FeatureSet,
    History,
    Hour,
    Log,
    Log1p,
    Missing,
    Multiply,
    Night,
    Ratio,
    SignedLog,
    Sum,
    Trend,
    Weekend,
)
from assets.vocabulary.windows import MICROSECOND
from resources.moments import DAY_US

_HOUR_US = DAY_US // 24
_THURSDAY = 3
"""Day of the week of 1970-01-01 (Monday is 0)."""


def derive(features: FeatureSet, columns: Mapping[str, np.ndarray], as_of: np.ndarray) -> dict[str, np.ndarray]:
    """The derived features of m rows, in order.

    Args:
        columns: float64 [m] for each request and history feature; for a text, NaN where missing and 0.0 elsewhere.
        as_of: int64 [m], microseconds since 1970 (UTC).
    """
    known = dict(columns)
    for feature in features.derived:
        known[feature.name] = _finite(_value(feature, known, as_of, features))
    return {feature.name: known[feature.name] for feature in features.derived}


def _value(feature: Derived, known: Mapping[str, np.ndarray], as_of: np.ndarray, features: FeatureSet) -> np.ndarray:
    match feature:
        case Ratio():
            return ratio(known[feature.numerator], known[feature.denominator])
        case Difference():
            with np.errstate(over="ignore"):
                return known[feature.left] - known[feature.right]
        case Log1p():
            return log1p(known[feature.of])
        case Log():
            return _each(lambda v: math.log(v) if v > 0 else math.nan, known[feature.of])
        case SignedLog():
            return _each(lambda v: math.copysign(math.log1p(abs(v)), v), known[feature.of])
        case Clip():
            values = known[feature.of]
            low = values if feature.low is None else np.maximum(values, feature.low)
            return low if feature.high is None else np.minimum(low, feature.high)
        case Sum():
            return _added([known[name] for name in feature.of])
        case Multiply():
            with np.errstate(over="ignore"):
                return known[feature.left] * known[feature.right]
        case Missing():
            return np.isnan(known[feature.of]).astype(np.float64)
        case Trend():
            lengths = window_of(features, feature.longer) / window_of(features, feature.recent)
            return ratio(known[feature.recent] * lengths, known[feature.longer])
        case Weekend():
            return (day_of_week(local(as_of, feature.zone)) >= 5).astype(np.float64)
        case Night():
            return (hour(local(as_of, feature.zone)) <= feature.until_hour).astype(np.float64)
        case DayOfWeek():
            return day_of_week(local(as_of, feature.zone)).astype(np.float64)
        case Hour():
            return hour(local(as_of, feature.zone)).astype(np.float64)


def _finite(values: np.ndarray) -> np.ndarray:
    """The values with infinite ones missing, because a model cannot take an infinity."""
    return np.where(np.isfinite(values), values + 0.0, np.nan)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """float64 [m]; NaN where the denominator is 0 or either is missing."""
    out = np.full(len(numerator), np.nan)
    with np.errstate(over="ignore"):
        return np.divide(numerator, denominator, out=out, where=denominator != 0)


def log1p(values: np.ndarray) -> np.ndarray:
    """float64 [m]; NaN where the value is missing or not above -1."""
    return _each(lambda v: math.log1p(v) if v > -1 else math.nan, values)


def _each(function: Callable[[float], float], values: np.ndarray) -> np.ndarray:
    return np.array([function(value) for value in values.tolist()], np.float64)


def _added(parts: Sequence[np.ndarray]) -> np.ndarray:
    """float64 [m]; not finite where a summand is missing or the sum overflows on the way."""
    total = parts[0]
    with np.errstate(over="ignore", invalid="ignore"):
        for part in parts[1:]:
            total = total + part
    return total


def window_of(features: FeatureSet, name: str) -> float:
    """Length of a history feature's window in microseconds."""
    feature = features.feature(name)
    if not isinstance(feature, History) or not isinstance(feature.window, timedelta):
        raise TypeError(f"'{name}' has no window of a certain length; FeatureSet refuses such a trend")
    return float(feature.window // MICROSECOND)


def day_of_week(time: np.ndarray) -> np.ndarray:
    """int64 [m], 0 is Monday; `time` is int64 [m], microseconds since 1970."""
    return (time // DAY_US + _THURSDAY) % 7


def hour(time: np.ndarray) -> np.ndarray:
    """int64 [m], 0 to 23; `time` as in `day_of_week`."""
    return time // _HOUR_US % 24
