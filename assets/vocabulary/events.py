"""The events of a source, and the aggregates over them that a product declares.

Belongs here: a method for each kind of aggregate. Does not belong here: the feature that it makes (`history.py`), the
kinds themselves (`aggregates.py`), any arithmetic (`assets.features.kernel`).
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal, get_args

from assets.vocabulary import wording
from assets.vocabulary.aggregates import UNITS, Kind, Statistic, check_half_life, check_level
from assets.vocabulary.base import RESERVED, checked_key
from assets.vocabulary.conditions import FeatureError, Predicate, checked, predicates
from assets.vocabulary.history import History, TimeAxis
from assets.vocabulary.windows import Window, checked_lag, checked_window
from resources.naming import is_name

_WORDS = ("name", "description", "owner", "unit", "empty", "lag")


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
        checked_key(self.key, f"events of '{self.source}'")
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
        return self._conditional("share", window, words)

    def first(self, column: str, window: Window | None = None, **words: object) -> History:
        """The column in the earliest event of the window, missing if it has no value there; never the request's own.

        Among simultaneous events the first by sequence counts, then the one known first, then the smallest value.
        """
        return self._feature("first", column, window, words)

    def quantile(self, column: str, level: float, window: Window | None = None, **words: object) -> History:
        """The value below which this share of the column's values lies: `quantile("amount", 0.9, days(30))`.

        Between two values it is interpolated: type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages",
        The American Statistician 50 (1996); `method="linear"` of NumPy.
        """
        return self._feature("quantile", column, window, words, level=level)

    def median(self, column: str, window: Window | None = None, **words: object) -> History:
        """The value in the middle, or half-way between the two in the middle."""
        return self.quantile(column, 0.5, window, **words)

    def mode(
        self, column: str, window: Window | None = None, *, values: tuple[str, ...] = (), **words: object
    ) -> History:
        """The most frequent value of the column; of equally frequent ones the smallest.

        For a text column `values` names the texts that a model may tell apart, as for a `Category`; the feature is
        then a category.
        """
        return self._feature("mode", column, window, words, values=values)

    def time_between(self, statistic: Statistic, window: Window | None = None, **words: object) -> History:
        """Mean, min, max or std of the days between consecutive events of the window: `time_between("mean")`."""
        if statistic not in get_args(Statistic):
            raise FeatureError(
                f"time_between of '{self.source}': {statistic!r}; write one of {', '.join(get_args(Statistic))}"
            )
        return self._feature(f"{statistic}_time_between", None, window, words)  # type: ignore[arg-type]

    def streak(self, window: Window | None = None, **words: object) -> History:
        """How many of the latest events in a row meet the conditions, given as in `where`: `streak(status="late")`.

        Of simultaneous events that no sequence tells apart, those that break the streak count as the later ones.
        """
        return self._conditional("streak", window, words)

    def slope(self, column: str, window: Window | None = None, **words: object) -> History:
        """By how much the column rises a day: the slope of the least-squares line; missing over a single moment."""
        return self._feature("slope", column, window, words)

    def decayed_count(self, half_life: timedelta, window: Window | None = None, **words: object) -> History:
        """How many events, each weighted by 2 ** -(age / half_life).

        `assets.features.kernel.decay` states the error bound.
        """
        return self._feature("decayed_count", None, window, words, half_life=half_life)

    def decayed_sum(self, column: str, half_life: timedelta, window: Window | None = None, **words: object) -> History:
        """Sum of the column, each event weighted by 2 ** -(age / half_life).

        `assets.features.kernel.decay` states the error bound.
        """
        return self._feature("decayed_sum", column, window, words, half_life=half_life)

    def time_since_last(self, window: Window | None = None, **words: object) -> History:
        """Days from the latest event to the decision; the request itself does not count."""
        return self._feature("time_since_last", None, window, words)

    def time_since_first(self, window: Window | None = None, **words: object) -> History:
        """Days from the earliest event of the window to the decision; the request itself does not count."""
        return self._feature("time_since_first", None, window, words)

    def _conditional(
        self, kind: Literal["share", "streak"], window: Window | None, words: dict[str, object]
    ) -> History:
        """A feature whose words are conditions, apart from those that every feature has."""
        known = {name: words.pop(name) for name in _WORDS if name in words}
        return self._feature(kind, None, window, known, predicates(words))

    def _feature(
        self,
        kind: Kind,
        column: str | None,
        window: Window | None,
        words: dict[str, object],
        share: tuple[Predicate, ...] = (),
        *,
        level: float | None = None,
        half_life: timedelta | None = None,
        values: tuple[str, ...] = (),
    ) -> History:
        unknown = set(words) - set(_WORDS)
        if unknown:
            raise FeatureError(f"{kind} of '{self.source}': unknown {sorted(unknown)}; known: {', '.join(_WORDS)}")
        lag: timedelta | None = words.pop("lag", None)  # type: ignore[assignment]
        checked_window(window, f"{kind} of '{self.source}'")
        checked_lag(lag, window, f"{kind} of '{self.source}'")
        check_level(kind, level, f"{kind} of '{self.source}'")
        check_half_life(kind, half_life, f"{kind} of '{self.source}'")
        given = {"unit": UNITS.get(kind, "")} | {name: value for name, value in words.items() if value is not None}
        name = given.pop("name", None)
        if name is None:
            what = wording.kind_label(kind, column, level, half_life)
            name = wording.default_name(self.source, self.filters, what, None, share, window, lag)
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
            level=level,
            half_life=half_life,
            values=values,
            **given,  # type: ignore[arg-type]
        )
