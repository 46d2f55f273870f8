"""The origins of the places that the sandbox has filled.

Belongs here: the marker of a filled place, the refusal to fill a place from two origins, folders that appear whole or
not at all, and addresses of local folders. Does not belong here: the content of a place.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from resources.sandbox.world.incidents import SandboxError

OriginName = Literal["sandbox", "handbook"]
MARKER = ".origin.json"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The data from which a place was filled.

    Attributes:
        origin: The invented bank, or the public Fraud Detection Handbook.
        digest: SHA-256 (hex) of the settings, or of the Handbook's files.
        first_day, last_day: The UTC days in the place.
        rows: How many rows are in the place.
    """

    origin: OriginName
    digest: str
    first_day: date
    last_day: date
    rows: int


def local_folder(address: str | Path, what: str) -> Path:
    """The folder that a path or a `file://` address names.

    Raises:
        SandboxError: The address is of another kind.
    """
    if isinstance(address, Path):
        return address
    parts = urlsplit(address)
    if parts.scheme == "":
        return Path(address)
    if parts.scheme == "file":
        return Path(unquote(parts.netloc + parts.path))
    raise SandboxError(
        f"{what} {address!r} is not a folder of this machine; the sandbox fills a path or file://…: "
        "fill a folder and copy it there"
    )


def marker_text(origin: Origin) -> str:
    """The marker as JSON."""
    return json.dumps(asdict(origin), default=str, sort_keys=True) + "\n"


def read_marker(path: Path) -> Origin | None:
    """The origin in a marker file; `None` without a file.

    Raises:
        SandboxError: The file is not a marker.
    """
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        days = {name: date.fromisoformat(values[name]) for name in ("first_day", "last_day")}
        return Origin(origin=values["origin"], digest=values["digest"], rows=values["rows"], **days)
    except (ValueError, KeyError, TypeError) as error:
        raise SandboxError(
            f"{path} is not a marker of the sandbox ({error!r}); remove {path.parent} and fill again"
        ) from error


def is_filled(found: Origin | None, *, origin: OriginName, digest: str, place: str) -> bool:
    """Whether a place was filled from this origin and digest; `found` is the origin in its marker.

    Raises:
        SandboxError: The place was filled from another origin or digest.
    """
    if found is None:
        return False
    if (found.origin, found.digest) == (origin, digest):
        return True
    difference = f"from the {found.origin}" if found.origin != origin else "with other settings"
    raise SandboxError(
        f"{place} was filled {difference} ({found.first_day} to {found.last_day}, digest {found.digest[:12]}, "
        f"wanted {origin} {digest[:12]}); remove it first, or fill another place"
    )


def refuse_foreign(place: Path, marker: Path) -> None:
    """Refuses a place that has content without a marker.

    Raises:
        SandboxError: The file or folder has content that the sandbox did not write.
    """
    taken = any(place.iterdir()) if place.is_dir() else place.exists()
    if taken and not marker.is_file():
        raise SandboxError(f"{place} has content that the sandbox did not write; move it, or fill another place")


def folder_is_filled(folder: Path, *, origin: OriginName, digest: str) -> bool:
    """Whether a folder was filled from this origin and digest; an empty or absent folder was not.

    Raises:
        SandboxError: It was filled from another origin or digest, or has files that the sandbox did not write.
    """
    refuse_foreign(folder, folder / MARKER)
    return is_filled(read_marker(folder / MARKER), origin=origin, digest=digest, place=str(folder))


@contextmanager
def appearing_folder(target: Path, origin: Origin) -> Iterator[Path]:
    """A folder to write into; it becomes the target, with its marker, if the block succeeds, else it is removed.

    Raises:
        OSError: The target is not empty.
    """
    staging = target.with_name(f".{target.name}.filling")
    if staging.exists():
        shutil.rmtree(staging)  # left by an interrupted fill
    staging.mkdir(parents=True)
    try:
        yield staging
        (staging / MARKER).write_text(marker_text(origin), encoding="utf-8")
        os.rename(staging, target)
    except BaseException:
        shutil.rmtree(staging)
        raise
