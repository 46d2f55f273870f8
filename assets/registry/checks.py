"""The checks of features against the models that decide: unused ones, and changes of shared ones.

Belongs here: the Dagster checks. Does not belong here: the rule by which a feature counts as used
(`assets.features.catalogue.usage`), the comparison of shared features (`assets.features.catalogue.sharing`), the page
(`assets.features.catalogue.render`).
"""

from typing import Any

import dagster as dg

from assets.features.catalogue.render import to_markdown
from assets.features.catalogue.sharing import shared, shared_changes
from assets.features.catalogue.survey import survey
from assets.materialising import asset_key
from assets.product import Product
from assets.product.names import FEATURES
from assets.registry.uses import live_bundles, live_models
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


def shared_features_check(product: Product) -> dg.AssetChecksDefinition | None:
    """`shared_features_are_live`: warns of shared features that live bundles compute otherwise; it does not block.

    `None` for a product without shared features.
    """
    groups = sorted({feature.group for feature in shared(product.features)})
    if not groups:
        return None

    @dg.asset_check(
        asset=asset_key(product, FEATURES),
        name="shared_features_are_live",
        blocking=False,
        description=f"Live bundles of all products compute the features of {', '.join(groups)} as declared now.",
    )
    def shared_features_are_live(
        rollout: dg.ResourceParam[RolloutStore], keys: dg.ResourceParam[Keys]
    ) -> dg.AssetCheckResult:
        live = live_bundles(rollout, keys)
        changes = shared_changes({product.name: product.features}, live.read)
        found = [*(change.sentence for change in changes), *live.unread.values()]
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(found) or "no live bundle computes them otherwise",
            metadata={
                "groups": dg.MetadataValue.json(groups),
                "products": dg.MetadataValue.json(sorted({name for one in changes for name in one.products})),
                "bundles": dg.MetadataValue.json(sorted({label for one in changes for label in one.bundles})),
            },
        )

    return shared_features_are_live
