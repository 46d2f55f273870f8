"""The events of a source, and the aggregates that a product declares over them.

Belongs here: a method for each kind of aggregate, all with the same named options. Does not belong here: which events
count and the options' checks (`selection.py`), the declared feature (`history.py`), any arithmetic
(`assets.features.kernel`).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import get_args

from assets.vocabulary.aggregates import Kind, Statistic
from assets.vocabulary.conditions import FeatureError, predicates
from assets.vocabulary.history import History
from assets.vocabulary.selection import Options, Selection, Where
from assets.vocabulary.windows import Window


@dataclass(frozen=True)
class Events(Selection):
    """The events of one source, by one entity key; without a key, all events of the source (the whole bank's load).

    Every method declares one feature. Its named options are those of `Options`; `where` are conditions for this feature
    alone.

    Attributes:
        source: The name of the source.
        key: The column of the entity, in the source and in the spine; left out where every event counts for every row.
        time: Axis of the windows: when an event happened, or when it became known.
        includes_request: The source is the spine's: each request is also an event. An event then counts if it is
            strictly before the request (by time, then by sequence), and the request itself is one more event.
        filters: The conditions that an event must meet; given by `where`.
        record_key: The column that identifies a record of which the source sends revisions. Of an entity's events with
            the same value only the revision known last at `as_of` counts (of several known at the same time the one
            that happened last, then the last by sequence). A revision replaces the earlier ones from its `known_at`
            on, before conditions apply: a revision that `where` excludes withdraws the record. A record that moves to
            another entity must be withdrawn under the old one. An event with a missing value is its own record.
    """

    def count(
        self, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """Number of events."""
        return self._feature("count", None, window, Options(name, description, owner, unit, empty, lag, where))

    def sum(
        self, column: str, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """Sum of the column; missing over no values unless `empty` is given."""
        return self._feature("sum", column, window, Options(name, description, owner, unit, empty, lag, where))

    def mean(
        self, column: str, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """Mean of the column's values."""
        return self._feature("mean", column, window, Options(name, description, owner, unit, empty, lag, where))

    def min(
        self, column: str, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """Smallest value of the column."""
        return self._feature("min", column, window, Options(name, description, owner, unit, empty, lag, where))

    def max(
        self, column: str, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """Largest value of the column."""
        return self._feature("max", column, window, Options(name, description, owner, unit, empty, lag, where))

    def std(
        self, column: str, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """Sample standard deviation of the column (divisor n - 1); missing over fewer than two values."""
        return self._feature("std", column, window, Options(name, description, owner, unit, empty, lag, where))

    def distinct(
        self, column: str, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """Number of different values of the column."""
        return self._feature("distinct", column, window, Options(name, description, owner, unit, empty, lag, where))

    def last(
        self, column: str, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """The column's value in the latest event, missing if that event has none; the request itself does not count.

        Of simultaneous events the last by sequence counts, then the one known last, then the largest value.
        """
        return self._feature("last", column, window, Options(name, description, owner, unit, empty, lag, where))

    def share(
        self, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
        **conditions: object,
    ) -> History:  # fmt: skip
        """Share of events that meet the conditions, written as in `where`: `share(days(30), category="cash")`."""
        return self._feature(
            "share", None, window, Options(name, description, owner, unit, empty, lag, where), predicates(conditions)
        )

    def first(
        self, column: str, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """The column's value in the window's earliest event, missing if it has none; the request itself does not count.

        Of simultaneous events the first by sequence counts, then the one known first, then the smallest value.
        """
        return self._feature("first", column, window, Options(name, description, owner, unit, empty, lag, where))

    def quantile(
        self, column: str, level: float, window: Window | None = None, *, name: str = "", description: str = "",
        owner: str = "", unit: str = "", empty: float | None = None, lag: timedelta | None = None,
        where: Where | None = None,
    ) -> History:  # fmt: skip
        """Quantile of the column at a level from 0 to 1: `quantile("amount", 0.9, days(30))`.

        Interpolated between two values: type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages",
        The American Statistician 50 (1996); `method="linear"` of NumPy.
        """
        return self._feature(
            "quantile", column, window, Options(name, description, owner, unit, empty, lag, where), level=level
        )

    def median(
        self, column: str, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """The quantile at level 0.5."""
        return self._feature(
            "quantile", column, window, Options(name, description, owner, unit, empty, lag, where), level=0.5
        )

    def mode(
        self, column: str, window: Window | None = None, *, values: tuple[str, ...] = (), name: str = "",
        description: str = "", owner: str = "", unit: str = "", empty: float | None = None,
        lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """The most frequent value of the column; of equally frequent values the smallest.

        For a text column `values` lists the texts that a model distinguishes, as for a `Category`; the feature is then
        a category.
        """
        return self._feature(
            "mode", column, window, Options(name, description, owner, unit, empty, lag, where), values=values
        )

    def time_between(
        self, statistic: Statistic, window: Window | None = None, *, name: str = "", description: str = "",
        owner: str = "", unit: str = "", empty: float | None = None, lag: timedelta | None = None,
        where: Where | None = None,
    ) -> History:  # fmt: skip
        """Mean, min, max or std of the days between consecutive events of the window: `time_between("mean")`."""
        if statistic not in get_args(Statistic):
            raise FeatureError(
                f"time_between of '{self.source}': {statistic!r}; write one of {', '.join(get_args(Statistic))}"
            )
        kind: Kind = f"{statistic}_time_between"  # type: ignore[assignment]
        return self._feature(kind, None, window, Options(name, description, owner, unit, empty, lag, where))

    def streak(
        self, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
        **conditions: object,
    ) -> History:  # fmt: skip
        """Number of latest consecutive events that meet the conditions, written as in `where`: `streak(status="late")`.

        Of simultaneous events without a sequence, those that break the streak count as the later ones.
        """
        return self._feature(
            "streak", None, window, Options(name, description, owner, unit, empty, lag, where), predicates(conditions)
        )

    def slope(
        self, column: str, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """Daily slope of the column's least-squares line; missing where all events have the same time."""
        return self._feature("slope", column, window, Options(name, description, owner, unit, empty, lag, where))

    def decayed_count(
        self, half_life: timedelta, window: Window | None = None, *, name: str = "", description: str = "",
        owner: str = "", unit: str = "", empty: float | None = None, lag: timedelta | None = None,
        where: Where | None = None,
    ) -> History:  # fmt: skip
        """Number of events, each weighted by 2 ** -(age / half_life).

        `assets.features.kernel.aggregates.decay` states the error bound.
        """
        return self._feature(
            "decayed_count",
            None,
            window,
            Options(name, description, owner, unit, empty, lag, where),
            half_life=half_life,
        )

    def decayed_sum(
        self, column: str, half_life: timedelta, window: Window | None = None, *, name: str = "", description: str = "",
        owner: str = "", unit: str = "", empty: float | None = None, lag: timedelta | None = None,
        where: Where | None = None,
    ) -> History:  # fmt: skip
        """Sum of the column, each event weighted by 2 ** -(age / half_life).

        `assets.features.kernel.aggregates.decay` states the error bound.
        """
        return self._feature(
            "decayed_sum",
            column,
            window,
            Options(name, description, owner, unit, empty, lag, where),
            half_life=half_life,
        )

    def time_since_last(
        self, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """Days from the latest event to the decision; the request itself does not count."""
        return self._feature(
            "time_since_last", None, window, Options(name, description, owner, unit, empty, lag, where)
        )

    def time_since_first(
        self, window: Window | None = None, *, name: str = "", description: str = "", owner: str = "",
        unit: str = "", empty: float | None = None, lag: timedelta | None = None, where: Where | None = None,
    ) -> History:  # fmt: skip
        """Days from the window's earliest event to the decision; the request itself does not count."""
        return self._feature(
            "time_since_first", None, window, Options(name, description, owner, unit, empty, lag, where)
        )
