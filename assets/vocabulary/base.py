"""The base of every feature declaration: a name and its documentation.

Belongs here: the common fields, and the names that no feature may have. Does not belong here: one kind of declaration
(`request.py`, `history.py`, `derived.py`, `clock.py`).
"""

from dataclasses import dataclass, field

from assets.vocabulary.conditions import FeatureError, checked
from assets.vocabulary.times import AS_OF, SEQUENCE, TIMES

MAX_STEPS = 2**53
"""From this number on, a double cannot distinguish neighbouring steps of a resolution."""
DAY = "day"
"""The partition column of the lake's tables."""
WHOLE = "whole_source"
"""The key of events without an entity: all events of the source count for every row."""
WHOLE_KEY = "all"
"""The one value of that key; no table of the lake has the column."""
RESERVED = (AS_OF, DAY, *TIMES, SEQUENCE)
"""Columns that events and the feature table have themselves."""


@dataclass(frozen=True)
class Declared:
    """A named feature.

    Attributes:
        description: Its meaning in one sentence; empty where the definition is enough.
        owner: Who answers for it; empty for the owner of the feature set.
        unit: Unit of its values (`EUR`, `days`); empty for the unit that follows from the definition.

    Raises:
        FeatureError: The name is not valid, or is reserved.
    """

    name: str
    description: str = field(default="", kw_only=True)
    owner: str = field(default="", kw_only=True)
    unit: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if checked(self.name, "feature") in RESERVED:
            raise FeatureError(
                f"feature '{self.name}': the feature table has its own column of that name; choose another"
            )


def checked_key(name: str, label: str) -> str:
    """Returns the name if an entity key column may have it.

    Raises:
        FeatureError: It is not a valid name, or events and the feature table have their own column of that name.
    """
    if checked(name, f"{label}: key") in RESERVED:
        raise FeatureError(
            f"{label}: key '{name}'; events and the feature table have their own column of that name: give the "
            "source's column another one"
        )
    return name
