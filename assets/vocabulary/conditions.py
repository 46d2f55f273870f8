"""Conditions on events, names and lengths of time: the parts of declarations.

Belongs here: `where` predicates, `days` and `hours`, the error of a wrong declaration. Does not belong here:
declarations (`history.py`), windows (`windows.py`), applying conditions to data (`assets.features.columns.columns`).
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from resources.errors import LooplineError
from resources.naming import is_name

Value = str | int | float | bool
Test = Literal["in", "at_least", "below"]

OMIT_DEFAULT = {"omit_default": True}
"""Metadata of a dataclass field that JSON records omit at its default.

A field that is added later carries it, so that a recorded feature set without the field keeps its digest.
"""


class FeatureError(LooplineError):
    """A feature is declared wrongly, or its data is not valid; the message names it and the remedy."""


def days(n: float) -> timedelta:
    """A window of n days of 24 hours."""
    return _length(n, "days")


def hours(n: float) -> timedelta:
    """A window of n hours."""
    return _length(n, "hours")


def _length(n: float, unit: Literal["days", "hours"]) -> timedelta:
    try:
        return timedelta(**{unit: n})
    except (OverflowError, ValueError) as error:
        raise FeatureError(f"{unit}({n!r}) is no length of time; write a number as in {unit}(30)") from error


def checked(name: str, label: str) -> str:
    """Returns the name if it is a lower-case identifier of at most 63 characters.

    Raises:
        FeatureError: It is not.
    """
    if not is_name(name):
        raise FeatureError(f"{label} {name!r} is not a name: write at most 63 lower-case letters, digits and _")
    return name


@dataclass(frozen=True)
class Bound:
    """A numeric comparison inside `where`, as `at_least` and `below` return it."""

    test: Test
    value: float


def at_least(value: float) -> Bound:
    """Matches numbers >= value."""
    return Bound("at_least", value)


def below(value: float) -> Bound:
    """Matches numbers < value."""
    return Bound("below", value)


@dataclass(frozen=True)
class Predicate:
    """A condition on one column of an event; a missing value never matches.

    Attributes:
        test: `in` (equal to one of the values), `at_least` or `below` (compared with the only value).
    """

    column: str
    test: Test
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        checked(self.column, "column of where()")
        if not self.values:
            raise FeatureError(f"where({self.column}=()): no value can match; name at least one")
        for value in self.values:
            if not isinstance(value, (str, int, float)) or (isinstance(value, float) and not math.isfinite(value)):
                raise FeatureError(f"where({self.column}={value!r}): write a text, a finite number or a boolean")
        if len({isinstance(value, str) for value in self.values}) > 1:
            raise FeatureError(f"where({self.column}={self.values}): texts and numbers cannot be mixed")
        if self.test != "in" and (len(self.values) != 1 or isinstance(self.values[0], str)):
            raise FeatureError(f"where({self.column}={self.test}({self.values})): compare with one number")

    @property
    def is_text(self) -> bool:
        """Whether the column must hold text."""
        return isinstance(self.values[0], str)


def predicates(conditions: dict[str, object]) -> tuple[Predicate, ...]:
    """The conditions of `where()` as predicates, in a canonical order."""
    found = []
    for column, value in conditions.items():
        if isinstance(value, Bound):
            found.append(Predicate(column, value.test, (value.value,)))
        elif isinstance(value, (tuple, list, set, frozenset)):
            found.append(Predicate(column, "in", tuple(sorted(set(value), key=lambda v: (str(type(v)), v)))))
        else:
            found.append(Predicate(column, "in", (value,)))  # type: ignore[arg-type]
    return tuple(sorted(found, key=lambda p: (p.column, p.test)))
