"""Versions of a product's model in the registry.

Belongs here: the version as a frozen value, its tags, and the errors of the registry. Does not belong here: calling
MLflow (`tracking.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from resources.errors import LooplineError

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

Alias = Literal["champion", "challenger"]

RUN_TAG = "loopline.run"
"""The run that made the version."""
READY_TAG = "loopline.ready"
"""The bundle is registered; without the tag the version is a number that a run has reserved."""


class TrackingError(LooplineError):
    """MLflow lacks a record or refuses a change; the message names the model and the version."""


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of a product's model.

    Attributes:
        version: A number, as text.
        run_id: The MLflow run that made the version.
        ready: Whether the bundle is registered.
        tags: The tags of the version.
    """

    product: str
    version: str
    run_id: str
    created_at: datetime
    ready: bool
    tags: Mapping[str, str] = field(default_factory=dict)


def registered_version(entry: "ModelVersion") -> RegisteredVersion:
    """Converts an entry of MLflow's registry."""
    tags = {str(name): str(value) for name, value in entry.tags.items()}
    return RegisteredVersion(
        product=entry.name,
        version=str(entry.version),
        run_id=str(entry.run_id),
        created_at=datetime.fromtimestamp(entry.creation_timestamp / 1000, UTC),
        ready=READY_TAG in tags,
        tags=tags,
    )
