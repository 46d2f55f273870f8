"""Features that are computed from other features of the same row, as frozen declarations.

Belongs here: what may be derived, and the meaning of each. Does not belong here: the arithmetic (`derived.py`), the
moment of the decision (`decision_time.py`), the check against the rest of the feature set (`vocabulary.py`, which
re-exports all of this).
"""

import math
from dataclasses import dataclass

from assets.features.conditions import FeatureError
from assets.features.request import checked_feature


class DerivedFeature:
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
class Ratio(DerivedFeature):
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
class Difference(DerivedFeature):
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
class Log1p(DerivedFeature):
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
class Log(DerivedFeature):
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
class SignedLog(DerivedFeature):
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
class Clip(DerivedFeature):
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
class Sum(DerivedFeature):
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
class Product(DerivedFeature):
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
class Missing(DerivedFeature):
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
class Trend(DerivedFeature):
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


Arithmetic = Ratio | Difference | Log1p | Missing | Trend | Log | SignedLog | Clip | Sum | Product
