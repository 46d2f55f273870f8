"""The check for features that no deciding model uses.

Belongs here: the Dagster check. Does not belong here: the rule by which a feature counts as used
(`assets.features.catalogue.usage`), the page (`assets.features.catalogue.render`).
"""

from typing import Any

import dagster as dg

from assets.features.catalogue.render import to_markdown
from assets.features.catalogue.survey import survey
from assets.materialising import asset_key
from assets.product import Product
from assets.product.names import FEATURES
from assets.registry.uses import live_models
from resources.errors import listed
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore


def unused_features_check(product: Product) -> dg.AssetChecksDefinition:
    """`every_feature_is_used`: warns of features that no deciding model uses; it does not block."""

    @dg.asset_check(
        asset=asset_key(product, FEATURES),
        name="every_feature_is_used",
        blocking=False,
        description="Every declared feature is used by a model that decides; the metadata is the catalogue.",
    )
    def every_feature_is_used(
        lake: dg.ResourceParam[Lake], rollout: dg.ResourceParam[RolloutStore], keys: dg.ResourceParam[Keys]
    ) -> dg.AssetCheckResult:
        catalogue = survey(product, lake, live_models(product.name, rollout, keys))
        text = f"all {len(catalogue.entries)} features are used" if catalogue.models else "no model decides yet"
        if catalogue.unused:
            text = f"no deciding model uses {listed(catalogue.unused)}; train with them, or remove their lines"
        metadata: dict[str, Any] = {
            "unused": dg.MetadataValue.json(list(catalogue.unused)),
            "catalogue": dg.MetadataValue.md(to_markdown(catalogue)),
        }
        return dg.AssetCheckResult(
            passed=not catalogue.unused, severity=dg.AssetCheckSeverity.WARN, description=text, metadata=metadata
        )

    return every_feature_is_used
