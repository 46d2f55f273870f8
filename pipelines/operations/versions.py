"""The bundle of a version that a command names.

Belongs here: finding it in the rollout or in the registry. Does not belong here: what is done with it.
"""

from assets.bundle.bundle import Bundle
from assets.bundle.registration import Registration
from assets.bundle.released import released_bundle
from assets.product import Product
from resources.dependencies import require
from resources.environments import Environment
from resources.keys import Keys
from resources.rollout_store.manifest import Release
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking


def version_bundle(product: Product, environment: Environment, rollout: RolloutStore, version: str) -> Bundle:
    """The bundle of a version: one that the rollout knows needs no registry.

    Raises:
        TrackingError: The registry has no such version.
        RolloutError, BundleError: The bundle is not published, or was altered.
    """
    state = rollout.read_manifest(product.name)
    known = [] if state is None else [*(release for _, release in state.roles), *state.former]
    release = next((one for one in known if one.version == version), None)
    if release is None:
        require(environment, "MLflow", "MLflow's files")
        tags = Tracking.of(environment).version(product.name, version).tags
        release = Release(version=version, digest=Registration.from_tags(tags).digest)
    return released_bundle(product.name, release, rollout, Keys.of(environment.home).signing)
