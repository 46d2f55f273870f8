"""The bundle of any version of a product, for commands that read one.

Belongs here: finding a version's release and its verified bundle. Does not belong here: what is done with it, and
publishing a damaged one again (`pipelines.operations.rollout`).
"""

from pathlib import Path

from assets.bundle.bundle import Bundle
from assets.bundle.registration import Registration
from assets.bundle.released import released_bundle
from resources.dependencies import require
from resources.environments import Environment
from resources.keys import Keys
from resources.rollout_store.manifest import Release
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking


def bundle_of_version(product: str, environment: Environment, version: str) -> Bundle:
    """The verified bundle of a version.

    Raises:
        TrackingError: The registry has no such version.
        RolloutError, BundleError: The bundle is not published, or was altered.
        DependencyDown: The store of bundles, or the registry where it is asked, does not answer.
    """
    require(environment, "bundles")
    store = _store(environment)
    release = _release(product, environment, store, version)
    return released_bundle(product, release, store, Keys.of(environment.home).signing)


def folder_of(bundle: Bundle, environment: Environment) -> Path:
    """A local folder with the files of a published bundle.

    Raises:
        RolloutError: The bundle is not published.
    """
    return _store(environment).fetch_bundle(bundle.product, bundle.version, bundle.digest)


def _release(product: str, environment: Environment, store: RolloutStore, version: str) -> Release:
    """The release of a version; one that the rollout knows needs no registry."""
    state = store.read_manifest(product)
    known = [] if state is None else [*(release for _, release in state.roles), *state.former]
    release = next((one for one in known if one.version == version), None)
    if release is None:
        require(environment, "MLflow", "MLflow's files")
        tags = Tracking.of(environment).version(product, version).tags
        release = Release(version=version, digest=Registration.from_tags(tags).digest)
    return release


def _store(environment: Environment) -> RolloutStore:
    return RolloutStore.open(environment.rollout, environment.home / "fetched")
