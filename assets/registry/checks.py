"""Checks of features: which of them no model uses.

Belongs here: the check in Dagster's words. Does not belong here: what use is (`assets.features.catalogue.usage`), the
page (`assets.features.catalogue.render`).
"""

from typing import Any

import dagster as dg

from assets.features.catalogue.render import to_markdown
from assets.features.catalogue.survey import survey
from assets.materialising import asset_key
from assets.product import Product
from assets.product.names import FEATURES
from assets.registry.uses import live_models
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore


def unused_features_check(product: Product) -> dg.AssetChecksDefinition:
    """`every_feature_is_used`: a warning for features that no deciding model uses; it holds nothing up."""

    @dg.asset_check(
        asset=asset_key(product, FEATURES),
        name="every_feature_is_used",
        blocking=False,
        description="Every declared feature is used by a model that decides; the metadata is the catalogue.",
    )
    def every_feature_is_used(
        lake: dg.ResourceParam[Lake], rollout: dg.ResourceParam[RolloutStore], keys: dg.ResourceParam[Keys]
    ) -> dg.AssetCheckResult:
        found = survey(product, lake, live_models(product.name, rollout, keys))
        said = f"all {len(found.entries)} features are used" if found.models else "no model decides yet"
        if found.unused:
            said = f"used by no model that decides: {', '.join(found.unused)}; train with them, or remove their lines"
        metadata: dict[str, Any] = {
            "unused": dg.MetadataValue.json(list(found.unused)),
            "catalogue": dg.MetadataValue.md(to_markdown(found)),
        }
        return dg.AssetCheckResult(
            passed=not found.unused, severity=dg.AssetCheckSeverity.WARN, description=said, metadata=metadata
        )

    return every_feature_is_used
