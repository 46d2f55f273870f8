"""Features computed from other features of the same row, as frozen declarations.

Belongs here: a class for each operation. Does not belong here: the arithmetic (`assets.features.kernel.derive`),
features of the decision time (`clock.py`), the check against the rest of the feature set (`feature_set.py`).
"""

import math
from dataclasses import dataclass, field

from assets.vocabulary.base import Declared
from assets.vocabulary.conditions import FeatureError


class DerivedFeature(Declared):
    """A named feature with inputs and a definition in words."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features that it is computed from."""
        return ()

    @property
    def sentence(self) -> str:
        """Its definition in words."""
        raise NotImplementedError


@dataclass(frozen=True)
class _OfOne(DerivedFeature):
    """Computed from one feature."""

    of: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.of,)


@dataclass(frozen=True)
class _OfTwo(DerivedFeature):
    """Computed from two features, in this order."""

    left: str
    right: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.left, self.right)


@dataclass(frozen=True)
class Ratio(DerivedFeature):
    """numerator / denominator; missing where either is missing or the denominator is 0."""

    numerator: str
    denominator: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.numerator, self.denominator)

    @property
    def sentence(self) -> str:
        return f"Ratio of {self.numerator} to {self.denominator}"


@dataclass(frozen=True)
class Difference(_OfTwo):
    """left - right; missing where either is missing."""

    @property
    def sentence(self) -> str:
        return f"{self.left} minus {self.right}"


@dataclass(frozen=True)
class Log1p(_OfOne):
    """log(1 + of); missing where `of` is missing or not above -1."""

    @property
    def sentence(self) -> str:
        return f"Natural logarithm of 1 + {self.of}"


@dataclass(frozen=True)
class Log(_OfOne):
    """log(of); missing where `of` is missing or not above 0."""

    @property
    def sentence(self) -> str:
        return f"Natural logarithm of {self.of}"


@dataclass(frozen=True)
class SignedLog(_OfOne):
    """log(1 + of) for values from 0 on, -log(1 - of) for negative ones: for amounts of both signs, such as balances."""

    @property
    def sentence(self) -> str:
        return f"Natural logarithm of 1 + |{self.of}|, with the sign of {self.of}"


@dataclass(frozen=True)
class Clip(_OfOne):
    """`of`, raised to at least `low` and lowered to at most `high`; missing where `of` is missing."""

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        bounds = [bound for bound in (self.low, self.high) if bound is not None]
        if not bounds or not all(math.isfinite(bound) for bound in bounds) or bounds != sorted(bounds):
            raise FeatureError(
                f"clip '{self.name}': low={self.low!r}, high={self.high!r}; write one bound or both, low before high"
            )

    @property
    def sentence(self) -> str:
        bounds = (("at least", self.low), ("at most", self.high))
        return f"{self.of}, limited to " + " and ".join(
            f"{word} {bound:g}" for word, bound in bounds if bound is not None
        )


@dataclass(frozen=True)
class Sum(DerivedFeature):
    """Sum of features of the same unit, added in the given order; missing where one of them is missing."""

    of: tuple[str, ...]

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
class Multiply(_OfTwo):
    """left * right; missing where either is missing."""

    @property
    def sentence(self) -> str:
        return f"{self.left} times {self.right}"


@dataclass(frozen=True)
class Missing(_OfOne):
    """1 where the feature is missing, else 0."""

    unit: str = field(default="flag", kw_only=True)

    @property
    def sentence(self) -> str:
        return f"Whether {self.of} is missing"


@dataclass(frozen=True)
class Trend(DerivedFeature):
    """Daily rate in a short window divided by the daily rate in a longer one: 1 is steady, 2 is a recent doubling.

    `recent` and `longer` name counts or sums over windows. Missing where either is missing or `longer` is 0.
    """

    recent: str
    longer: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.recent, self.longer)

    @property
    def sentence(self) -> str:
        return f"Daily rate of {self.recent} relative to that of {self.longer}"


Arithmetic = Ratio | Difference | Log1p | Missing | Trend | Log | SignedLog | Clip | Sum | Multiply
