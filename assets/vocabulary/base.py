"""What all declarations of features have in common: a name, and what people are told of it.

Belongs here: the base of every declaration, and the names that none may have. Does not belong here: any one way of
declaring (`request.py`, `history.py`, `derived.py`, `clock.py`).
"""

from dataclasses import dataclass, field

from assets.vocabulary.conditions import FeatureError, checked

RESERVED = ("as_of", "day", "event_time", "known_at", "sequence")


@dataclass(frozen=True)
class Declared:
    """A feature by its name.

    Attributes:
        description: What it means, in one sentence; empty where its definition says enough.
        owner: Who answers for it; empty for the owner of the set.
        unit: Of its values (`EUR`, `days`); empty where nobody stated it, and then what its definition implies.

    Raises:
        FeatureError: The name is none, or is taken.
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
