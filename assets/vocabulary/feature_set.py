"""The feature set of a product: frozen, JSON-serialisable, standard library only.

Belongs here: the set and the checks of its features against each other. Does not belong here: the declarations of
features (`request.py`, `history.py`, `derived.py`, `clock.py`), any arithmetic (`assets.features.kernel`), any data.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from assets.vocabulary import wording
from assets.vocabulary.base import WHOLE, Declared
from assets.vocabulary.clock import DayOfWeek, Weekend
from assets.vocabulary.conditions import FeatureError
from assets.vocabulary.derived import Missing, Trend
from assets.vocabulary.history import History
from assets.vocabulary.records import DERIVED, REQUEST, Derived, Feature, feature_from, feature_record, holds_text
from assets.vocabulary.request import Category, HashedCategory, LearnedCategory, Number, Text
from assets.vocabulary.times import AS_OF, SEQUENCE
from assets.vocabulary.units import Columns, units_of
from resources.errors import listed

_ROW_COLUMNS = (AS_OF, SEQUENCE)
_DOCUMENTATION = ("description", "group", "owner", "unit")


@dataclass(frozen=True)
class FeatureSet:
    """The features of a product, in the order of its feature table: request, history, derived.

    Attributes:
        request, history, derived: Stored as tuples.
        owner: Owner of the features without an owner.

    Raises:
        FeatureError: Two features share a name, an input is unknown or not a number, a column is both text and number
            or has a reserved name, declared units contradict each other.
    """

    request: Sequence[Number | Text] = ()
    history: Sequence[History] = ()
    derived: Sequence[Derived] = ()
    owner: str = ""

    def __post_init__(self) -> None:
        for part in ("request", "history", "derived"):
            object.__setattr__(self, part, _features_of(part, getattr(self, part)))
        _check_parts(self)
        _check_names(self)
        _check_derived(self)
        _check_columns(self)
        _check_request_columns(self)
        _check_record_keys(self)
        self.units()

    def units(self, columns: Columns | None = None, spine: str | None = None) -> dict[str, str]:
        """The unit of each feature; see `units_of`."""
        return units_of(self.request, self.history, self.derived, columns, spine)

    @property
    def all(self) -> tuple[Feature, ...]:
        """Every feature, in order."""
        return (*self.request, *self.history, *self.derived)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all features, in order."""
        return tuple(feature.name for feature in self.all)

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources whose events features read, in order of first use."""
        return tuple(dict.fromkeys(feature.source for feature in self.history))

    @property
    def keys(self) -> tuple[str, ...]:
        """Entity keys, in order of first use; `WHOLE` where features read all events of a source."""
        return tuple(dict.fromkeys(feature.key for feature in self.history))

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The keys that are columns of the spine."""
        return tuple(key for key in self.keys if key != WHOLE)

    @property
    def lookback(self) -> timedelta | None:
        """The longest time before a decision at which an event can count; `None` where a feature reads all history."""
        if any(feature.lookback is None for feature in self.history):
            return None
        return max((feature.lookback for feature in self.history if feature.lookback is not None), default=timedelta(0))

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the numeric features, in order."""
        return tuple(feature.name for feature in self.all if not holds_text(feature))

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """For each text feature its values; an empty tuple where they are learned or hashed."""
        texts = (feature for feature in self.all if holds_text(feature))
        return {f.name: f.values if isinstance(f, (Category, History)) else () for f in texts}

    @property
    def of_the_date(self) -> tuple[str, ...]:
        """Names of the features whose value the date of a decision gives: all rows of a local day have the same."""
        return tuple(feature.name for feature in self.derived if isinstance(feature, (Weekend, DayOfWeek)))

    def feature(self, name: str) -> Feature:
        """The feature of this name.

        Raises:
            FeatureError: There is none.
        """
        for feature in self.all:
            if feature.name == name:
                return feature
        raise FeatureError(f"'{name}' is not a feature; known: {listed(self.names)}")

    def define(self, name: str) -> str:
        """The definition of a feature in words, derived from its declaration."""
        feature = self.feature(name)
        if isinstance(feature, History):
            return wording.history_sentence(feature)
        if isinstance(feature, (Number, Category, LearnedCategory, HashedCategory)):
            return f"{feature.name.replace('_', ' ').capitalize()} as stated in the request"
        return feature.sentence

    def describe(self, name: str) -> str:
        """The declared description of a feature, or else its definition."""
        return self.feature(name).description or self.define(name)

    def owner_of(self, name: str) -> str:
        """The owner of a feature, or else of the set."""
        return self.feature(name).owner or self.owner

    def to_dict(self) -> dict[str, Any]:
        """The set as a JSON value, which `from_dict` reads."""
        return {
            "owner": self.owner,
            "request": [feature_record(feature) for feature in self.request],
            "history": [feature_record(feature) for feature in self.history],
            "derived": [feature_record(feature) for feature in self.derived],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "FeatureSet":
        """The set that `to_dict` wrote.

        Raises:
            FeatureError: The record is not of a feature set, or features are declared wrongly.
        """
        unknown = set(record) ^ {"owner", "request", "history", "derived"}
        if unknown:
            raise FeatureError(
                f"a feature set has owner, request, history and derived; differs in {', '.join(sorted(unknown))}"
            )
        parts = {part: tuple(feature_from(r) for r in record[part]) for part in ("request", "history", "derived")}
        return cls(owner=record["owner"], **parts)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON: equal exactly for equal declarations."""
        return _digest(self.to_dict())

    @property
    def computation(self) -> str:
        """The digest without owners, descriptions and units: equal exactly for equal computations."""
        parts = {part: of for part, of in self.to_dict().items() if part != "owner"}
        return _digest({part: [_computed(feature) for feature in of] for part, of in parts.items()})


