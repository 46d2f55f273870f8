"""Features that are computed from other features of the same row, as frozen declarations.

Belongs here: what may be derived, and the meaning of each. Does not belong here: the arithmetic (`derived.py`), the
check against the rest of the feature set (`vocabulary.py`, which re-exports all of this).
"""

from dataclasses import dataclass

from assets.features.conditions import FeatureError
from assets.features.declarations import checked_feature


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


@dataclass(frozen=True)
class Weekend(_Derived):
    """1 when the decision falls on a Saturday or Sunday (UTC), else 0."""

    name: str
    description: str = ""
    owner: str = ""
    unit: str = "flag"

    @property
    def sentence(self) -> str:
        return "Whether the decision falls on a Saturday or Sunday (UTC)"


@dataclass(frozen=True)
class Night(_Derived):
    """1 when the hour of the decision (UTC) is at most `until_hour`, else 0."""

    name: str
    until_hour: int = 6
    description: str = ""
    owner: str = ""
    unit: str = "flag"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.until_hour <= 23:
            raise FeatureError(f"night '{self.name}': until_hour={self.until_hour}; write an hour from 0 to 23")

    @property
    def sentence(self) -> str:
        return f"Whether the hour of the decision is at most {self.until_hour} (UTC)"


@dataclass(frozen=True)
class DayOfWeek(_Derived):
    """Day of the week of the decision (UTC): 0 is Monday."""

    name: str
    description: str = ""
    owner: str = ""
    unit: str = ""

    @property
    def sentence(self) -> str:
        return "Day of the week of the decision (UTC), 0 is Monday"


@dataclass(frozen=True)
class Hour(_Derived):
    """Hour of the decision (UTC), 0 to 23."""

    name: str
    description: str = ""
    owner: str = ""
    unit: str = "hour"

    @property
    def sentence(self) -> str:
        return "Hour of the decision (UTC)"


Derived = Ratio | Difference | Log1p | Missing | Trend | Weekend | Night | DayOfWeek | Hour
