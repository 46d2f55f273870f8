"""The arithmetic of derived features.

Belongs here: one function of NumPy columns for each derived declaration. Does not belong here: the declarations
(`assets.vocabulary.derived`), anything that looks at events.

Missing is NaN going in and coming out. Only operations that IEEE 754 rounds exactly are vectorised; the logarithm goes
through the C library a value at a time, because NumPy's vector versions differ in the last bit between processors.
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
    Night,
    Product,
    Ratio,
    SignedLog,
    Sum,
    Trend,
    Weekend,
)

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_THURSDAY = 3
"""1970-01-01, day 0 of the clock, was a Thursday (Monday is 0)."""


def derive(features: FeatureSet, columns: Mapping[str, np.ndarray], as_of: np.ndarray) -> dict[str, np.ndarray]:
    """The derived features of m rows, in order.

    Args:
        columns: float64 [m] of each numeric request and history feature; for a category, float64 that is NaN where
            it is missing.
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
        case Product():
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
    """A result too large for a double is missing: a model cannot take an infinity."""
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
    """float64 [m]; NaN where one is missing, or where a part of the sum is too large for a double."""
    total = parts[0]
    with np.errstate(over="ignore", invalid="ignore"):
        for part in parts[1:]:
            total = total + part
    return total


def window_of(features: FeatureSet, name: str) -> float:
    """Length of a history feature's window in microseconds."""
    feature = features.feature(name)
    if not isinstance(feature, History) or not isinstance(feature.window, timedelta):
        raise TypeError(f"'{name}' has no window; the feature set should have refused the trend")
    return float(feature.window // timedelta(microseconds=1))


def day_of_week(moment: np.ndarray) -> np.ndarray:
    """int64 [m], 0 is Monday."""
    return (moment // _DAY + _THURSDAY) % 7


def hour(moment: np.ndarray) -> np.ndarray:
    """int64 [m], 0 to 23."""
    return moment // _HOUR % 24
