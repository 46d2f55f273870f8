"""The rollout store: published bundles, and for each product the manifest that says which of them decide.

Belongs here: publishing both so that a reader sees the old or the new, never a half; fetching a bundle to this machine.
Does not belong here: what is in a bundle and whether it may be trusted (`assets.bundle.bundle`), when a release moves
on (`assets.registry`).

Layout, in a folder or under an `s3://` prefix:

    <product>/manifest.json                the rollout manifest, replaced as a whole
    <product>/bundles/<version>/<file>     a bundle, never changed after it was published
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self

from resources.durable_files import replace_file, sync_folder
from resources.errors import LooplineError

_PRODUCT = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BUNDLE_MANIFEST = "manifest.json"


class RolloutError(LooplineError):
    """The store cannot take or give what was asked; the message names product, version and remedy."""


class RolloutUnavailable(RolloutError):
    """The store cannot be reached; the same call may succeed later."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """One published bundle: its version and the SHA-256 of its manifest, in hexadecimal."""

    version: str
    digest: str

    def __post_init__(self) -> None:
        if not isinstance(self.version, str) or not _VERSION.fullmatch(self.version):
            raise RolloutError(f"version {self.version!r} is not one: write letters, digits, '.', '_' and '-'")
        if not isinstance(self.digest, str) or not _DIGEST.fullmatch(self.digest):
            raise RolloutError(f"digest {self.digest!r} of version {self.version} is not a SHA-256 in hexadecimal")


@dataclass(frozen=True, kw_only=True)
class RolloutManifest:
    """Which bundles of a product decide.

    Attributes:
        champion: Decides for everybody whom the challenger does not take.
        challenger: Decides for `challenger_share` of the entities.
        shadow: Scores silently; its answers are only logged.
        updated_at: When the manifest was written, UTC.
        by: Who asked for it.
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

    def __post_init__(self) -> None:
        checked_product(self.product)
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
            RolloutError: It is no rollout manifest.
        """
        try:
            values: dict[str, Any] = json.loads(data)
            for role in ("champion", "challenger", "shadow"):
                if values.get(role) is not None:
                    values[role] = Release(**values[role])
            values["updated_at"] = datetime.fromisoformat(values["updated_at"])
            return cls(**values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RolloutError(f"this is no rollout manifest: {error!r}") from error


class Backend(Protocol):
    """Where the files are. Paths are relative, with `/`."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes; `None` when there is none."""
        ...

    def replace(self, path: str, data: bytes) -> None:
        """Writes a small file as a whole."""
        ...

    def upload(self, source: Path, path: str) -> None:
        """Publishes a local folder of files; its manifest becomes visible last or together with the rest."""
        ...

    def download(self, path: str, landing: Path) -> Path:
        """A local folder with the files of a published one; `landing` may be used to hold them."""
        ...

    def folders(self) -> tuple[str, ...]:
        """The names at the top, sorted."""
        ...


@dataclass(frozen=True)
class FolderBackend:
    """Files in a folder of this machine, or of a shared file system."""

    root: Path

    def read(self, path: str) -> bytes | None:
        """The file's bytes; `None` when there is none."""
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RolloutUnavailable(f"rollout store {self.root / path} cannot be read: {error}") from error

    def replace(self, path: str, data: bytes) -> None:
        """Writes a temporary file beside it, then renames."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, data, mode=0o644)

    def upload(self, source: Path, path: str) -> None:
        """Copies to a temporary folder beside it, then renames."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            for file in sorted(source.iterdir()):
                shutil.copyfile(file, copy / file.name)
            os.chmod(copy, 0o755)
            os.rename(copy, target)
        finally:
            shutil.rmtree(copy, ignore_errors=True)
        sync_folder(target.parent)

    def download(self, path: str, landing: Path) -> Path:
        """The folder itself: it is on this machine already."""
        return self.root / path

    def folders(self) -> tuple[str, ...]:
        """The folders at the top, sorted."""
        try:
            return tuple(sorted(entry.name for entry in self.root.iterdir() if entry.is_dir()))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise RolloutUnavailable(f"rollout store {self.root} cannot be read: {error}") from error


