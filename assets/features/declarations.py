"""How one request or history feature is declared, as frozen values.

Belongs here: request columns, events, the aggregates over them, and the checks that make a wrong declaration fail where
it is written. Does not belong here: derived features and the feature set
(`vocabulary.py`, which re-exports all of this), any arithmetic (`kernel.py`), anything outside the standard library.
"""

import math
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from assets.features import wording
from assets.features.conditions import FeatureError, Predicate, checked, is_name, predicates
from assets.features.spans import Calendar, Window, checked_lag, checked_window, reach_of

TimeAxis = Literal["event_time", "known_at"]
Kind = Literal[
    "count", "sum", "mean", "min", "max", "std", "distinct", "share", "last", "time_since_last", "time_since_first"
]

SUMMED: frozenset[str] = frozenset({"sum", "mean", "std"})
"""Kinds that add numbers up, and so need a resolution in the contract."""
COUNTED: frozenset[str] = frozenset({"count", "distinct"})
"""Kinds whose value over no events is 0: a count of nothing is known."""
TIMED: frozenset[str] = frozenset({"time_since_last", "time_since_first"})

UNITS = {
    "count": "events",
    "distinct": "values",
    "share": "share",
    "time_since_last": "days",
    "time_since_first": "days",
}
"""Units of kinds that do not have their column's."""

RESERVED = ("as_of", "day", "event_time", "known_at", "sequence")


def checked_feature(name: str) -> str:
    """The name, when a feature may have it.

    Raises:
        FeatureError: It is no name, or the feature table uses it for something else.
    """
    if checked(name, "feature") in RESERVED:
        raise FeatureError(f"feature '{name}': the feature table has its own column of that name; choose another")
    return name


@dataclass(frozen=True)
class Number:
    """A numeric column of the request, used as it is; also its column's name."""

    name: str
    unit: str = ""
    description: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        checked_feature(self.name)


@dataclass(frozen=True)
class Category:
    """A text column of the request with a known set of values; also its column's name.

    Attributes:
        values: The values that a model may tell apart; any other value counts as none of them.
    """

    name: str
    values: tuple[str, ...]
    description: str = ""
    owner: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        checked_feature(self.name)
        if isinstance(self.values, str) or not self.values:
            raise FeatureError(
                f"category '{self.name}': values={self.values!r}; write a tuple of the values it may have"
            )
        object.__setattr__(self, "values", tuple(self.values))
        if len(set(self.values)) != len(self.values) or not all(isinstance(v, str) and v for v in self.values):
            raise FeatureError(f"category '{self.name}': values {self.values} must be different, non-empty texts")


