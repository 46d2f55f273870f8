"""Features of every type and their JSON records.

Belongs here: the union of all types, writing and reading a record. Does not belong here: the types themselves
(`request.py`, `history.py`, `derived.py`, `clock.py`), the set of features (`feature_set.py`).
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from assets.vocabulary.clock import DecisionTimeFeature
from assets.vocabulary.conditions import FeatureError, Predicate
from assets.vocabulary.derived import Arithmetic
from assets.vocabulary.history import History
from assets.vocabulary.request import Number, Text
from assets.vocabulary.windows import window_from, window_record

Derived = Arithmetic | DecisionTimeFeature
Feature = Number | Text | History | Derived

REQUEST = (Number, *get_args(Text))
DERIVED = get_args(Derived)

_TYPES: dict[str, Any] = {cls.__name__: cls for cls in (*REQUEST, History, *DERIVED)}
_DURATIONS = ("window", "lag", "half_life")
_PREDICATES = ("filters", "share")


def holds_text(feature: Feature) -> bool:
    """Whether the feature's column in the feature table is text."""
    return isinstance(feature, get_args(Text)) or (isinstance(feature, History) and feature.is_text)


def feature_record(feature: Feature) -> dict[str, Any]:
    """The feature as a JSON value, which `feature_from` reads."""
    record: dict[str, Any] = {"type": type(feature).__name__}
    for part in fields(feature):
        value = getattr(feature, part.name)
        if part.metadata.get("omit_default") and value == part.default:
            continue
        if part.name in _DURATIONS:
            value = window_record(value)
        elif part.name in _PREDICATES:
            value = [{"column": p.column, "test": p.test, "values": list(p.values)} for p in value]
        elif isinstance(value, tuple):
            value = list(value)
        record[part.name] = value
    return record


def feature_from(record: Mapping[str, Any]) -> Any:
    """The feature that `feature_record` wrote.

    Raises:
        FeatureError: The record is not of a feature, or the feature is declared wrongly.
    """
    parts = dict(record)
    cls = _TYPES.get(parts.pop("type", ""))
    if cls is None:
        raise FeatureError(
            f"feature {record.get('name')!r} has type {record.get('type')!r}; one of {', '.join(sorted(_TYPES))}"
        )
    unknown = set(parts) - {part.name for part in fields(cls)}
    if unknown:
        raise FeatureError(f"feature {record.get('name')!r}: {cls.__name__} has no {', '.join(sorted(unknown))}")
    for name in _DURATIONS:
        if name in parts:
            parts[name] = window_from(parts[name])
    for name in _PREDICATES:
        if name in parts:
            parts[name] = tuple(Predicate(p["column"], p["test"], tuple(p["values"])) for p in parts[name])
    for name in ("values", "of"):
        if isinstance(parts.get(name), list):
            parts[name] = tuple(parts[name])
    return cls(**parts)
