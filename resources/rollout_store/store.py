"""The rollout store: published bundles, and for each product the manifest that says which of them decide.

Belongs here: publishing bundles and manifests so that a reader sees the old or the new one, never a mixture; fetching a
bundle to this machine. Does not belong here: the content of a manifest (`manifest.py`), the place of the files
(`folder.py`, `s3.py`), the content of a bundle and its signature (`assets.bundle.bundle`), promotion
(`assets.rollout.promotion`).

Layout, in a folder or under an `s3://` prefix:

    <product>/manifest.json                the rollout manifest, replaced as a whole
    <product>/bundles/<version>/<file>     a bundle, never changed after it was published
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from resources.naming import is_name
from resources.rollout_store.folder import FolderBackend
from resources.rollout_store.manifest import (
    Backend,
    Release,
    RolloutError,
    RolloutManifest,
    checked_product,
    checked_version,
)

_BUNDLE_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class RolloutStore:
    """Bundles and rollout manifests of all products."""

    backend: Backend
    landing: Path

    @classmethod
    def open(cls, uri: str, landing: Path) -> Self:
        """The store at a folder or an `s3://bucket/prefix`.

        Args:
            uri: The address. For S3, boto3 reads AWS_ENDPOINT_URL and its other variables from the environment.
            landing: Local folder for bundles fetched from S3.
        """
        if uri.startswith("s3://"):
            # boto3 is slow to import, and only S3 needs it.
            from resources.rollout_store.s3 import S3Backend

            return cls(backend=S3Backend.open(uri), landing=landing)
        return cls(backend=FolderBackend(root=Path(uri)), landing=landing)

    def products(self) -> tuple[str, ...]:
        """The products that have a rollout manifest or a bundle, sorted."""
        return tuple(name for name in self.backend.folders() if is_name(name))

    def publish_bundle(self, product: str, version: str, folder: Path) -> None:
        """Publishes a bundle's files under its version; publishing the same bytes again changes nothing.

        Raises:
            RolloutError: The folder is not a bundle, or the version was published with another content.
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
        """Replaces the product's manifest; readers see the previous one or this one.

        Raises:
            RolloutError: It is the manifest of another product, or names a version that is not published or has
                another digest.
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
            RolloutError: The file is not a manifest.
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
        """A local folder with the bundle's files, which `load_bundle` then verifies.

        Raises:
            RolloutError: The version is not published.
            RolloutUnavailable: The store cannot be reached.
        """
        release = Release(version=version, digest=digest)
        path = _bundle_path(product, version)
        if self.backend.read(f"{path}/{_BUNDLE_MANIFEST}") is None:
            raise RolloutError(f"version {version} of {product} is not published in this rollout store")
        return self.backend.download(path, self.landing / product / f"{version}-{release.digest[:12]}")


def _bundle_path(product: str, version: str) -> str:
    return f"{checked_product(product)}/bundles/{checked_version(version)}"
