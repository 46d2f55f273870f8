"""The events that count for a feature, and the options that every feature over them has.

Belongs here: source, entity, time axis and conditions of the events, their checks, the default name. Does not belong
here: the methods by which a product declares an aggregate (`events.py`), the declared feature (`history.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Self

from assets.vocabulary import wording
from assets.vocabulary.aggregates import UNITS, Kind, check_half_life, check_level
from assets.vocabulary.base import RESERVED, WHOLE, checked_key
from assets.vocabulary.conditions import FeatureError, Predicate, checked, predicates
from assets.vocabulary.history import History
from assets.vocabulary.times import TIMES, TimeAxis
from assets.vocabulary.windows import Window, checked_lag, checked_window
from resources.naming import is_name

Where = Mapping[str, object]
"""Conditions by column, with the values that `Selection.where` takes: `{"channel": "web", "amount": at_least(100)}`."""


@dataclass(frozen=True)
class Options:
    """The named options of every feature over events.

    Attributes:
        name: Its name; empty for one made of source, kind, column and window.
        description: Its meaning in one sentence; empty where the definition is enough.
        owner: Who answers for it; empty for the owner of the feature set.
        unit: Unit of its values; empty for the unit that follows from the definition.
        empty: Its value where too few events have a value; `None` is missing.
        lag: Time between the end of the window and the decision; `None` for no lag.
        where: Conditions that an event must meet, beside those of `Events.where`.
    """

    name: str
    description: str
    owner: str
    unit: str
    empty: float | None
    lag: timedelta | None
    where: Where | None


@dataclass(frozen=True)
class Selection:
    """The events of a source that count, by one entity key.

    `Events` says what each field means.
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

    def where(self, **conditions: object) -> Self:
        """The events that meet every condition: `column=value`, `column=(values...)`, `column=at_least(x)`."""
        if not conditions:
            raise FeatureError(f"events of '{self.source}': where() without a condition; write where(column=value)")
        return replace(self, filters=(*self.filters, *predicates(conditions)))

    def _feature(
        self,
        kind: Kind,
        column: str | None,
        window: Window | None,
        options: Options,
        share: tuple[Predicate, ...] = (),
        *,
        level: float | None = None,
        half_life: timedelta | None = None,
        values: tuple[str, ...] = (),
    ) -> History:
        label = f"{kind} of '{self.source}'"
        checked_window(window, label)
        checked_lag(options.lag, window, label)
        check_level(kind, level, label)
        check_half_life(kind, half_life, label)
        chosen = self if options.where is None else self.where(**options.where)
        name = options.name
        if not name:
            parts = wording.kind_label(kind, column, level, half_life)
            name = wording.default_name(self.source, chosen.filters, parts, share, window, options.lag)
            if not is_name(name):
                raise FeatureError(f"{label}: its default name {name!r} is not a name; give name=")
        return History(
            name=name,
            description=options.description,
            owner=options.owner,
            unit=options.unit or UNITS.get(kind, ""),
            kind=kind,
            source=self.source,
            key=self.key,
            column=column,
            window=window,
            filters=chosen.filters,
            share=share,
            time=self.time,
            includes_request=self.includes_request,
            empty=options.empty,
            lag=options.lag,
            record_key=self.record_key,
            level=level,
            half_life=half_life,
            values=values,
        )
