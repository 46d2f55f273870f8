"""Which features the models of a product use.

Belongs here: reading it from signed bundles: those that decide, and those that are registered. Does not belong here:
what follows for a feature (`assets.features.catalogue.usage`).
"""

from dataclasses import replace

from assets.bundle.released import released_bundle
from assets.features.catalogue.usage import ModelUse
from resources.keys import Keys
from resources.rollout_store.manifest import Release, RolloutManifest
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking

NEWEST_VERSIONS = 50
"""The most registered versions that are read, the newest."""


def live_models(product: str, rollout: RolloutStore, keys: Keys) -> tuple[ModelUse, ...]:
    """The models of the rollout manifest; none before the first rollout.

    Raises:
        RolloutError, BundleError: A bundle is not there, or not what was signed.
    """
    manifest = rollout.read_manifest(product)
    if manifest is None:
        return ()
    released = _roles(manifest)
    return tuple(
        replace(_model_use(product, release, rollout, keys), roles=roles) for release, roles in released.items()
    )


def registered_models(product: str, tracking: Tracking, rollout: RolloutStore, keys: Keys) -> tuple[ModelUse, ...]:
    """The newest registered versions, the oldest first, with the roles that the rollout manifest gives them.

    Raises:
        RolloutError, BundleError: A bundle is not there, or not what was signed.
    """
    manifest = rollout.read_manifest(product)
    released = _roles(manifest) if manifest else {}
    found = []
    for known in [version for version in tracking.versions(product) if version.ready][-NEWEST_VERSIONS:]:
        release = Release(version=known.version, digest=known.tags["loopline.digest"])
        found.append(replace(_model_use(product, release, rollout, keys), roles=released.get(release, ())))
    return tuple(found)


def _roles(manifest: RolloutManifest) -> dict[Release, tuple[str, ...]]:
    """Each release's roles."""
    found: dict[Release, tuple[str, ...]] = {}
    for role in ("champion", "challenger", "shadow"):
        release = getattr(manifest, role)
        if release is not None:
            found[release] = (*found.get(release, ()), role)
    return found


def _model_use(product: str, release: Release, rollout: RolloutStore, keys: Keys) -> ModelUse:
    parts = released_bundle(product, release, rollout, keys.signing).parts
    importance = {str(row["feature"]): float(row["share"]) for row in parts.metrics.get("importance", ())}
    return ModelUse(release.version, (), parts.kernel.features.names, importance)