@dataclass(frozen=True)
class RolloutStore:
    """Bundles and rollout manifests of all products."""

    backend: Backend
    landing: Path

    @classmethod
    def open(cls, uri: str, landing: Path) -> Self:
        """The store at a folder or an `s3://bucket/prefix`.

        Args:
            uri: Where it is. For S3, AWS_ENDPOINT_URL and boto3's other variables say how to get there.
            landing: Local folder for bundles fetched from S3.
        """
        if uri.startswith("s3://"):
            from resources.rollout_store.s3 import S3Backend

            return cls(backend=S3Backend.open(uri), landing=landing)
        return cls(backend=FolderBackend(root=Path(uri)), landing=landing)

    def products(self) -> tuple[str, ...]:
        """The products that have a rollout manifest or a bundle, sorted."""
        return tuple(name for name in self.backend.folders() if _PRODUCT.fullmatch(name))

    def publish_bundle(self, product: str, version: str, folder: Path) -> None:
        """Publishes a bundle's files under its version; publishing the same bytes again changes nothing.

        Raises:
            RolloutError: The folder is no bundle, or the version was published with another content.
        """
        path = _bundle_path(product, version)
        manifest_file = folder / _BUNDLE_MANIFEST
        if not manifest_file.is_file():
            raise RolloutError(f"{folder} has no {_BUNDLE_MANIFEST}; write it with write_bundle")
        manifest = manifest_file.read_bytes()
        published = self.backend.read(f"{path}/{_BUNDLE_MANIFEST}")
        if published == manifest:
            return
        if published is not None:
            raise RolloutError(
                f"version {version} of {product} is already published with another content; a bundle never changes: "
                f"publish this one under a new version"
            )
        self.backend.upload(folder, path)

    def publish_manifest(self, product: str, manifest: RolloutManifest) -> None:
        """Makes the manifest the product's own; readers see the one before or this one.

        Raises:
            RolloutError: It is another product's, or names a version that is not published or has another digest.
        """
        if manifest.product != checked_product(product):
            raise RolloutError(f"this manifest is of {manifest.product}, not of {product}")
        for release in (manifest.champion, manifest.challenger, manifest.shadow):
            if release is not None:
                self._check_published(product, release)
        self.backend.replace(f"{product}/manifest.json", manifest.to_json())

    def _check_published(self, product: str, release: Release) -> None:
        published = self.backend.read(f"{_bundle_path(product, release.version)}/{_BUNDLE_MANIFEST}")
        if published is None:
            raise RolloutError(f"version {release.version} of {product} is not published; publish its bundle first")
        found = hashlib.sha256(published).hexdigest()
        if found != release.digest:
            raise RolloutError(
                f"version {release.version} of {product} is published with the digest {found}, not {release.digest}"
            )

    def read_manifest(self, product: str) -> RolloutManifest | None:
        """The product's manifest; `None` before the first rollout.

        Raises:
            RolloutError: The file is no manifest.
            RolloutUnavailable: The store cannot be reached.
        """
        data = self.backend.read(f"{checked_product(product)}/manifest.json")
        if data is None:
            return None
        manifest = RolloutManifest.from_json(data)
        if manifest.product != product:
            raise RolloutError(f"the rollout manifest of {product} says it is of {manifest.product}")
        return manifest

    def fetch_bundle(self, product: str, version: str, digest: str) -> Path:
        """A local folder with the bundle's files. Nothing is verified here: `load_bundle` does it.

        Raises:
            RolloutError: The version is not published.
            RolloutUnavailable: The store cannot be reached.
        """
        release = Release(version=version, digest=digest)
        path = _bundle_path(product, version)
        if self.backend.read(f"{path}/{_BUNDLE_MANIFEST}") is None:
            raise RolloutError(f"version {version} of {product} is not published in this rollout store")
        return self.backend.download(path, self.landing / product / f"{version}-{release.digest[:12]}")


def checked_product(product: str) -> str:
    """The product's name, when it may be a folder's name.

    Raises:
        RolloutError: It may not.
    """
    if not _PRODUCT.fullmatch(product):
        raise RolloutError(f"product {product!r} is not a name: write lower-case letters, digits and _, a letter first")
    return product


def _bundle_path(product: str, version: str) -> str:
    checked_product(product)
    if not _VERSION.fullmatch(version):
        raise RolloutError(f"version {version!r} is not one: write letters, digits, '.', '_' and '-'")
    return f"{product}/bundles/{version}"
