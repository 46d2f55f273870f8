"""The plan of a feature set: which features are computed together.

Belongs here: grouping history features by the events they read, and within a group by the work they share. Does not
belong here: computing them (`kernel.py`, `aggregates`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from assets.features.columns.columns import ColumnNeeds
from assets.features.kernel.aggregates.compute import FAMILY_OF
from assets.features.kernel.scope import Filters, Measure, Member
from assets.features.kernel.windows import Span
from assets.vocabulary import (
    ALGEBRAIC,
    COUNTED,
    SUMMED,
    Calendar,
    FeatureError,
    FeatureSet,
    History,
    LastEvents,
    Window,
)
from assets.vocabulary.times import TimeAxis, other_time
from assets.vocabulary.windows import MICROSECOND

_SLICED = ALGEBRAIC | {"last", "distinct"}


@dataclass(frozen=True)
class Group:
    """Features over the events of one source by one key on one time axis, in windows with the same end.

    Attributes:
        time: The axis of the windows.
        includes_request: Whether the request counts as an event.
        sequenced: Whether the source is the spine's, so that its events have the spine's sequence.
        record_key: The column that identifies a record, where the source sends revisions.
        names: The features, in the order of the group's values.
        end: The end of the windows: microseconds before the decision, or the start of a calendar's current period.
        windows: The different windows.
        lookback: The longest time before the decision at which an event can count, in microseconds; None for all
            history.
        orders_ties: Whether the order of simultaneous events matters.
        needs: The columns that are read of the events, and of the request where it counts as one.
        filters: The different combinations of conditions.
    """

    source: str
    key: str
    time: TimeAxis
    includes_request: bool
    sequenced: bool
    record_key: str | None
    names: tuple[str, ...]
    end: int | Calendar
    windows: tuple[Span, ...]
    lookback: int | None
    orders_ties: bool
    needs: ColumnNeeds
    filters: tuple[Filters, ...]
    measures: tuple[Measure, ...]

    @property
    def other(self) -> str:
        """The time that is not the axis of the windows."""
        return other_time(self.time)


def groups_of(features: FeatureSet, resolutions: Mapping[str, Mapping[str, float]]) -> tuple[Group, ...]:
    """The groups of a feature set, in order of first use.

    Raises:
        FeatureError: A column without a resolution in its contract is added up.
    """
    grouped: dict[tuple[Any, ...], list[History]] = {}
    for feature in features.history:
        key = (feature.source, feature.key, feature.time, feature.includes_request, feature.record_key, feature.end)
        grouped.setdefault(key, []).append(feature)
    return tuple(_group(members, resolutions) for members in grouped.values())


def _group(features: list[History], resolutions: Mapping[str, Mapping[str, float]]) -> Group:
    first = features[0]
    windows = tuple(dict.fromkeys(_span(feature.window) for feature in features))
    filters = tuple(dict.fromkeys(part for f in features for part in (f.filters, f.filters + f.share)))
    lookbacks = [feature.lookback for feature in features]
    finite = [lookback // MICROSECOND for lookback in lookbacks if lookback is not None]
    return Group(
        source=first.source,
        key=first.key,
        time=first.time,
        includes_request=first.counts_request,
        sequenced=first.includes_request,
        record_key=first.record_key,
        names=tuple(feature.name for feature in features),
        end=first.end if isinstance(first.end, Calendar) else first.end // MICROSECOND,
        windows=windows,
        lookback=max(finite) if len(finite) == len(lookbacks) else None,
        orders_ties=first.includes_request
        or any(f.kind in ("last", "first", "streak") or isinstance(f.window, LastEvents) for f in features),
        needs=ColumnNeeds(
            predicates=tuple(dict.fromkeys(p for f in features for p in (*f.filters, *f.share))),
            numbers=_columns((f for f in features if not f.is_text), ("min", "max", "last", "first", "mode")),
            exact={name: _resolution(features, name, resolutions) for name in _columns(features, SUMMED)},
            codes=_columns(features, ("distinct",)),
            texts=_columns((f for f in features if f.is_text), ("mode",)),
        ),
        filters=filters,
        measures=_measures(features, windows, filters),
    )


def _span(window: Window | None) -> Span:
    return window // MICROSECOND if isinstance(window, timedelta) else window


def _columns(features: Iterable[History], kinds: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(f.column) for f in features if f.kind in tuple(kinds)))


def _resolution(features: list[History], column: str, resolutions: Mapping[str, Mapping[str, float]]) -> Fraction:
    source = features[0].source
    declared = resolutions.get(source, {}).get(column)
    if declared is None:
        user = next(f.name for f in features if f.column == column and f.kind in SUMMED)
        raise FeatureError(
            f"feature '{user}' adds up {source}.{column}, which has no resolution: sums are exact, so give the "
            f"column one in the contract of '{source}' (resolution: 0.01 for cents, 1 for whole numbers and flags)"
        )
    resolution = Fraction(repr(float(declared)))
    if resolution <= 0:
        raise FeatureError(f"{source}.{column}: resolution {declared} in its contract; write a positive step")
    return resolution


def _measures(features: list[History], windows: tuple[Span, ...], filters: tuple[Filters, ...]) -> tuple[Measure, ...]:
    grouped: dict[tuple[str, Filters, str | None], list[int]] = {}
    for slot, feature in enumerate(features):
        family = FAMILY_OF[feature.kind]
        # The earliest and the latest event are found once for all columns and for the age.
        column = None if family in ("count", "earliest", "latest") else feature.column
        grouped.setdefault((family, feature.filters, column), []).append(slot)
    measures = []
    for (family, conditions, column), slots in grouped.items():
        used = sorted({windows.index(_span(features[slot].window)) for slot in slots})
        measures.append(
            Measure(
                family=family,
                filters=filters.index(conditions),
                column=column,
                windows=tuple(used),
                all_history=tuple(windows[number] is None for number in used),
                sliced=all(features[slot].kind in _SLICED for slot in slots)
                and not any(isinstance(windows[number], LastEvents) for number in used),
                members=tuple(_member(features[slot], slot, used, windows, filters) for slot in slots),
            )
        )
    return tuple(measures)


def _member(
    feature: History, slot: int, used: list[int], windows: tuple[Span, ...], filters: tuple[Filters, ...]
) -> Member:
    span = windows.index(_span(feature.window))
    empty = 0.0 if feature.kind in COUNTED else float("nan")
    return Member(
        slot=slot,
        kind=feature.kind,
        column=feature.column if feature.kind in ("last", "first") else None,
        window=used.index(span),
        span=span,
        share_filters=filters.index(feature.filters + feature.share),
        empty=empty if feature.empty is None else feature.empty,
        level=feature.fraction if feature.kind == "quantile" else None,
        half_life=None if feature.half_life is None else feature.half_life // MICROSECOND,
        is_text=feature.is_text,
    )
