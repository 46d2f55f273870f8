"""The definition in plain Python of the features that are computed from other features of the row, or from its time.

Belongs here: a case for each operation, in the most obvious form. Does not belong here: features over events
(`reference.py`), code of the kernel.
"""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from assets.vocabulary import (
    Clip,
    DayOfWeek,
    Derived,
    Difference,
    FeatureSet,
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
from resources.moments import EPOCH


def derived_value(feature: Derived, values: Mapping[str, Any], as_of: int, features: FeatureSet) -> float | None:
    """The value of a derived feature of a row; `None` where it is missing.

    Args:
        values: The row's other features, by name.
        as_of: The decision time, microseconds since 1970.
    """
    moment = EPOCH + timedelta(microseconds=as_of)
    if isinstance(feature, (Weekend, Night, DayOfWeek, Hour)):
        moment = moment.astimezone(ZoneInfo(feature.zone))
    elif not isinstance(feature, Missing) and None in [values[name] for name in feature.inputs]:
        return None
    match feature:
        case Weekend():
            return float(moment.weekday() >= 5)
        case Night():
            return float(moment.hour <= feature.until_hour)
        case DayOfWeek():
            return float(moment.weekday())
        case Hour():
            return float(moment.hour)
        case Missing():
            return float(values[feature.of] is None)
        case Log1p():
            return math.log1p(values[feature.of]) if values[feature.of] > -1 else None
        case Log():
            return math.log(values[feature.of]) if values[feature.of] > 0 else None
        case SignedLog():
            size = math.log1p(abs(values[feature.of]))
            return size if values[feature.of] >= 0 else -size
        case Clip():
            value = values[feature.of]
            if feature.low is not None and value < feature.low:
                return float(feature.low)
            return float(feature.high) if feature.high is not None and value > feature.high else value
        case Ratio():
            return _quotient(values[feature.numerator], values[feature.denominator])
        case Difference():
            return values[feature.left] - values[feature.right]
        case Sum():
            total = values[feature.of[0]]
            for name in feature.of[1:]:
                total += values[name]
            return total
        case Multiply():
            return values[feature.left] * values[feature.right]
        case Trend():
            windows = {h.name: h.window for h in features.history if isinstance(h.window, timedelta)}
            scale = windows[feature.longer] / windows[feature.recent]
            return _quotient(values[feature.recent] * scale, values[feature.longer])


def _quotient(numerator: float, denominator: float) -> float | None:
    if denominator == 0:
        return None
    try:
        return numerator / denominator
    except OverflowError:
        return None
