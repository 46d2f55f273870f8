"""A published bundle, verified.

Belongs here: from a release of the rollout store to a bundle that may be used. Does not belong here: the bundle's files
(`bundle.py`), publishing (`assets.registry`), following the manifest (`assets.serving.watcher`).
"""

from assets.bundle.bundle import Bundle
from assets.bundle.files import load_bundle
from resources.rollout_store.manifest import Release
from resources.rollout_store.store import RolloutStore


def released_bundle(product: str, release: Release, rollout: RolloutStore, key: bytes) -> Bundle:
    """The bundle of a release.

    Args:
        key: The signing key.

    Raises:
        RolloutError: It is not published.
        BundleError: It is not what was signed, or not the one that the release names.
    """
    folder = rollout.fetch_bundle(product, release.version, release.digest)
    return load_bundle(folder, key, release.digest)
