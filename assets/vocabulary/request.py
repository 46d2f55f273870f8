"""Columns of the request as features, as frozen values.

Belongs here: numbers, and texts in three encodings. Does not belong here: features over events (`history.py`), the
encoded matrix (`assets.bundle.encoder`).
"""

from dataclasses import dataclass

from assets.vocabulary.base import Declared
from assets.vocabulary.conditions import FeatureError

MOST_COLUMNS = 1_000
"""Upper bound of a category's columns in the model's matrix."""


def checked_values(values: object, label: str) -> tuple[str, ...]:
    """Returns the values of a category if they are different, non-empty texts.

    Raises:
        FeatureError: They are not.
    """
    if isinstance(values, str) or not isinstance(values, (tuple, list)) or not values:
        raise FeatureError(f"{label}: values={values!r}; write a tuple of the values it may have")
    if len(set(values)) != len(values) or not all(isinstance(v, str) and v for v in values):
        raise FeatureError(f"{label}: values {values} must be different, non-empty texts")
    return tuple(values)


@dataclass(frozen=True)
class Number(Declared):
    """A numeric column of the request, unchanged; the feature has the name of the column."""


@dataclass(frozen=True)
class Category(Declared):
    """A text column of the request with a known set of values; the feature has the name of the column.

    Attributes:
        values: The values that a model distinguishes. Every other text that the contract allows counts as none of them,
            in training and in a request alike: all columns of the category are 0. A text that the contract does not
            allow gets no further than the contract: its row is quarantined, its request is refused. Null is a missing
            value, which is not the same as none of them.
    """

    values: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "values", checked_values(self.values, f"category '{self.name}'"))


@dataclass(frozen=True)
class LearnedCategory(Declared):
    """A text column of the request whose values are learned from the training rows; the feature has its name.

    The `top` most frequent values that at least `at_least` training rows have are kept (of equally frequent values the
    smaller text); every other value is "other". The bundle stores the kept values. They are never learned from rows on
    which a model is evaluated.
    """

    top: int | None = None
    at_least: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.top is None and self.at_least is None:
            raise FeatureError(f"category '{self.name}': which values are kept? write top=20, at_least=50 or both")
        for word, value in (("top", self.top), ("at_least", self.at_least)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise FeatureError(f"category '{self.name}': {word}={value!r}; write a whole number from 1 on")
        if self.top is not None and self.top > MOST_COLUMNS:
            raise FeatureError(f"category '{self.name}': top={self.top}; write at most {MOST_COLUMNS}")


@dataclass(frozen=True)
class HashedCategory(Declared):
    """A text column of the request, its values hashed into buckets; the feature has the name of the column.

    A value's bucket is its BLAKE2b hash modulo `buckets`: the same on every machine and in every version. A model
    cannot distinguish values of the same bucket.
    """

    buckets: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.buckets, bool) or not isinstance(self.buckets, int) or not 2 <= self.buckets <= MOST_COLUMNS:
            raise FeatureError(
                f"category '{self.name}': buckets={self.buckets!r}; write a whole number from 2 to {MOST_COLUMNS}"
            )


Text = Category | LearnedCategory | HashedCategory
"""Every encoding of a text column."""
