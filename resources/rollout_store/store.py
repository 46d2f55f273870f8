"""The rollout store: published bundles, and for each product the manifest that says which of them decide.

Belongs here: publishing bundles and manifests so that a reader sees the old or the new one, never a mixture; fetching a
bundle to this machine; the list of the service's callers and the review queues, which the service reads at the same
place. Does not belong here: the content of a manifest (`manifest.py`), of the list (`assets.serving.access`) and of a
queue (`assets.serving.queued`), the place of the files (`folder.py`, `s3.py`), the content of a bundle and its
signature (`assets.bundle.bundle`), promotion (`assets.rollout.promotion`).

Layout, in a folder or under an `s3://` prefix:

    <product>/manifest.json                the rollout manifest, replaced as a whole
    <product>/bundles/<version>/<file>     a bundle, never changed after it was published
    <product>/evidence/<rollout>/<file>    what a process that decides has seen of a rollout
    <product>/review_queue.json            the cases that people are asked about, replaced as a whole
    access_keys.json                       who may call the decision service, replaced as a whole
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from resources.naming import is_name
from resources.rollout_store.folder import FolderBackend
from resources.rollout_store.manifest import (
    LAST,
    Backend,
    LostRace,
    Release,
    RolloutError,
    RolloutManifest,
    checked_product,
    checked_version,
)

_ACCESS_KEYS = "access_keys.json"


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

    def publish_bundle(self, product: str, version: str, folder: Path, *, over_damaged: bool = False) -> None:
        """Publishes a bundle's files under its version; publishing the same bytes again repairs what has changed.

        Args:
            over_damaged: The caller found that the published copy is no bundle of anybody: it is replaced.

        Raises:
            RolloutError: The folder is not a bundle, or the version was published with another content.
        """
        path = _bundle_path(product, version)
        if not (folder / LAST).is_file():
            raise RolloutError(f"{folder} has no {LAST}; write it with write_bundle")
        published = self.backend.read(f"{path}/{LAST}")
        if published not in (None, (folder / LAST).read_bytes()) and not over_damaged:
            raise RolloutError(
                f"version {version} of {product} is already published with another content; a bundle never changes: "
                f"publish this one under a new version"
            )
        if not self._has(path, folder):
            self.backend.upload(folder, path)

    def _has(self, path: str, folder: Path) -> bool:
        """Whether exactly these files are published, byte for byte."""
        files = {file.name: file for file in folder.iterdir()}
        return self.backend.names(path) == set(files) and all(
            self.backend.read(f"{path}/{name}") == file.read_bytes() for name, file in files.items()
        )

    def publish_manifest(self, product: str, manifest: RolloutManifest) -> None:
        """Replaces the product's state by the one of the next generation; readers see the previous or this one.

        Of several callers that read the same state, one wins and the others get LostRace.

        Raises:
            LostRace: The state is not the one of the generation before.
            RolloutError: It is the manifest of another product, or names a version that is not published or has
                another digest.
        """
        if manifest.product != checked_product(product):
            raise RolloutError(f"this manifest is of {manifest.product}, not of {product}")
        for _, release in manifest.roles:
            self._check_published(product, release)
        path = f"{product}/manifest.json"
        expected = self.backend.read(path)
        replaced = None if expected is None else self._parsed(product, expected)
        # The first state may have any number: generations go on after a state was lost.
        moved = replaced is not None and replaced.generation != manifest.generation - 1
        if moved or not self.backend.swap(path, manifest.to_json(), expected=expected):
            raise LostRace(
                f"the rollout of {product} has moved since version {manifest.champion.version} was decided on; "
                f"read it again and decide again: loopline approve, or the job {product}_retrain"
            )

    def has_bundle(self, product: str, version: str) -> bool:
        """Whether anything is published under a version.

        Raises:
            RolloutUnavailable: The store cannot be reached.
        """
        return self.backend.read(f"{_bundle_path(product, version)}/{LAST}") is not None

    def is_published(self, product: str, release: Release) -> bool:
        """Whether the release's bundle is published under its version.

        Raises:
            RolloutUnavailable: The store cannot be reached.
        """
        published = self.backend.read(f"{_bundle_path(product, release.version)}/{LAST}")
        return published is not None and hashlib.sha256(published).hexdigest() == release.digest

    def _check_published(self, product: str, release: Release) -> None:
        published = self.backend.read(f"{_bundle_path(product, release.version)}/{LAST}")
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
        return self._parsed(product, data)

    def write_evidence(self, product: str, rollout: str, name: str, data: bytes) -> None:
        """Replaces what one process has seen of a rollout.

        Raises:
            RolloutError: A name leads elsewhere.
            RolloutUnavailable: The store cannot be reached.
        """
        self.backend.replace(f"{_evidence_path(product, rollout)}/{checked_version(name)}.json", data)

    def read_evidence(self, product: str, rollout: str) -> dict[str, bytes]:
        """What each process has seen of a rollout, by its name; the names ascend.

        Raises:
            RolloutUnavailable: The store cannot be reached.
        """
        found = self.backend.contents(_evidence_path(product, rollout))
        return {name.removesuffix(".json"): data for name, data in found.items() if name.endswith(".json")}

    def _parsed(self, product: str, data: bytes) -> RolloutManifest:
        try:
            manifest = RolloutManifest.from_json(data)
        except RolloutError as error:
            raise RolloutError(
                f"the rollout manifest of {product} is damaged: {error}; restore {product}/manifest.json of the "
                f"rollout store, or remove it and run: loopline repair {product}"
            ) from error
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
        if self.backend.read(f"{path}/{LAST}") is None:
            raise RolloutError(
                f"version {version} of {product} is not published in this rollout store; publish it again from the "
                f"registry: loopline repair {product}"
            )
        return self.backend.download(path, self.landing / product / f"{version}-{release.digest[:12]}")

    def write_review_queue(self, product: str, data: bytes) -> None:
        """Replaces the cases of a product that people are asked about.

        Raises:
            RolloutUnavailable: The store cannot be reached.
        """
        self.backend.replace(_queue_path(product), data)

    def read_review_queue(self, product: str) -> bytes | None:
        """The cases of a product that people are asked about; `None` before the first queue.

        Raises:
            RolloutUnavailable: The store cannot be reached.
        """
        return self.backend.read(_queue_path(product))

    def read_access_keys(self) -> bytes | None:
        """The signed list of the decision service's callers; `None` before the first key.

        Raises:
            RolloutUnavailable: The store cannot be reached.
        """
        return self.backend.read(_ACCESS_KEYS)

    def replace_access_keys(self, data: bytes, *, expected: bytes | None) -> None:
        """Replaces the list of callers.

        Raises:
            LostRace: It is no longer the expected one.
            RolloutUnavailable: The store cannot be reached.
        """
        if not self.backend.swap(_ACCESS_KEYS, data, expected=expected):
            raise LostRace("somebody else changed the access keys meanwhile; run the command again")


def _bundle_path(product: str, version: str) -> str:
    return f"{checked_product(product)}/bundles/{checked_version(version)}"


def _evidence_path(product: str, rollout: str) -> str:
    return f"{checked_product(product)}/evidence/{checked_version(rollout)}"


def _queue_path(product: str) -> str:
    return f"{checked_product(product)}/review_queue.json"
