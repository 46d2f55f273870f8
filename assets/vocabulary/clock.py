"""Features of the decision time, as frozen declarations.

Belongs here: hour, day of week and the like, in UTC or in local time. Does not belong here: their computation
(`assets.features.kernel.derive`, `assets.features.kernel.calendars`), anything about events.
"""

from dataclasses import dataclass, field
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from assets.vocabulary.conditions import OMIT_DEFAULT, FeatureError
from assets.vocabulary.derived import DerivedFeature


class _OfDecisionTime(DerivedFeature):
    """Computed from the decision time, in UTC or in the local time of an IANA zone ("Europe/Berlin")."""

    zone: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_zone(self.zone):
            raise FeatureError(
                f"feature '{self.name}': zone={self.zone!r} is no time zone; write an IANA name such as 'Europe/Berlin'"
            )


@cache
def is_zone(name: object) -> bool:
    """Whether the value is the IANA name of a time zone."""
    try:
        return isinstance(name, str) and ZoneInfo(name).key == name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


@dataclass(frozen=True)
class Weekend(_OfDecisionTime):
    """1 when the decision falls on a Saturday or Sunday, else 0."""

    unit: str = field(default="flag", kw_only=True)
    zone: str = field(default="UTC", metadata=OMIT_DEFAULT)

    @property
    def sentence(self) -> str:
        return f"Whether the decision falls on a Saturday or Sunday ({self.zone})"


@dataclass(frozen=True)
class Night(_OfDecisionTime):
    """1 when the hour of the decision is at most `until_hour`, else 0."""

    until_hour: int = 6
    unit: str = field(default="flag", kw_only=True)
    zone: str = field(default="UTC", metadata=OMIT_DEFAULT)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.until_hour <= 23:
            raise FeatureError(f"night '{self.name}': until_hour={self.until_hour}; write an hour from 0 to 23")

    @property
    def sentence(self) -> str:
        return f"Whether the hour of the decision is at most {self.until_hour} ({self.zone})"


@dataclass(frozen=True)
class DayOfWeek(_OfDecisionTime):
    """Day of the week of the decision: 0 is Monday."""

    zone: str = field(default="UTC", metadata=OMIT_DEFAULT)

    @property
    def sentence(self) -> str:
        return f"Day of the week of the decision ({self.zone}), 0 is Monday"


@dataclass(frozen=True)
class Hour(_OfDecisionTime):
    """Hour of the decision, 0 to 23."""

    unit: str = field(default="hour", kw_only=True)
    zone: str = field(default="UTC", metadata=OMIT_DEFAULT)

    @property
    def sentence(self) -> str:
        return f"Hour of the decision ({self.zone})"


DecisionTimeFeature = Weekend | Night | DayOfWeek | Hour
