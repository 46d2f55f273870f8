"""From declared features to what is computed together.

Belongs here: grouping history features by the events they read, and within a group by what can share work.
Does not belong here: doing the work (`kernel.py`, `aggregates.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from assets.features.columns.columns import Needs
from assets.features.kernel.aggregates import FAMILY_OF
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

_MICROSECOND = timedelta(microseconds=1)
_SLICED = ALGEBRAIC | {"last", "distinct"}


@dataclass(frozen=True)
class Group:
    """Features over the events of one source by one key on one time axis, in windows with the same end.

    Attributes:
        includes_request: Whether the request counts as an event.
        sequenced: Whether the source is the spine's own, so that its events have the spine's order within a moment.
        fact: The column that names a fact, where facts are corrected.
        names: The features, in the order in which the group's values come.
        end: Where the windows end: so many microseconds before the decision, or before a calendar's current period.
        windows: Each window once.
        reach: How many microseconds before the decision events matter; None for all history.
        settled: Whether it matters which of two simultaneous events is the later one.
        needs: What is read of the events, and of the request when it counts as one.
        filters: Each combination of conditions that some feature asks for, once.
    """

    source: str
    key: str
    time: str
    includes_request: bool
    sequenced: bool
    fact: str | None
    names: tuple[str, ...]
    end: int | Calendar
    windows: tuple[Span, ...]
    reach: int | None
    settled: bool
    needs: Needs
    filters: tuple[Filters, ...]
    measures: tuple[Measure, ...]

    @property
    def other(self) -> str:
        """The time that is not the axis of the windows."""
        return "known_at" if self.time == "event_time" else "event_time"


def groups_of(features: FeatureSet, resolutions: Mapping[str, Mapping[str, float]]) -> tuple[Group, ...]:
    """The groups of a feature set, in order of first use.

    Raises:
        FeatureError: A column is added up and its contract gives it no resolution.
    """
    together: dict[tuple[Any, ...], list[History]] = {}
    for feature in features.history:
        key = (feature.source, feature.key, feature.time, feature.includes_request, feature.fact, feature.end)
        together.setdefault(key, []).append(feature)
    return tuple(_group(members, resolutions) for members in together.values())


def _group(features: list[History], resolutions: Mapping[str, Mapping[str, float]]) -> Group:
    first = features[0]
    windows = tuple(dict.fromkeys(_span(feature.window) for feature in features))
    filters = tuple(dict.fromkeys(part for f in features for part in (f.filters, f.filters + f.share)))
    reaches = [feature.reach for feature in features]
    finite = [reach // _MICROSECOND for reach in reaches if reach is not None]
    return Group(
        source=first.source,
        key=first.key,
        time=first.time,
        includes_request=first.counts_request,
        sequenced=first.includes_request,
        fact=first.fact,
        names=tuple(feature.name for feature in features),
        end=first.end if isinstance(first.end, Calendar) else first.end // _MICROSECOND,
        windows=windows,
        reach=max(finite) if len(finite) == len(reaches) else None,
        settled=first.includes_request
        or any(f.kind in ("last", "first", "streak") or isinstance(f.window, LastEvents) for f in features),
        needs=Needs(
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
    return window // _MICROSECOND if isinstance(window, timedelta) else window


def _columns(features: Iterable[History], kinds: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(f.column) for f in features if f.kind in tuple(kinds)))


def _resolution(features: list[History], column: str, resolutions: Mapping[str, Mapping[str, float]]) -> Fraction:
    source = features[0].source
    declared = resolutions.get(source, {}).get(column)
    if declared is None:
        user = next(f.name for f in features if f.column == column and f.kind in SUMMED)
        raise FeatureError(
            f"feature '{user}' adds up {source}.{column}, which has no resolution: sums are kept exact, so give the "
            f"column one in the contract of '{source}' (resolution: 0.01 for cents, 1 for whole numbers and flags)"
        )
    resolution = Fraction(repr(float(declared)))
    if resolution <= 0:
        raise FeatureError(f"{source}.{column}: resolution {declared} in its contract; write a positive step")
    return resolution


def _measures(features: list[History], windows: tuple[Span, ...], filters: tuple[Filters, ...]) -> tuple[Measure, ...]:
    together: dict[tuple[str, Filters, str | None], list[int]] = {}
    for slot, feature in enumerate(features):
        family = FAMILY_OF[feature.kind]
        # The first and the latest event are looked up once for all their columns, and for their age.
        column = None if family in ("count", "earliest", "latest") else feature.column
        together.setdefault((family, feature.filters, column), []).append(slot)
    measures = []
    for (family, conditions, column), slots in together.items():
        own = sorted({windows.index(_span(features[slot].window)) for slot in slots})
        measures.append(
            Measure(
                family=family,
                filters=filters.index(conditions),
                column=column,
                windows=tuple(own),
                all_history=tuple(windows[number] is None for number in own),
                sliced=all(features[slot].kind in _SLICED for slot in slots)
                and not any(isinstance(windows[number], LastEvents) for number in own),
                members=tuple(_member(features[slot], slot, own, windows, filters) for slot in slots),
            )
        )
    return tuple(measures)


def _member(
    feature: History, slot: int, own: list[int], windows: tuple[Span, ...], filters: tuple[Filters, ...]
) -> Member:
    span = windows.index(_span(feature.window))
    empty = 0.0 if feature.kind in COUNTED else float("nan")
    return Member(
        slot=slot,
        kind=feature.kind,
        column=feature.column if feature.kind in ("last", "first") else None,
        window=own.index(span),
        span=span,
        part=filters.index(feature.filters + feature.share),
        empty=empty if feature.empty is None else feature.empty,
        level=feature.fraction if feature.kind == "quantile" else None,
        half_life=None if feature.half_life is None else feature.half_life // _MICROSECOND,
        is_text=feature.is_text,
    )