def same_computation(one: Feature, other: Feature) -> bool:
    """Whether two features are computed in the same way, whatever their owners, descriptions and units."""
    return _computed(feature_record(one)) == _computed(feature_record(other))


def _computed(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a feature without its documentation."""
    return {name: value for name, value in record.items() if name not in _DOCUMENTATION}


def _digest(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _features_of(part: str, given: object) -> tuple[Any, ...]:
    """The features of a part as a tuple; parentheses around one feature without a comma do not make a tuple."""
    if isinstance(given, Declared):
        raise FeatureError(
            f"{part}= is the one feature '{given.name}' and not a tuple; write a comma after it: "
            f"{part}=({type(given).__name__}(...),)"
        )
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise FeatureError(f"{part}={given!r}; write a tuple of features")
    return tuple(given)


def _check_parts(features: FeatureSet) -> None:
    for part, allowed in (("request", REQUEST), ("history", (History,)), ("derived", DERIVED)):
        for feature in getattr(features, part):
            if not isinstance(feature, allowed):
                names = ", ".join(cls.__name__ for cls in allowed)
                raise FeatureError(f"{part} holds {feature!r}; it takes {names}")


def _check_names(features: FeatureSet) -> None:
    for number, name in enumerate(features.names):
        if name in features.names[:number]:
            raise FeatureError(f"feature '{name}' is declared twice; give one of them another name=")
        if name in features.keys:
            raise FeatureError(f"feature '{name}' has the name of an entity key column; choose another")


def _check_derived(features: FeatureSet) -> None:
    known: dict[str, Feature] = {feature.name: feature for feature in (*features.request, *features.history)}
    for feature in features.derived:
        for name in feature.inputs:
            if name not in known:
                raise FeatureError(f"derived '{feature.name}': '{name}' is not a feature declared before it")
            if holds_text(known[name]) and not isinstance(feature, Missing):
                raise FeatureError(f"derived '{feature.name}': '{name}' is a category; it takes numbers")
        if isinstance(feature, Trend):
            _check_trend(feature, known[feature.recent], known[feature.longer])
        known[feature.name] = feature


def _check_trend(trend: Trend, recent: Feature, longer: Feature) -> None:
    for part in (recent, longer):
        if not isinstance(part, History) or part.kind not in ("count", "sum") or not isinstance(part.window, timedelta):
            raise FeatureError(
                f"trend '{trend.name}': '{part.name}' must be a count or a sum over a window of a certain length"
            )
    if recent.window >= longer.window:  # type: ignore[operator, union-attr]
        raise FeatureError(
            f"trend '{trend.name}': the window of '{trend.recent}' must be shorter than of '{trend.longer}'"
        )


def _check_columns(features: FeatureSet) -> None:
    """A column is text in every use, or a number in every use."""
    seen: dict[tuple[str, str], tuple[bool, str]] = {}
    for feature in features.history:
        uses = [(p.column, p.is_text) for p in (*feature.filters, *feature.share)]
        if feature.column is not None and feature.kind != "distinct":
            uses.append((feature.column, feature.is_text))
        for column, is_text in uses:
            before, by = seen.setdefault((feature.source, column), (is_text, feature.name))
            if before != is_text:
                kinds = ("number", "text")
                raise FeatureError(
                    f"feature '{feature.name}' takes {feature.source}.{column} as {kinds[is_text]}, "
                    f"'{by}' as {kinds[before]}; a column is one of them"
                )


def _check_request_columns(features: FeatureSet) -> None:
    """Columns of requests that count as events must not collide with columns of the spine or with features."""
    request_sources = {feature.source for feature in features.history if feature.includes_request}
    computed = {feature.name for feature in (*features.history, *features.derived)}
    for feature in features.history:
        for column in feature.columns if feature.source in request_sources else ():
            if column in _ROW_COLUMNS:
                raise FeatureError(
                    f"feature '{feature.name}' reads a column '{column}' of '{feature.source}', whose requests are "
                    "events; the spine has its own column of that name: give the source's column another one"
                )
            if column in computed and feature.counts_request:
                raise FeatureError(
                    f"feature '{column}' has the name of a column of '{feature.source}' that '{feature.name}' reads of "
                    "the request too; give it another name="
                )


def _check_record_keys(features: FeatureSet) -> None:
    """All features over a source use the same record key: they must count the same revisions."""
    seen: dict[str, History] = {}
    for feature in features.history:
        before = seen.setdefault(feature.source, feature)
        if before.record_key != feature.record_key:
            raise FeatureError(
                f"feature '{feature.name}' reads {feature.source} with record_key={feature.record_key!r}, "
                f"'{before.name}' with record_key={before.record_key!r}; give every Events of '{feature.source}' the "
                "same record_key"
            )
