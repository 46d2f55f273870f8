"""Versions of a product's model, as the registry gives them.

Belongs here: the frozen version, the tags that we keep on it, and what can go wrong with it. Does not belong here:
asking MLflow (`tracking.py`).
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
"""The bundle is there; without it the version is a number that a run has reserved."""
REPLACED_TAG = "loopline.replaced"
"""The champion whose place the version took; empty for none."""


class TrackingError(LooplineError):
    """MLflow has not, or will not take, what was asked; the message names the model and the version."""


class LostRace(TrackingError):
    """The alias no longer is where the caller saw it: somebody else moved it first. Read again and decide again.

    Attributes:
        found: The version that has the alias now, `None` for none.
    """

    def __init__(self, message: str, found: str | None = None) -> None:
        super().__init__(message)
        self.found = found


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of a product's model.

    Attributes:
        version: A number, as text.
        run_id: The MLflow run that made it.
        ready: Its bundle is there.
        replaced: The champion that it took the place of when it was promoted; `None` when it never was, or was the
            first.
        tags: What was registered with it.
    """

    product: str
    version: str
    run_id: str
    created_at: datetime
    ready: bool
    replaced: str | None
    tags: Mapping[str, str] = field(default_factory=dict)


def registered_version(entry: "ModelVersion") -> RegisteredVersion:
    """Our form of MLflow's entry."""
    tags = {str(name): str(value) for name, value in entry.tags.items()}
    return RegisteredVersion(
        product=entry.name,
        version=str(entry.version),
        run_id=str(entry.run_id),
        created_at=datetime.fromtimestamp(entry.creation_timestamp / 1000, UTC),
        ready=READY_TAG in tags,
        replaced=tags.get(REPLACED_TAG) or None,
        tags=tags,
    )
