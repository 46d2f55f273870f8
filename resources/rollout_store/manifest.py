"""The rollout manifest of a product, and the protocol of a backend that keeps manifests and bundles.

Belongs here: the manifest and its releases as frozen values, their checks and JSON, the errors of the rollout store,
and the protocol of a backend. Does not belong here: a backend (`folder.py`, `s3.py`), publishing and fetching
(`store.py`).
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self

from resources import naming
from resources.errors import LooplineError

LAST = "manifest.json"
"""The file of a bundle that names all others; it is published last, and readers ignore a folder without it."""


class RolloutError(LooplineError):
    """A call of the store cannot succeed; the message names product, version and remedy."""


class RolloutUnavailable(RolloutError):
    """The store cannot be reached; the same call may succeed later."""


class LostRace(RolloutError):
    """The product's state has moved since the caller read it. Read again and decide again."""


def checked_product(product: str) -> str:
    """Returns the product's name if it can name a folder.

    Raises:
        RolloutError: It cannot.
    """
    try:
        return naming.checked_name(product, "product")
    except naming.BadName as error:
        raise RolloutError(str(error)) from error


def checked_version(version: str) -> str:
    """Returns the version if it can name a folder.

    Raises:
        RolloutError: It cannot.
    """
    try:
        return naming.checked_version(version)
    except naming.BadName as error:
        raise RolloutError(str(error)) from error


@dataclass(frozen=True, kw_only=True)
class Release:
    """One published bundle: its version and the SHA-256 of its manifest, in hexadecimal."""

    version: str
    digest: str

    def __post_init__(self) -> None:
        checked_version(self.version)
        if not naming.is_digest(self.digest):
            raise RolloutError(f"digest {self.digest!r} of version {self.version} is not a SHA-256 in hexadecimal")


@dataclass(frozen=True, kw_only=True)
class RolloutManifest:
    """The state of a product's rollout: which bundles decide.

    Attributes:
        generation: Number of the state: 1 for the first; a state replaces the one with the number before.
        champion: Decides for all entities that the challenger does not decide for.
        challenger: Decides for `challenger_share` of the entities.
        shadow: Scores silently; its answers are only logged.
        updated_at: When the manifest was written; with a time zone.
        by: Who requested the manifest.
        reason: Why.
    """

    product: str
    champion: Release
    challenger: Release | None = None
    challenger_share: float = 0.0
    shadow: Release | None = None
    updated_at: datetime
    by: str
    reason: str
    generation: int = 1

    def __post_init__(self) -> None:
        checked_product(self.product)
        if self.generation < 1:
            raise RolloutError(f"rollout of {self.product}: generation is {self.generation}; the first state is 1")
        if self.updated_at.tzinfo is None:
            raise RolloutError(f"rollout of {self.product}: updated_at has no time zone; give it in UTC")
        if not 0.0 <= self.challenger_share <= 1.0 or (self.challenger_share and self.challenger is None):
            raise RolloutError(
                f"rollout of {self.product}: challenger_share is {self.challenger_share}; "
                f"write 0 to 1, and 0 without a challenger"
            )

    def to_json(self) -> bytes:
        """The manifest as JSON text, the same for the same manifest."""
        values = asdict(self) | {"updated_at": self.updated_at.astimezone(UTC).isoformat()}
        return json.dumps(values, indent=2, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Reads `to_json`.

        Raises:
            RolloutError: The bytes are not a rollout manifest.
        """
        try:
            values: dict[str, Any] = json.loads(data)
            for role in ("champion", "challenger", "shadow"):
                if values.get(role) is not None:
                    values[role] = Release(**values[role])
            values["updated_at"] = datetime.fromisoformat(values["updated_at"])
            return cls(**values)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise RolloutError(f"this is not a rollout manifest: {error!r}") from error


class Backend(Protocol):
    """A place for the files of the rollout store. Paths are relative to the place, with `/`."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes; `None` when there is none."""
        ...

    def swap(self, path: str, data: bytes, *, expected: bytes | None) -> bool:
        """Replaces a small file as a whole if it still has the expected bytes (`None`: if there is no such file).

        Returns:
            Whether the file now has the new bytes; of several callers that expect the same bytes, one gets `True`.
        """
        ...

    def names(self, path: str) -> frozenset[str]:
        """The names of the files of a published folder; empty when there is none."""
        ...

    def upload(self, source: Path, path: str) -> None:
        """Publishes a local folder of files; its manifest becomes visible last or together with the rest.

        Files of a folder that is there already are replaced one by one, and files that the new folder lacks removed.
        """
        ...

    def download(self, path: str, landing: Path) -> Path:
        """A local folder with the files of a published folder; a backend may write them to `landing`."""
        ...

    def folders(self) -> tuple[str, ...]:
        """The names at the top, sorted."""
        ...