@dataclass(frozen=True)
class History:
    """One aggregate over the events of an entity in a window; made by `Events`.

    Attributes:
        column: The aggregated column; `None` for kinds that need none.
        window: How far back events count; `None` for all history. A length of time w is (as_of - w, as_of], with a lag
            (as_of - lag - w, as_of - lag]; whatever the window, an event counts only if it was known at as_of.
        filters: Conditions that an event must meet, all of them.
        share: Conditions whose share among the filtered events is the value (kind `share` only).
        empty: The value over no events (with a value in `column`; for std, over fewer than two); `None` is missing.
        includes_request: Whether the request itself is one more event, in windows that reach up to the decision.
        lag: How long before the decision the window ends; `None` for at the decision.
        fact: The column that names a fact, of which only the version known last counts; `None` where events are never
            corrected.
    """

    name: str
    kind: Kind
    source: str
    key: str
    column: str | None = None
    window: Window | None = None
    filters: tuple[Predicate, ...] = ()
    share: tuple[Predicate, ...] = ()
    time: TimeAxis = "event_time"
    includes_request: bool = False
    empty: float | None = None
    description: str = ""
    owner: str = ""
    unit: str = ""
    lag: timedelta | None = None
    fact: str | None = None

    def __post_init__(self) -> None:
        checked_feature(self.name)
        if self.column is not None:
            checked(self.column, f"feature '{self.name}': column")
        checked_window(self.window, f"feature '{self.name}'")
        checked_lag(self.lag, self.window, f"feature '{self.name}'")
        if self.fact is not None:
            checked(self.fact, f"feature '{self.name}': fact")
        if self.empty is not None:
            if not math.isfinite(self.empty):
                raise FeatureError(
                    f"feature '{self.name}': empty={self.empty!r}; write a finite number, or None for missing"
                )
            object.__setattr__(self, "empty", float(self.empty))
        if self.kind == "share" and not self.share:
            raise FeatureError(f"feature '{self.name}': a share of what? write share(days(30), category='cash')")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the source that the feature reads, beside key and times."""
        used = [p.column for p in (*self.filters, *self.share)] + ([self.column] if self.column else [])
        return tuple(dict.fromkeys(used))

    @property
    def reach(self) -> timedelta | None:
        """How long before the decision an event may be and still count; `None` for any time."""
        return reach_of(self.window, self.lag)

    @property
    def end(self) -> timedelta | Calendar:
        """Where the window ends: so long before the decision, or before the current period of a calendar begins."""
        if isinstance(self.window, Calendar) and self.window.back:
            return self.window.current
        return self.lag or timedelta(0)

    @property
    def counts_request(self) -> bool:
        """Whether the request itself stands in the window."""
        return self.includes_request and self.end == timedelta(0)


@dataclass(frozen=True)
class Events:
    """The events of one source, by one entity key.

    Attributes:
        time: The axis of the windows: when it happened, or when it became known.
        includes_request: The source is the spine's own: each request is also an event. Then an event counts when it
            came strictly before the request (by time, then by sequence), and the request itself counts as one more.
        fact: The column that names a fact, where facts are corrected: of the events of an entity with the same value
            only the one known last at `as_of` counts (among those known at the same moment, the one that happened
            last, then the last by sequence). A correction replaces what it corrects from its `known_at` on, before
            any condition is looked at, so one that `where` leaves out takes the fact back. A fact that moves to
            another entity has to be taken back there. An event without a value stands for itself.
    """

    source: str
    key: str
    time: TimeAxis = "event_time"
    includes_request: bool = False
    filters: tuple[Predicate, ...] = field(default=())
    fact: str | None = None

    def __post_init__(self) -> None:
        checked(self.source, "source")
        checked(self.key, f"events of '{self.source}': key")
        if self.time not in ("event_time", "known_at"):
            raise FeatureError(f"events of '{self.source}': time={self.time!r}; write 'event_time' or 'known_at'")
        if self.includes_request and self.time != "event_time":
            raise FeatureError(f"events of '{self.source}': includes_request goes with time='event_time' only")
        if self.fact is not None:
            checked(self.fact, f"events of '{self.source}': fact")
            if self.fact in (self.key, *RESERVED):
                raise FeatureError(
                    f"events of '{self.source}': fact '{self.fact}' names no single fact; write the column that the "
                    "source's contract has as its key"
                )

    def where(self, **conditions: object) -> "Events":
        """Only the events that meet every condition: `column=value`, `column=(values...)`, `column=at_least(x)`."""
        if not conditions:
            raise FeatureError(f"events of '{self.source}': where() without a condition; write where(column=value)")
        return replace(self, filters=(*self.filters, *predicates(conditions)))

    def count(self, window: Window | None = None, **words: object) -> History:
        """How many events."""
        return self._feature("count", None, window, words)

    def sum(self, column: str, window: Window | None = None, **words: object) -> History:
        """Sum of the column; missing over no values unless `empty` is given."""
        return self._feature("sum", column, window, words)

    def mean(self, column: str, window: Window | None = None, **words: object) -> History:
        """Mean of the column's values."""
        return self._feature("mean", column, window, words)

    def min(self, column: str, window: Window | None = None, **words: object) -> History:
        """Smallest value of the column."""
        return self._feature("min", column, window, words)

    def max(self, column: str, window: Window | None = None, **words: object) -> History:
        """Largest value of the column."""
        return self._feature("max", column, window, words)

    def std(self, column: str, window: Window | None = None, **words: object) -> History:
        """Sample standard deviation of the column (divisor n - 1); missing over fewer than two values."""
        return self._feature("std", column, window, words)

    def distinct(self, column: str, window: Window | None = None, **words: object) -> History:
        """How many different values the column has."""
        return self._feature("distinct", column, window, words)

    def last(self, column: str, window: Window | None = None, **words: object) -> History:
        """The column in the latest event, missing if it has no value there; never the request's own value.

        Among simultaneous events the last by sequence counts, then the one known last, then the largest value.
        """
        return self._feature("last", column, window, words)

    def share(self, window: Window | None = None, **words: object) -> History:
        """Share of the events that meet the conditions, given as in `where`: `share(days(30), category="cash")`."""
        known: dict[str, object] = {
            name: words.pop(name) for name in ("name", "description", "owner", "unit", "empty", "lag") if name in words
        }
        return self._feature("share", None, window, known, predicates(words))

    def time_since_last(self, window: Window | None = None, **words: object) -> History:
        """Days from the latest event to the decision; the request itself does not count."""
        return self._feature("time_since_last", None, window, words)

    def time_since_first(self, window: Window | None = None, **words: object) -> History:
        """Days from the earliest event of the window to the decision; the request itself does not count."""
        return self._feature("time_since_first", None, window, words)

    def _feature(
        self,
        kind: Kind,
        column: str | None,
        window: Window | None,
        words: dict[str, object],
        share: tuple[Predicate, ...] = (),
    ) -> History:
        lag: timedelta | None = words.pop("lag", None)  # type: ignore[assignment]
        unknown = set(words) - {"name", "description", "owner", "unit", "empty"}
        if unknown:
            raise FeatureError(
                f"{kind} of '{self.source}': unknown {sorted(unknown)}; "
                "known: name, description, owner, unit, empty, lag"
            )
        checked_window(window, f"{kind} of '{self.source}'")
        checked_lag(lag, window, f"{kind} of '{self.source}'")
        given = {"unit": UNITS.get(kind, "")} | {name: value for name, value in words.items() if value is not None}
        name = given.pop("name", None)
        if name is None:
            name = wording.default_name(self.source, self.filters, kind, column, share, window, lag)
            if not is_name(name):
                raise FeatureError(f"{kind} of '{self.source}': its default name {name!r} is no name; give name=")
        return History(
            name=name,  # type: ignore[arg-type]
            kind=kind,
            source=self.source,
            key=self.key,
            column=column,
            window=window,
            filters=self.filters,
            share=share,
            time=self.time,
            includes_request=self.includes_request,
            lag=lag,
            fact=self.fact,
            **given,  # type: ignore[arg-type]
        )
