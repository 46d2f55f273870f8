"""The features that the models of a product use.

Belongs here: reading features and importances from the signed bundles of live and of registered versions. Does not
belong here: the use of each feature that follows (`assets.features.catalogue.usage`).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from assets.bundle.bundle import BundleError
from assets.bundle.released import released_bundle
from assets.features.catalogue.sharing import LiveBundle
from assets.features.catalogue.usage import ModelUse
from resources.keys import Keys
from resources.rollout_store.manifest import Release, RolloutError, RolloutManifest, RolloutUnavailable
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking

_LOG = logging.getLogger("loopline.registry")
NEWEST_VERSIONS = 50
"""How many of the newest registered versions are read."""


def live_models(product: str, rollout: RolloutStore, keys: Keys) -> tuple[ModelUse, ...]:
    """The models of the rollout manifest; none before the first rollout.

    Raises:
        RolloutError: A bundle is not published.
        BundleError: A bundle was altered after signing.
    """
    manifest = rollout.read_manifest(product)
    if manifest is None:
        return ()
    return tuple(
        replace(_model_use(product, release, rollout, keys), roles=roles) for release, roles in _roles(manifest).items()
    )


@dataclass(frozen=True)
class LiveBundles:
    """The bundles of the rollout manifests of all products, and why others of them could not be read."""

    read: tuple[LiveBundle, ...]
    unread: Mapping[str, str]


def live_bundles(rollout: RolloutStore, keys: Keys) -> LiveBundles:
    """The live bundles of all products, with their features; a damaged one does not hide the others.

    Raises:
        RolloutUnavailable: The store of bundles cannot be reached.
    """
    read, unread = [], {}
    for product in rollout.products():
        try:
            manifest = rollout.read_manifest(product)
            for release, roles in _roles(manifest).items() if manifest else ():
                features = released_bundle(product, release, rollout, keys.signing).parts.kernel.features
                read.append(LiveBundle(product, release.version, roles, features))
        except RolloutUnavailable:
            raise
        except (RolloutError, BundleError) as error:
            unread[product] = str(error)
    return LiveBundles(tuple(read), unread)


def registered_models(product: str, tracking: Tracking, rollout: RolloutStore, keys: Keys) -> tuple[ModelUse, ...]:
    """The models of the newest registered versions, oldest first, with their roles in the rollout manifest.

    A version whose registration was killed before its bundle was published is left out: nothing can decide with it.

    Raises:
        RolloutError: The rollout store cannot be reached.
        BundleError: A bundle was altered after signing.
    """
    manifest = rollout.read_manifest(product)
    roles = _roles(manifest) if manifest else {}
    models = []
    for registered in [version for version in tracking.versions(product) if version.ready][-NEWEST_VERSIONS:]:
        release = Release(version=registered.version, digest=registered.tags["loopline.digest"])
        if not rollout.has_bundle(product, release.version):
            _LOG.warning("%s version %s is registered but not published: left out", product, registered.version)
            continue
        models.append(replace(_model_use(product, release, rollout, keys), roles=roles.get(release, ())))
    return tuple(models)


def _roles(manifest: RolloutManifest) -> dict[Release, tuple[str, ...]]:
    """The roles of each release."""
    roles: dict[Release, tuple[str, ...]] = {}
    for role, release in manifest.roles:
        roles[release] = (*roles.get(release, ()), role)
    return roles


def _model_use(product: str, release: Release, rollout: RolloutStore, keys: Keys) -> ModelUse:
    parts = released_bundle(product, release, rollout, keys.signing).parts
    importance = {str(row["feature"]): float(row["share"]) for row in parts.metrics.get("importance", ())}
    return ModelUse(release.version, (), parts.kernel.features.names, importance)
