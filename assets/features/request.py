"""How one column of the request is declared as a feature, as frozen values.

Belongs here: numbers, and texts with the three ways in which a model may take them. Does not belong here: features over
events (`declarations.py`), the matrix that a model takes (`encoding.py`).
"""

from dataclasses import dataclass

from assets.features.conditions import FeatureError, checked

RESERVED = ("as_of", "day", "event_time", "known_at", "sequence")
MOST_COLUMNS = 1_000
"""More columns than this are no category: each of them is a column of the model's matrix."""


def checked_feature(name: str) -> str:
    """The name, when a feature may have it.

    Raises:
        FeatureError: It is no name, or the feature table uses it for something else.
    """
    if checked(name, "feature") in RESERVED:
        raise FeatureError(f"feature '{name}': the feature table has its own column of that name; choose another")
    return name


def checked_key(name: str, what: str) -> str:
    """The name, when an entity key column may have it.

    Raises:
        FeatureError: It is no name, or the feature table and events use it for something else.
    """
    if checked(name, f"{what}: key") in RESERVED:
        raise FeatureError(
            f"{what}: key '{name}'; events and the feature table have their own column of that name: give the source's "
            "column another one"
        )
    return name


def checked_values(values: object, what: str) -> tuple[str, ...]:
    """The values of a category, when they are different texts.

    Raises:
        FeatureError: They are not.
    """
    if isinstance(values, str) or not isinstance(values, (tuple, list)) or not values:
        raise FeatureError(f"{what}: values={values!r}; write a tuple of the values it may have")
    if len(set(values)) != len(values) or not all(isinstance(v, str) and v for v in values):
        raise FeatureError(f"{what}: values {values} must be different, non-empty texts")
    return tuple(values)


@dataclass(frozen=True)
class Number:
    """A numeric column of the request, used as it is; also its column's name."""

    name: str
    unit: str = ""
    description: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        checked_feature(self.name)


@dataclass(frozen=True)
class Category:
    """A text column of the request with a known set of values; also its column's name.

    Attributes:
        values: The values that a model may tell apart; any other value counts as none of them.
    """

    name: str
    values: tuple[str, ...]
    description: str = ""
    owner: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        checked_feature(self.name)
        object.__setattr__(self, "values", checked_values(self.values, f"category '{self.name}'"))


@dataclass(frozen=True)
class LearnedCategory:
    """A text column of the request whose values are learned from the training rows; also its column's name.

    The values kept are the `top` most frequent ones among those that stand in at least `at_least` training rows (ties:
    the smaller text); every other value is "other". They are kept in the bundle, and never learned from rows that a
    model is judged on.
    """

    name: str
    top: int | None = None
    at_least: int | None = None
    description: str = ""
    owner: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        checked_feature(self.name)
        if self.top is None and self.at_least is None:
            raise FeatureError(f"category '{self.name}': which values are kept? write top=20, at_least=50 or both")
        for word, value in (("top", self.top), ("at_least", self.at_least)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise FeatureError(f"category '{self.name}': {word}={value!r}; write a whole number from 1 on")
        if self.top is not None and self.top > MOST_COLUMNS:
            raise FeatureError(f"category '{self.name}': top={self.top}; write at most {MOST_COLUMNS}")


@dataclass(frozen=True)
class HashedCategory:
    """A text column of the request, of any number of values, as one of so many buckets; also its column's name.

    A value's bucket is its BLAKE2b hash modulo `buckets`: the same on every machine and in every version. Values that
    share a bucket are one to the model.
    """

    name: str
    buckets: int
    description: str = ""
    owner: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        checked_feature(self.name)
        if isinstance(self.buckets, bool) or not isinstance(self.buckets, int) or not 2 <= self.buckets <= MOST_COLUMNS:
            raise FeatureError(
                f"category '{self.name}': buckets={self.buckets!r}; write a whole number from 2 to {MOST_COLUMNS}"
            )


Text = Category | LearnedCategory | HashedCategory
"""Every way of a text."""
