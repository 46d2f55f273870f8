"""The assignment of entities to the arms of a rollout.

Belongs here: the assignment, the same in every process. Does not belong here: the bundle and the share of an arm
(`resources.rollout_store`).
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Literal

Arm = Literal["champion", "challenger"]


def arm_of(rollout: str, key: Sequence[object], challenger_share: float) -> Arm:
    """The arm of an entity; an entity in the challenger's arm stays there while the share grows.

    Args:
        rollout: Names the rollout; another rollout assigns other entities to the challenger.
        key: The values of the entity's key columns.
        challenger_share: Share of all entities that the challenger decides for, from 0 to 1.
    """
    return "challenger" if place(rollout, key) < challenger_share else "champion"


def place(rollout: str, key: Sequence[object]) -> float:
    """The place of an entity in [0, 1), by the SHA-256 of rollout and key; uniform over entities and over rollouts."""
    text = json.dumps([rollout, *map(str, key)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
