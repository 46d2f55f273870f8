"""The verified bundle of a release, and that of a run.

Belongs here: fetching a release from the rollout store and verifying that its bundle is the one that is named. Does not
belong here: the bundle's files (`files.py`), publishing (`assets.registry`), following the manifest
(`assets.serving.live.watcher`).
"""

from pathlib import Path

from assets.bundle.bundle import Bundle, BundleError
from assets.bundle.files import load_bundle
from resources.rollout_store.manifest import Release
from resources.rollout_store.store import RolloutStore


def released_bundle(product: str, release: Release, rollout: RolloutStore, key: bytes) -> Bundle:
    """Fetches and verifies the bundle of a release.

    Args:
        key: The signing key.

    Raises:
        RolloutError: The bundle is not published.
        BundleError: The bundle was altered after signing, or is not the one that the release names; the message names
            the command that publishes it again.
    """
    folder = rollout.fetch_bundle(product, release.version, release.digest)
    try:
        return bundle_in(folder, product, release, key)
    except BundleError as error:
        raise BundleError(f"{error}; publish it again from the registry: loopline repair {product}") from error


def bundle_in(folder: Path, product: str, release: Release, key: bytes) -> Bundle:
    """The verified bundle of a release in a folder.

    Raises:
        BundleError: The bundle was altered after signing, or is one of another product, version or digest.
    """
    bundle = load_bundle(folder, key, release.digest)
    if (bundle.product, bundle.version) != (product, release.version):
        raise BundleError(
            f"bundle {folder} is of {bundle.product} version {bundle.version}; expected is {product} version "
            f"{release.version}"
        )
    return bundle


def bundle_of_run(folder: Path, product: str, run: str, key: bytes) -> Bundle:
    """The verified bundle that a training left with its run, which has no version yet.

    Args:
        folder: The files of the run.
        run: Id of the run.

    Raises:
        BundleError: The bundle was altered after signing, or is one of another product or run.
    """
    bundle = load_bundle(folder, key, None)
    made_by = bundle.parts.pins.get("mlflow_run")
    if (bundle.product, made_by) != (product, run):
        raise BundleError(
            f"the bundle of {product} in run {run} is of {bundle.product}, run {made_by}: its files were exchanged; "
            f"train again: the job {product}_retrain"
        )
    return bundle


def champion_bundle(product: str, rollout: RolloutStore, key: bytes) -> Bundle | None:
    """The bundle that decides now; `None` before the first one.

    Raises:
        RolloutError, BundleError: As for `released_bundle`.
    """
    manifest = rollout.read_manifest(product)
    return None if manifest is None else released_bundle(product, manifest.champion, rollout, key)
