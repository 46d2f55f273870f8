"""Which models use a feature.

Belongs here: from what models hold and are moved by to each feature's use. Does not belong here: finding the models
(`assets.registry.uses`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assets.vocabulary import FeatureSet

State = Literal["used", "idle", "new"]


@dataclass(frozen=True)
class ModelUse:
    """What a model does with features.

    Attributes:
        roles: Such as `champion`; none for a version that is only registered.
        features: Those that its bundle computes.
        importance: For each of them its share of the sum of all mean absolute SHAP values; empty where unknown.
    """

    version: str
    roles: tuple[str, ...]
    features: tuple[str, ...]
    importance: Mapping[str, float]


@dataclass(frozen=True)
class FeatureUse:
    """Who uses one feature.

    Attributes:
        state: `used` by some model, by itself or through a feature derived from it; `idle` when models compute it and
            none is moved by it; `new` when no model has it.
        versions: Models that compute it, the oldest first.
        roles: Those of these that it matters to people: `champion`, `challenger`, `shadow`.
        importance: In the champion, or else in the newest version that has it; `None` where unknown.
    """

    state: State
    versions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    importance: float | None = None


def feature_use(features: FeatureSet, models: Sequence[ModelUse]) -> Mapping[str, FeatureUse]:
    """The use of every feature, in order; `models` with the oldest first."""
    return {name: _use(name, features, models) for name in features.names}


def unused(uses: Mapping[str, FeatureUse]) -> tuple[str, ...]:
    """Features that no model uses."""
    return tuple(name for name, use in uses.items() if use.state != "used")


def _use(name: str, features: FeatureSet, models: Sequence[ModelUse]) -> FeatureUse:
    mine = [model for model in models if name in model.features]
    if not mine:
        return FeatureUse("new")
    by_itself = {name, *_derived_from(name, features)}
    moved = any(not model.importance or any(model.importance.get(n, 0.0) > 0 for n in by_itself) for model in mine)
    shown = next((model for model in mine if "champion" in model.roles), mine[-1])
    return FeatureUse(
        state="used" if moved else "idle",
        versions=tuple(model.version for model in mine),
        roles=tuple(dict.fromkeys(role for model in mine for role in model.roles)),
        importance=shown.importance.get(name, 0.0) if shown.importance else None,
    )


def _derived_from(name: str, features: FeatureSet) -> tuple[str, ...]:
    """Features that are computed from this one, and from those."""
    found: dict[str, None] = {}
    for feature in features.derived:
        if {name, *found} & set(feature.inputs):
            found[feature.name] = None
    return tuple(found)
