"""The assignment of entities to the arms of a rollout.

Belongs here: the assignment, the same in every process. Does not belong here: the bundle and the share of an arm
(`resources.rollout_store`).
"""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

CHAMPION = -1
"""The arm of the champion; challengers have their numbers, from 0."""


class Arm(NamedTuple):
    """A challenger at the time of a decision.

    Attributes:
        version: Version of its bundle.
        share: The share of entities that are assigned to it.
        decides: Whether it was loaded; if not, the champion decided for its entities.
    """

    version: str
    share: float
    decides: bool


def assigned(rollout: str, key: Sequence[object], arms: Sequence[Arm]) -> tuple[int, float]:
    """Who decides for an entity: the number of a challenger, or `CHAMPION`; and the share for which that one decides.

    The champion decides for the entities of a challenger that does not. `rollout` and `key` as for `arm_of`.
    """
    deciding = [arm.share for arm in arms if arm.decides]
    number = arm_of(rollout, key, [arm.share for arm in arms]) if deciding else CHAMPION
    if number == CHAMPION or not arms[number].decides:
        return CHAMPION, 1.0 - sum(deciding)
    return number, arms[number].share


def arm_of(rollout: str, key: Sequence[object], shares: Sequence[float]) -> int:
    """The arm of an entity: the number of a challenger, or `CHAMPION`.

    With one challenger, an entity in its arm stays there while the share grows.

    Args:
        rollout: Names the rollout; another rollout assigns other entities to the challengers.
        key: The values of the entity's key columns.
        shares: For each challenger the share of all entities that it decides for, from 0 to 1.
    """
    if not shares:
        return CHAMPION
    found, upper = place(rollout, key), 0.0
    for number, share in enumerate(shares):
        upper += share
        if found < upper:
            return number
    return CHAMPION


def place(rollout: str, key: Sequence[object]) -> float:
    """The place of an entity in [0, 1), by the SHA-256 of rollout and key; uniform over entities and over rollouts."""
    text = json.dumps([rollout, *map(str, key)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
