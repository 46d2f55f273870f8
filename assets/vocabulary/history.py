"""One feature over the events of an entity, as a frozen value.

Belongs here: what such a feature is and the checks of its parts. Does not belong here: how products write one
(`events.py`), columns of the request (`request.py`), any arithmetic (`assets.features.kernel`).
"""

import math
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Literal

from assets.vocabulary.aggregates import Kind, check_half_life, check_level
from assets.vocabulary.base import Declared, checked_key
from assets.vocabulary.conditions import LATER, FeatureError, Predicate, checked
from assets.vocabulary.request import checked_values
from assets.vocabulary.windows import Calendar, Window, checked_lag, checked_window, reach_of

TimeAxis = Literal["event_time", "known_at"]


@dataclass(frozen=True)
class History(Declared):
    """One aggregate over the events of an entity in a window; made by `Events`.

    Attributes:
        column: The aggregated column; `None` for kinds that need none.
        window: How far back events count; `None` for all history. A length of time w is (as_of - w, as_of], with a lag
            (as_of - lag - w, as_of - lag]; whatever the window, an event counts only if it was known at as_of.
        filters: Conditions that an event must meet, all of them.
        share: Conditions that are asked of each filtered event (kinds `share` and `streak` only).
        empty: The value over too few events (with a value in `column`): none, for std and time_between fewer than two,
            for std_time_between fewer than three, for slope fewer than two moments; `None` is missing.
        includes_request: Whether the request itself is one more event, in windows that reach up to the decision.
        lag: How long before the decision the window ends; `None` for at the decision.
        fact: The column that names a fact, of which only the version known last counts; `None` where events are never
            corrected.
        level: Which quantile (kind `quantile` only), with at most four decimals.
        half_life: In what time an event's weight halves (decayed kinds only).
        values: The texts that a model may tell apart (kind `mode` of a text column only).
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
    lag: timedelta | None = field(default=None, metadata=LATER)
    fact: str | None = field(default=None, metadata=LATER)
    level: float | None = field(default=None, metadata=LATER)
    half_life: timedelta | None = field(default=None, metadata=LATER)
    values: tuple[str, ...] = field(default=(), metadata=LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        checked_key(self.key, f"feature '{self.name}'")
        if self.column is not None:
            checked(self.column, f"feature '{self.name}': column")
        if "day" in self.columns:
            raise FeatureError(
                f"feature '{self.name}' reads a column 'day' of '{self.source}'; the lake's tables have their own of "
                "that name: give the source's column another one"
            )
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
        if self.kind in ("share", "streak") and not self.share:
            raise FeatureError(
                f"feature '{self.name}': a {self.kind} of what? write {self.kind}(days(30), category='cash')"
            )
        _check_parameters(self)

    @property
    def is_text(self) -> bool:
        """Whether its value is a text: the most frequent one."""
        return bool(self.values)

    @property
    def fraction(self) -> Fraction:
        """The level of a quantile, exactly."""
        return Fraction(repr(self.level))

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


def _check_parameters(feature: History) -> None:
    what = f"feature '{feature.name}'"
    check_level(feature.kind, feature.level, what)
    check_half_life(feature.kind, feature.half_life, what)
    if feature.values != ():
        if feature.kind != "mode":
            raise FeatureError(f"{what}: values= is for the mode of a text; leave it out of {feature.kind}")
        object.__setattr__(feature, "values", checked_values(feature.values, what))
        if feature.empty is not None:
            raise FeatureError(f"{what}: empty={feature.empty!r} for a text; leave it out, a missing text is missing")
