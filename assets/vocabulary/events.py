"""The events of a source, and the aggregates that a product declares over them.

Belongs here: a method for each kind of aggregate. Does not belong here: the declared feature (`history.py`), the
properties of kinds (`aggregates.py`), any arithmetic (`assets.features.kernel`).
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal, get_args

from assets.vocabulary import wording
from assets.vocabulary.aggregates import UNITS, Kind, Statistic, check_half_life, check_level
from assets.vocabulary.base import RESERVED, WHOLE, checked_key
from assets.vocabulary.conditions import FeatureError, Predicate, checked, predicates
from assets.vocabulary.history import History
from assets.vocabulary.times import TIMES, TimeAxis
from assets.vocabulary.windows import Window, checked_lag, checked_window
from resources.naming import is_name

_OPTIONS = ("name", "description", "owner", "unit", "empty", "lag")
"""Keyword arguments of every aggregate."""


@dataclass(frozen=True)
class Events:
    """The events of one source, by one entity key; without a key, all events of the source (the whole bank's load).

    Attributes:
        key: The column of the entity, in the source and in the spine; left out where every event counts for every row.
        time: Axis of the windows: when an event happened, or when it became known.
        includes_request: The source is the spine's: each request is also an event. An event then counts if it is
            strictly before the request (by time, then by sequence), and the request itself is one more event.
        record_key: The column that identifies a record of which the source sends revisions. Of an entity's events with
            the same value only the revision known last at `as_of` counts (of several known at the same time the one
            that happened last, then the last by sequence). A revision replaces the earlier ones from its `known_at`
            on, before conditions apply: a revision that `where` excludes withdraws the record. A record that moves to
            another entity must be withdrawn under the old one. An event with a missing value is its own record.
    """

    source: str
    key: str = WHOLE
    time: TimeAxis = "event_time"
    includes_request: bool = False
    filters: tuple[Predicate, ...] = field(default=())
    record_key: str | None = None

    def __post_init__(self) -> None:
        checked(self.source, "source")
        checked_key(self.key, f"events of '{self.source}'")
        if self.time not in TIMES:
            raise FeatureError(f"events of '{self.source}': time={self.time!r}; write 'event_time' or 'known_at'")
        if self.includes_request and self.time != "event_time":
            raise FeatureError(f"events of '{self.source}': includes_request goes with time='event_time' only")
        if self.record_key is not None:
            checked(self.record_key, f"events of '{self.source}': record_key")
            if self.record_key in (self.key, *RESERVED):
                raise FeatureError(
                    f"events of '{self.source}': record_key '{self.record_key}' identifies no single record; write the "
                    "key column of the source's contract"
                )

    def where(self, **conditions: object) -> "Events":
        """The events that meet every condition: `column=value`, `column=(values...)`, `column=at_least(x)`."""
        if not conditions:
            raise FeatureError(f"events of '{self.source}': where() without a condition; write where(column=value)")
        return replace(self, filters=(*self.filters, *predicates(conditions)))

    def count(self, window: Window | None = None, **options: object) -> History:
        """Number of events."""
        return self._feature("count", None, window, options)

    def sum(self, column: str, window: Window | None = None, **options: object) -> History:
        """Sum of the column; missing over no values unless `empty` is given."""
        return self._feature("sum", column, window, options)

    def mean(self, column: str, window: Window | None = None, **options: object) -> History:
        """Mean of the column's values."""
        return self._feature("mean", column, window, options)

    def min(self, column: str, window: Window | None = None, **options: object) -> History:
        """Smallest value of the column."""
        return self._feature("min", column, window, options)

    def max(self, column: str, window: Window | None = None, **options: object) -> History:
        """Largest value of the column."""
        return self._feature("max", column, window, options)

    def std(self, column: str, window: Window | None = None, **options: object) -> History:
        """Sample standard deviation of the column (divisor n - 1); missing over fewer than two values."""
        return self._feature("std", column, window, options)

    def distinct(self, column: str, window: Window | None = None, **options: object) -> History:
        """Number of different values of the column."""
        return self._feature("distinct", column, window, options)

    def last(self, column: str, window: Window | None = None, **options: object) -> History:
        """The column's value in the latest event, missing if that event has none; the request itself does not count.

        Of simultaneous events the last by sequence counts, then the one known last, then the largest value.
        """
        return self._feature("last", column, window, options)

    def share(self, window: Window | None = None, **words: object) -> History:
        """Share of events that meet the conditions, written as in `where`: `share(days(30), category="cash")`."""
        return self._conditional("share", window, words)

    def first(self, column: str, window: Window | None = None, **options: object) -> History:
        """The column's value in the window's earliest event, missing if it has none; the request itself does not count.

        Of simultaneous events the first by sequence counts, then the one known first, then the smallest value.
        """
        return self._feature("first", column, window, options)

    def quantile(self, column: str, level: float, window: Window | None = None, **options: object) -> History:
        """Quantile of the column at a level from 0 to 1: `quantile("amount", 0.9, days(30))`.

        Interpolated between two values: type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages",
        The American Statistician 50 (1996); `method="linear"` of NumPy.
        """
        return self._feature("quantile", column, window, options, level=level)

    def median(self, column: str, window: Window | None = None, **options: object) -> History:
        """The quantile at level 0.5."""
        return self.quantile(column, 0.5, window, **options)

    def mode(
        self, column: str, window: Window | None = None, *, values: tuple[str, ...] = (), **options: object
    ) -> History:
        """The most frequent value of the column; of equally frequent values the smallest.

        For a text column `values` lists the texts that a model distinguishes, as for a `Category`; the feature is then
        a category.
        """
        return self._feature("mode", column, window, options, values=values)

    def time_between(self, statistic: Statistic, window: Window | None = None, **options: object) -> History:
        """Mean, min, max or std of the days between consecutive events of the window: `time_between("mean")`."""
        if statistic not in get_args(Statistic):
            raise FeatureError(
                f"time_between of '{self.source}': {statistic!r}; write one of {', '.join(get_args(Statistic))}"
            )
        return self._feature(f"{statistic}_time_between", None, window, options)  # type: ignore[arg-type]

    def streak(self, window: Window | None = None, **words: object) -> History:
        """Number of latest consecutive events that meet the conditions, written as in `where`: `streak(status="late")`.

        Of simultaneous events without a sequence, those that break the streak count as the later ones.
        """
        return self._conditional("streak", window, words)

    def slope(self, column: str, window: Window | None = None, **options: object) -> History:
        """Daily slope of the column's least-squares line; missing where all events have the same time."""
        return self._feature("slope", column, window, options)

    def decayed_count(self, half_life: timedelta, window: Window | None = None, **options: object) -> History:
        """Number of events, each weighted by 2 ** -(age / half_life).

        `assets.features.kernel.aggregates.decay` states the error bound.
        """
        return self._feature("decayed_count", None, window, options, half_life=half_life)

    def decayed_sum(
        self, column: str, half_life: timedelta, window: Window | None = None, **options: object
    ) -> History:
        """Sum of the column, each event weighted by 2 ** -(age / half_life).

        `assets.features.kernel.aggregates.decay` states the error bound.
        """
        return self._feature("decayed_sum", column, window, options, half_life=half_life)

    def time_since_last(self, window: Window | None = None, **options: object) -> History:
        """Days from the latest event to the decision; the request itself does not count."""
        return self._feature("time_since_last", None, window, options)

    def time_since_first(self, window: Window | None = None, **options: object) -> History:
        """Days from the window's earliest event to the decision; the request itself does not count."""
        return self._feature("time_since_first", None, window, options)

    def _conditional(
        self, kind: Literal["share", "streak"], window: Window | None, words: dict[str, object]
    ) -> History:
        """A feature whose keyword arguments, apart from `_OPTIONS`, are conditions."""
        options = {name: words.pop(name) for name in _OPTIONS if name in words}
        return self._feature(kind, None, window, options, predicates(words))

    def _feature(
        self,
        kind: Kind,
        column: str | None,
        window: Window | None,
        options: dict[str, object],
        share: tuple[Predicate, ...] = (),
        *,
        level: float | None = None,
        half_life: timedelta | None = None,
        values: tuple[str, ...] = (),
    ) -> History:
        unknown = set(options) - set(_OPTIONS)
        if unknown:
            raise FeatureError(f"{kind} of '{self.source}': unknown {sorted(unknown)}; known: {', '.join(_OPTIONS)}")
        lag: timedelta | None = options.pop("lag", None)  # type: ignore[assignment]
        checked_window(window, f"{kind} of '{self.source}'")
        checked_lag(lag, window, f"{kind} of '{self.source}'")
        check_level(kind, level, f"{kind} of '{self.source}'")
        check_half_life(kind, half_life, f"{kind} of '{self.source}'")
        given = {"unit": UNITS.get(kind, "")} | {name: value for name, value in options.items() if value is not None}
        name = given.pop("name", None)
        if name is None:
            label = wording.kind_label(kind, column, level, half_life)
            name = wording.default_name(self.source, self.filters, label, share, window, lag)
            if not is_name(name):
                raise FeatureError(f"{kind} of '{self.source}': its default name {name!r} is not a name; give name=")
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
            record_key=self.record_key,
            level=level,
            half_life=half_life,
            values=values,
            **given,  # type: ignore[arg-type]
        )
