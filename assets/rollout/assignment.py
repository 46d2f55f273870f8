"""Which arm of a rollout decides for an entity.

Belongs here: the assignment, the same in every process. Does not belong here: which bundle an arm has, and how large
its share is (`resources.rollout_store`).
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

Arm = Literal["champion", "challenger"]


def arm_of(product: str, key: Sequence[object], challenger_share: float) -> Arm:
    """The challenger for a share of all entities, from 0 to 1; an entity keeps its arm while the share grows."""
    return "challenger" if place(product, key) < challenger_share else "champion"


def place(product: str, key: Sequence[object]) -> float:
    """Where an entity stands in [0, 1), uniformly: by the SHA-256 of product and key."""
    text = "\0".join([product, *map(str, key)])
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big") / 2**64
