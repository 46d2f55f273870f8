"""The aliases of a product's model, and the note of who moved them last.

Belongs here: telling an alias that was moved by hand from one that a crash left behind. Does not belong here: moving an
alias (`tracking.py`), which version holds it by right (`resources.rollout_store`).

The registry's own tag `loopline.aliases` holds, for each alias, where it was and where it was to go when Loopline moved
it last. An alias at any other version was moved by somebody else: on MLflow's pages, or through its API.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.tracking.versions import Alias

if TYPE_CHECKING:
    from mlflow.entities.model_registry import RegisteredModel

ALIASES_TAG = "loopline.aliases"
_ALIASES: tuple[Alias, ...] = ("champion", "challenger")

Noted = Mapping[Alias, list[str | None]]


@dataclass(frozen=True)
class MovedByHand:
    """An alias that somebody else moved.

    Attributes:
        version: Where it is; `None` where it was removed.
        before: Where Loopline had put it; `None` for nowhere.
    """

    alias: Alias
    version: str | None
    before: str | None


def holder(model: "RegisteredModel | None", alias: Alias) -> str | None:
    """The version with the alias; `None` for none."""
    found = None if model is None else model.aliases.get(alias)
    return None if found is None else str(found)


def noted(model: "RegisteredModel | None") -> Noted:
    """Where each alias was put; without an entry for one that Loopline has not moved since it notes that."""
    text = None if model is None else model.tags.get(ALIASES_TAG)
    if text is None:
        return {}
    try:
        found = json.loads(text)
        return {alias: [*found[alias]] for alias in _ALIASES if alias in found}
    except (ValueError, TypeError):
        return {alias: [] for alias in _ALIASES}  # somebody wrote the tag: no alias is where we put it


def moved_by_hand(model: "RegisteredModel | None") -> tuple[MovedByHand, ...]:
    """The aliases that are not where Loopline put them."""
    found = []
    for alias, places in noted(model).items():
        version = holder(model, alias)
        if version not in places:
            found.append(MovedByHand(alias, version, places[-1] if places else None))
    return tuple(found)


def note(places: Noted) -> str:
    """The text of the tag."""
    return json.dumps(places, sort_keys=True)
