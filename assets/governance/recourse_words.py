"""The recourse of declined people, in words for the model card.

Belongs here: the sentences of the recorded figures. Does not belong here: the figures (`assets.evaluation.recourse`),
the card (`model_card.py`).
"""

from collections.abc import Mapping
from typing import Any


def recourse_words(evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    """How many declined test rows have no recourse, and by group; nothing for a product that declares none."""
    found = evaluation.get("recourse")
    if found is None:
        return ()
    told = [f"Of {found['declined']} declined test rows {found['without']} have no recourse."]
    for attribute in dict.fromkeys(group["attribute"] for group in found["groups"]):
        groups = [group for group in found["groups"] if group["attribute"] == attribute]
        parts = [f"{group['group']} {group['without']} of {group['declined']}" for group in groups]
        told.append(f"By {attribute}: {', '.join(parts)}.")
    return (" ".join(told),)
