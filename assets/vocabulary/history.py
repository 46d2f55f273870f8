"""A feature over the events of an entity, as a frozen value.

Belongs here: the parts of such a feature and their checks. Does not belong here: the methods that declare one
(`events.py`), columns of the request (`request.py`), any arithmetic (`assets.features.kernel`).
"""

import math
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

from assets.vocabulary.aggregates import Kind, check_half_life, check_level
from assets.vocabulary.base import DAY, Declared, checked_key
from assets.vocabulary.conditions import OMIT_DEFAULT, FeatureError, Predicate, checked
from assets.vocabulary.request import checked_values
from assets.vocabulary.times import TimeAxis
from assets.vocabulary.windows import Calendar, Window, checked_lag, checked_window, lookback_of


@dataclass(frozen=True)
class History(Declared):
    """One aggregate over the events of an entity in a window; declared through `Events`.

    Attributes:
        column: The aggregated column; `None` for kinds without one.
        window: The window of events; `None` for all history. A length of time w is (as_of - w, as_of], with a lag
            (as_of - lag - w, as_of - lag]. In every window an event counts only if it was known at as_of.
        filters: Conditions that an event must meet, all of them.
        share: Conditions whose share or streak is computed among the filtered events (kinds `share`, `streak`).
        empty: The feature's value where too few events have a value in `column`: none; fewer than two for std and
            time_between, three for std_time_between, two different times for slope. `None` is missing.
        includes_request: Whether the request itself is one more event, in windows that end at the decision.
        lag: Time between the end of the window and the decision; `None` for no lag.
        record_key: The column that identifies a record, of which only the revision known last counts; `None` where
            the source sends no revisions.
        level: Level of the quantile (kind `quantile` only), with at most four decimals.
        half_life: Time in which an event's weight halves (decayed kinds only).
        values: The texts that a model distinguishes (kind `mode` of a text column only).
        group: The shared group from which the product has the feature (`FeatureGroup`); empty for its own.
    """

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
    lag: timedelta | None = field(default=None, metadata=OMIT_DEFAULT)
    record_key: str | None = field(default=None, metadata=OMIT_DEFAULT)
    level: float | None = field(default=None, metadata=OMIT_DEFAULT)
    half_life: timedelta | None = field(default=None, metadata=OMIT_DEFAULT)
    values: tuple[str, ...] = field(default=(), metadata=OMIT_DEFAULT)
    group: str = field(default="", metadata=OMIT_DEFAULT)

    def __post_init__(self) -> None:
        super().__post_init__()
        checked_key(self.key, f"feature '{self.name}'")
        if self.column is not None:
            checked(self.column, f"feature '{self.name}': column")
        if DAY in self.columns:
            raise FeatureError(
                f"feature '{self.name}' reads a column '{DAY}' of '{self.source}'; the lake's tables have their own "
                "column of that name: give the source's column another one"
            )
        checked_window(self.window, f"feature '{self.name}'")
        checked_lag(self.lag, self.window, f"feature '{self.name}'")
        if self.record_key is not None:
            checked(self.record_key, f"feature '{self.name}': record_key")
        if self.empty is not None:
            if not math.isfinite(self.empty):
                raise FeatureError(
                    f"feature '{self.name}': empty={self.empty!r}; write a finite number, or None for missing"
                )
            object.__setattr__(self, "empty", float(self.empty))
        if self.kind in ("share", "streak") and not self.share:
            raise FeatureError(
                f"feature '{self.name}': {self.kind} has no condition; write {self.kind}(days(30), category='cash')"
            )
        _check_parameters(self)

    @property
    def is_text(self) -> bool:
        """Whether its value is a text (the mode of a text column)."""
        return bool(self.values)

    @property
    def fraction(self) -> Fraction:
        """The level of a quantile as an exact fraction."""
        return Fraction(repr(self.level))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the source that the feature reads, apart from key and times."""
        used = [p.column for p in (*self.filters, *self.share)] + ([self.column] if self.column else [])
        return tuple(dict.fromkeys(used))

    @property
    def lookback(self) -> timedelta | None:
        """The longest time before the decision at which an event can count; `None` for all history."""
        return lookback_of(self.window, self.lag)

    @property
    def end(self) -> timedelta | Calendar:
        """Where the window ends: a time before the decision, or the calendar whose current period begins there."""
        if isinstance(self.window, Calendar) and self.window.back:
            return self.window.current
        return self.lag or timedelta(0)

    @property
    def counts_request(self) -> bool:
        """Whether the request itself is in the window."""
        return self.includes_request and self.end == timedelta(0)


def _check_parameters(feature: History) -> None:
    label = f"feature '{feature.name}'"
    check_level(feature.kind, feature.level, label)
    check_half_life(feature.kind, feature.half_life, label)
    if feature.values != ():
        if feature.kind != "mode":
            raise FeatureError(f"{label}: values= is for the mode of a text; leave it out of {feature.kind}")
        object.__setattr__(feature, "values", checked_values(feature.values, label))
        if feature.empty is not None:
            raise FeatureError(f"{label}: empty={feature.empty!r} for a text; leave it out, a missing text is missing")
