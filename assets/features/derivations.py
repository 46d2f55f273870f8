"""Features that are computed from other features of the same row, as frozen declarations.

Belongs here: what may be derived, and the meaning of each. Does not belong here: the arithmetic (`derived.py`), the
check against the rest of the feature set (`vocabulary.py`, which re-exports all of this).
"""

import math
from dataclasses import dataclass, field
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from assets.features.conditions import LATER, FeatureError
from assets.features.request import checked_feature


class _Derived:
    """What derived features have in common: a checked name, inputs, a sentence."""

    name: str

    def __post_init__(self) -> None:
        checked_feature(self.name)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Features that it is computed from."""
        return ()

    @property
    def sentence(self) -> str:
        """Its meaning, when no description is given."""
        raise NotImplementedError


@dataclass(frozen=True)
class Ratio(_Derived):
    """numerator / denominator; missing where either is missing or the denominator is 0."""

    name: str
    numerator: str
    denominator: str
    description: str = ""
    owner: str = ""
    unit: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.numerator, self.denominator)

    @property
    def sentence(self) -> str:
        return f"Ratio of {self.numerator} to {self.denominator}"


@dataclass(frozen=True)
class Difference(_Derived):
    """left - right; missing where either is missing."""

    name: str
    left: str
    right: str
    description: str = ""
    owner: str = ""
    unit: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.left, self.right)

    @property
    def sentence(self) -> str:
        return f"{self.left} less {self.right}"


@dataclass(frozen=True)
class Log1p(_Derived):
    """log(1 + of); missing where it is missing or not above -1."""

    name: str
    of: str
    description: str = ""
    owner: str = ""
    unit: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.of,)

    @property
    def sentence(self) -> str:
        return f"Natural logarithm of one more than {self.of}"


@dataclass(frozen=True)
class Log(_Derived):
    """Natural logarithm of `of`; missing where it is missing or not above 0."""

    name: str
    of: str
    description: str = ""
    owner: str = ""
    unit: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.of,)

    @property
    def sentence(self) -> str:
        return f"Natural logarithm of {self.of}"


@dataclass(frozen=True)
class SignedLog(_Derived):
    """log(1 + of) of a value above 0, -log(1 - of) of one below: for amounts of both signs, such as balances."""

    name: str
    of: str
    description: str = ""
    owner: str = ""
    unit: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.of,)

    @property
    def sentence(self) -> str:
        return f"Natural logarithm of one more than the size of {self.of}, with its sign"


@dataclass(frozen=True)
class Clip(_Derived):
    """`of`, but at least `low` and at most `high`; missing where it is missing."""

    name: str
    of: str
    low: float | None = None
    high: float | None = None
    description: str = ""
    owner: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        bounds = [bound for bound in (self.low, self.high) if bound is not None]
        if not bounds or not all(math.isfinite(bound) for bound in bounds) or bounds != sorted(bounds):
            raise FeatureError(
                f"clip '{self.name}': low={self.low!r}, high={self.high!r}; write one bound or both, low before high"
            )

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.of,)

    @property
    def sentence(self) -> str:
        bounds = (("at least", self.low), ("at most", self.high))
        return f"{self.of}, " + " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)


@dataclass(frozen=True)
class Sum(_Derived):
    """Sum of features of the same unit, added in their order; missing where one of them is missing."""

    name: str
    of: tuple[str, ...]
    description: str = ""
    owner: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.of, str) or len(self.of) < 2:
            raise FeatureError(f"sum '{self.name}': of={self.of!r}; write a tuple of two or more features")
        object.__setattr__(self, "of", tuple(self.of))

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.of

    @property
    def sentence(self) -> str:
        return f"Sum of {', '.join(self.of[:-1])} and {self.of[-1]}"


@dataclass(frozen=True)
class Product(_Derived):
    """left * right; missing where either is missing."""

    name: str
    left: str
    right: str
    description: str = ""
    owner: str = ""
    unit: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.left, self.right)

    @property
    def sentence(self) -> str:
        return f"{self.left} times {self.right}"


@dataclass(frozen=True)
class Missing(_Derived):
    """1 where the feature is missing, else 0."""

    name: str
    of: str
    description: str = ""
    owner: str = ""
    unit: str = "flag"

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.of,)

    @property
    def sentence(self) -> str:
        return f"Whether {self.of} is missing"


@dataclass(frozen=True)
class Trend(_Derived):
    """Rate per day in a short window over the rate in a longer one: 1 is steady, 2 is twice as much lately.

    Both are counts or sums over windows, by name. Missing where either is missing or the longer one is 0.
    """

    name: str
    recent: str
    longer: str
    description: str = ""
    owner: str = ""
    unit: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.recent, self.longer)

    @property
    def sentence(self) -> str:
        return f"Daily rate of {self.recent} relative to that of {self.longer}"


class _Moment(_Derived):
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

    name: str
    description: str = ""
    owner: str = ""
    unit: str = "flag"
    zone: str = field(default="UTC", metadata=LATER)

    @property
    def sentence(self) -> str:
        return f"Whether the decision falls on a Saturday or Sunday ({self.zone})"


@dataclass(frozen=True)
class Night(_Moment):
    """1 when the hour of the decision is at most `until_hour`, else 0."""

    name: str
    until_hour: int = 6
    description: str = ""
    owner: str = ""
    unit: str = "flag"
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

    name: str
    description: str = ""
    owner: str = ""
    unit: str = ""
    zone: str = field(default="UTC", metadata=LATER)

    @property
    def sentence(self) -> str:
        return f"Day of the week of the decision ({self.zone}), 0 is Monday"


@dataclass(frozen=True)
class Hour(_Moment):
    """Hour of the decision, 0 to 23."""

    name: str
    description: str = ""
    owner: str = ""
    unit: str = "hour"
    zone: str = field(default="UTC", metadata=LATER)

    @property
    def sentence(self) -> str:
        return f"Hour of the decision ({self.zone})"


Derived = (
    Ratio | Difference | Log1p | Missing | Trend | Weekend | Night | DayOfWeek | Hour | Log | SignedLog | Clip | Sum
    | Product
)  # fmt: skip
