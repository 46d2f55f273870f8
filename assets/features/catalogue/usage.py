"""Use of features by models.

Belongs here: deriving the use of each feature from the features and importances of models. Does not belong here:
finding the models (`assets.registry.uses`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assets.vocabulary import FeatureSet

State = Literal["used", "idle", "new"]


@dataclass(frozen=True)
class ModelUse:
    """The features of one model version.

    Attributes:
        roles: Roles such as `champion`; empty for a version that is only registered.
        features: The features that its bundle computes.
        importance: Each feature's share of the sum of all mean absolute SHAP values; empty where unknown.
    """

    version: str
    roles: tuple[str, ...]
    features: tuple[str, ...]
    importance: Mapping[str, float]


@dataclass(frozen=True)
class FeatureUse:
    """The use of one feature.

    Attributes:
        state: `used` where the feature, or one derived from it, has an importance above 0 (or unknown) in some model;
            `idle` where models compute it, but it has no importance in any; `new` where no model computes it.
        versions: The models that compute it, the oldest first.
        roles: The roles of these models: `champion`, `challenger`, `shadow`.
        importance: Its importance in the champion, or else in the newest version that computes it; `None` where
            unknown.
    """

    state: State
    versions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    importance: float | None = None


def feature_use(features: FeatureSet, models: Sequence[ModelUse]) -> Mapping[str, FeatureUse]:
    """The use of every feature, in order; `models` are the oldest first."""
    return {name: _use(name, features, models) for name in features.names}


def unused(uses: Mapping[str, FeatureUse]) -> tuple[str, ...]:
    """Features that no model uses."""
    return tuple(name for name, use in uses.items() if use.state != "used")


def _use(name: str, features: FeatureSet, models: Sequence[ModelUse]) -> FeatureUse:
    computing = [model for model in models if name in model.features]
    if not computing:
        return FeatureUse("new")
    names = {name, *_derived_from(name, features)}
    used = any(not model.importance or any(model.importance.get(n, 0.0) > 0 for n in names) for model in computing)
    shown = next((model for model in computing if "champion" in model.roles), computing[-1])
    return FeatureUse(
        state="used" if used else "idle",
        versions=tuple(model.version for model in computing),
        roles=tuple(dict.fromkeys(role for model in computing for role in model.roles)),
        importance=shown.importance.get(name, 0.0) if shown.importance else None,
    )


def _derived_from(name: str, features: FeatureSet) -> tuple[str, ...]:
    """Features that are derived from this one, directly or through others."""
    derived: dict[str, None] = {}
    for feature in features.derived:
        if {name, *derived} & set(feature.inputs):
            derived[feature.name] = None
    return tuple(derived)
