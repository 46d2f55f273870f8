"""Features of the moment of the decision, as frozen declarations.

Belongs here: what a clock or a calendar says at that moment, in UTC or in local time. Does not belong here: reading the
clock (`assets.features.kernel.derive`, `assets.features.kernel.calendars`), anything about events.
"""

from dataclasses import dataclass, field
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from assets.vocabulary.conditions import LATER, FeatureError
from assets.vocabulary.derived import DerivedFeature


class _Moment(DerivedFeature):
    """What is asked of the moment of the decision, in UTC or in the local time of an IANA zone ("Europe/Berlin")."""

    zone: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_zone(self.zone):
            raise FeatureError(
                f"feature '{self.name}': zone={self.zone!r} is no time zone; write an IANA name such as 'Europe/Berlin'"
            )


@cache
def is_zone(name: object) -> bool:
    """Whether it is the IANA name of a time zone."""
    try:
        return isinstance(name, str) and ZoneInfo(name).key == name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


@dataclass(frozen=True)
class Weekend(_Moment):
    """1 when the decision falls on a Saturday or Sunday, else 0."""

    unit: str = field(default="flag", kw_only=True)
    zone: str = field(default="UTC", metadata=LATER)

    @property
    def sentence(self) -> str:
        return f"Whether the decision falls on a Saturday or Sunday ({self.zone})"


@dataclass(frozen=True)
class Night(_Moment):
    """1 when the hour of the decision is at most `until_hour`, else 0."""

    until_hour: int = 6
    unit: str = field(default="flag", kw_only=True)
    zone: str = field(default="UTC", metadata=LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.until_hour <= 23:
            raise FeatureError(f"night '{self.name}': until_hour={self.until_hour}; write an hour from 0 to 23")

    @property
    def sentence(self) -> str:
        return f"Whether the hour of the decision is at most {self.until_hour} ({self.zone})"


@dataclass(frozen=True)
class DayOfWeek(_Moment):
    """Day of the week of the decision: 0 is Monday."""

    zone: str = field(default="UTC", metadata=LATER)

    @property
    def sentence(self) -> str:
        return f"Day of the week of the decision ({self.zone}), 0 is Monday"


@dataclass(frozen=True)
class Hour(_Moment):
    """Hour of the decision, 0 to 23."""

    unit: str = field(default="hour", kw_only=True)
    zone: str = field(default="UTC", metadata=LATER)

    @property
    def sentence(self) -> str:
        return f"Hour of the decision ({self.zone})"


DecisionTime = Weekend | Night | DayOfWeek | Hour
