"""The arithmetic of derived features.

Belongs here: one function of NumPy columns for each derived declaration. Does not belong here: the declarations
(`derivations.py`), anything that looks at events.

Missing is NaN going in and coming out. Only operations that IEEE 754 rounds exactly are vectorised; the logarithm goes
through the C library a value at a time, because NumPy's vector versions differ in the last bit between processors.
"""

import math
from collections.abc import Mapping
from datetime import timedelta

import numpy as np

from assets.features.vocabulary import (
    DayOfWeek,
    Derived,
    Difference,
    FeatureSet,
    History,
    Hour,
    Log1p,
    Missing,
    Night,
    Ratio,
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
        case Missing():
            return np.isnan(known[feature.of]).astype(np.float64)
        case Trend():
            lengths = window_of(features, feature.longer) / window_of(features, feature.recent)
            return ratio(known[feature.recent] * lengths, known[feature.longer])
        case Weekend():
            return (day_of_week(as_of) >= 5).astype(np.float64)
        case Night():
            return (hour(as_of) <= feature.until_hour).astype(np.float64)
        case DayOfWeek():
            return day_of_week(as_of).astype(np.float64)
        case Hour():
            return hour(as_of).astype(np.float64)


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
    return np.array([math.log1p(v) if v > -1 else math.nan for v in values.tolist()], np.float64)


def window_of(features: FeatureSet, name: str) -> float:
    """Length of a history feature's window in microseconds."""
    feature = features.feature(name)
    if not isinstance(feature, History) or not isinstance(feature.window, timedelta):
        raise TypeError(f"'{name}' has no window; the feature set should have refused the trend")
    return float(feature.window // timedelta(microseconds=1))


def day_of_week(as_of: np.ndarray) -> np.ndarray:
    """int64 [m], 0 is Monday (UTC)."""
    return (as_of // _DAY + _THURSDAY) % 7


def hour(as_of: np.ndarray) -> np.ndarray:
    """int64 [m], 0 to 23 (UTC)."""
    return as_of // _HOUR % 24
