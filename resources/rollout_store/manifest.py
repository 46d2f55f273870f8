"""The rollout manifest of a product, and the protocol of a backend that keeps manifests and bundles.

Belongs here: the manifest and its releases as frozen values, their checks and JSON, the errors of the rollout store,
and the protocol of a backend. Does not belong here: a backend (`folder.py`, `s3.py`), publishing and fetching
(`store.py`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, Self, get_args

from resources import naming
from resources.errors import LooplineError

Role = Literal["champion", "challenger", "shadow"]
Stage = Literal["champion", "shadow", "canary"]
Hold = Literal["none", "paused", "frozen"]
Action = Literal["promote", "start", "advance", "pause", "resume", "freeze", "roll_back", "reassign"]
STAGES: tuple[Stage, ...] = get_args(Stage)
HOLDS: tuple[Hold, ...] = get_args(Hold)
ACTIONS: tuple[Action, ...] = get_args(Action)
LAST = "manifest.json"
"""The file of a bundle that names all others; it is published last, and readers ignore a folder without it."""
_KEPT_MOVES = 100
_ROUNDING = 1e-9


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
class Challenger:
    """A release that decides for a share of the entities, from 0 to 1."""

    release: Release
    share: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise RolloutError(f"version {self.release.version} has the share {self.share!r}; write 0 to 1")


@dataclass(frozen=True, kw_only=True)
class Move:
    """A change of a product's rollout, for the audit log.

    Attributes:
        generation: Number of the state that the change led to.
        version: The version that the change is about: the one that was promoted, started, rolled back, ….
        details: What else is recorded, as JSON values.
    """

    generation: int
    action: Action
    version: str
    by: str
    reason: str
    at: datetime
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RolloutManifest:
    """The state of a product's rollout: which bundles decide, and how far a new one has come.

    Attributes:
        generation: Number of the state: 1 for the first; a state replaces the one with the number before.
        champion: Decides for all entities that no challenger decides for.
        challengers: The releases under trial, each with its share. Several make an A/B test or a bandit.
        shadow: Scores silently; its answers are only logged.
        former: The champions before, the newest first: what a rollback of the champion goes back to.
        rollout: Id of the rollout under way; empty for none. It decides which entities a challenger gets.
        stage: `champion` without a rollout; `shadow` or `canary` during one.
        step: Number of the canary's step, from 0.
        since: When the stage and step began; `None` in a state that older code wrote.
        hold: `paused` waits for a person; `frozen` lets nobody but a person change anything; rollbacks always work.
        plan: The product's rollout policy when the rollout began, as JSON values; processes that decide follow it.
        updated_at: When the state was written; with a time zone.
        action, subject, by, reason, details: What was done, to which version, by whom and why. No subject means the
            champion.
        earlier: The latest changes before this one, the oldest first; the audit log is completed from them.
    """

    product: str
    champion: Release
    challengers: tuple[Challenger, ...] = ()
    shadow: Release | None = None
    former: tuple[Release, ...] = ()
    rollout: str = ""
    stage: Stage = "champion"
    step: int = 0
    since: datetime | None = None
    hold: Hold = "none"
    plan: Mapping[str, Any] = field(default_factory=dict)
    updated_at: datetime
    by: str
    reason: str
    action: Action = "promote"
    subject: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 1
    earlier: tuple[Move, ...] = ()

    def __post_init__(self) -> None:
        checked_product(self.product)
        where = f"rollout of {self.product}"
        if self.generation < 1:
            raise RolloutError(f"{where}: generation is {self.generation}; the first state is 1")
        if self.updated_at.tzinfo is None or (self.since and self.since.tzinfo is None):
            raise RolloutError(f"{where}: updated_at or since has no time zone; give it in UTC")
        if sum(challenger.share for challenger in self.challengers) > 1.0 + _ROUNDING:
            raise RolloutError(f"{where}: the challengers' shares sum to more than 1")
        versions = [challenger.release.version for challenger in self.challengers]
        if len(set(versions)) < len(versions):
            raise RolloutError(f"{where}: a version is a challenger twice: {', '.join(versions)}")
        if (self.stage != "champion") != bool(self.rollout):
            raise RolloutError(f"{where}: stage {self.stage!r} does not go with the rollout {self.rollout!r}")
        for name, allowed in (("stage", STAGES), ("hold", HOLDS), ("action", ACTIONS)):
            if getattr(self, name) not in allowed:
                raise RolloutError(f"{where}: {name} is {getattr(self, name)!r}; known: {', '.join(allowed)}")

    @property
    def roles(self) -> tuple[tuple[Role, Release], ...]:
        """The releases that are loaded, each with its role."""
        challengers: list[tuple[Role, Release]] = [("challenger", one.release) for one in self.challengers]
        shadows: list[tuple[Role, Release]] = [] if self.shadow is None else [("shadow", self.shadow)]
        return (("champion", self.champion), *challengers, *shadows)

    @property
    def candidate(self) -> Release | None:
        """The release that a rollout with one challenger is about; `None` without a rollout."""
        return self.challengers[0].release if self.challengers else self.shadow

    @property
    def move(self) -> Move:
        """The change that led to this state."""
        return Move(
            generation=self.generation, action=self.action, version=self.subject or self.champion.version, by=self.by,
            reason=self.reason, at=self.updated_at, details=self.details,
        )  # fmt: skip

    @property
    def moves(self) -> tuple[Move, ...]:
        """The latest changes, this one last."""
        return (*self.earlier, self.move)

    def changed(
        self, action: Action, *, by: str, reason: str, at: datetime, subject: str = "",
        details: Mapping[str, Any] | None = None, **changes: Any,
    ) -> Self:  # fmt: skip
        """The state of the next generation, with other values of some attributes.

        Args:
            changes: Values of `champion`, `challengers`, `shadow`, `former`, `rollout`, `stage`, `step`, `since`,
                `hold` and `plan`.
        """
        return replace(
            self, action=action, by=by, reason=reason, updated_at=at, subject=subject, details=details or {},
            generation=self.generation + 1, earlier=self.moves[-_KEPT_MOVES:], **changes,
        )  # fmt: skip

    def to_json(self) -> bytes:
        """The manifest as JSON text, the same for the same manifest."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, default=_text).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Reads `to_json`, and what older code wrote.

        Raises:
            RolloutError: The bytes are not a rollout manifest.
        """
        try:
            values: dict[str, Any] = json.loads(data)
            challenger, share = values.pop("challenger", None), values.pop("challenger_share", 0.0)
            given = values.get("challengers", [{"release": challenger, "share": share}] if challenger else [])
            for role in ("champion", "shadow"):
                if values.get(role) is not None:
                    values[role] = Release(**values[role])
            values["challengers"] = tuple(
                Challenger(release=Release(**one["release"]), share=one["share"]) for one in given
            )
            values["former"] = tuple(Release(**one) for one in values.get("former", ()))
            values["earlier"] = tuple(
                Move(**{**one, "at": datetime.fromisoformat(one["at"])}) for one in values.get("earlier", ())
            )
            values["updated_at"] = datetime.fromisoformat(values["updated_at"])
            if values.get("since"):
                values["since"] = datetime.fromisoformat(values["since"])
            return cls(**values)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise RolloutError(f"this is not a rollout manifest: {error!r}") from error


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{value!r} has no place in a rollout manifest")


class Backend(Protocol):
    """A place for the files of the rollout store. Paths are relative to the place, with `/`."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes; `None` when there is none."""
        ...

    def replace(self, path: str, data: bytes) -> None:
        """Writes a small file as a whole; the last writer wins."""
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

    def contents(self, path: str) -> dict[str, bytes]:
        """The bytes of the files of a folder by name, in the order of names; a file that goes meanwhile is left out."""
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
