"""Assets of the registry: `registered_model`.

Belongs here: giving the evaluated candidate its version, signing and publishing its bundle. Does not belong here:
MLflow itself (`resources.tracking`), the bundle's files (`assets.bundle.files`), which version decides
(`assets.rollout`).
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

from assets.bundle.bundle import BundleError
from assets.bundle.files import load_bundle, write_bundle
from assets.bundle.registration import Registration
from assets.evaluation.assets import EVALUATED
from assets.governance.anchors import head_tag
from assets.governance.audit import Audit
from assets.governance.model_card import model_card
from assets.materialising import Stopwatch, asset_key, asset_of, permanent
from assets.product import Product
from assets.product.names import EVALUATION, REGISTERED_MODEL
from resources.code_version import code_version
from resources.keys import Keys
from resources.people import UNKNOWN
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking
from resources.tracking.tracking import AUTHOR_TAG


def registered_model_asset(product: Product) -> dg.AssetsDefinition:
    """`registered_model`: the candidate that passed every gate, as the next version, with its signed bundle."""
    name = REGISTERED_MODEL

    @asset_of(
        product,
        name,
        ins={"evaluation": dg.AssetIn(key=asset_key(product, EVALUATION))},
        group_name="registry",
        description="The candidate as a version of the registry, with its signed bundle in the rollout store.",
        kinds={"mlflow"},
    )
    def registered_model(
        context: dg.AssetExecutionContext,
        evaluation: dict[str, Any],
        tracking: dg.ResourceParam[Tracking],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
        audit: dg.ResourceParam[Audit],
    ) -> dg.MaterializeResult[Any]:
        watch, run = Stopwatch(name), tracking.resumed(evaluation["mlflow_run"])
        if evaluation["verdict"] != "promote":
            raise dg.Failure(
                description=f"{product.name}: the gates' verdict is '{evaluation['verdict']}'; nothing is registered. "
                f"See the checks of the asset evaluation",
                allow_retries=False,
            )
        version = tracking.next_version(product.name, run.run_id)
        with permanent(BundleError), TemporaryDirectory(prefix="loopline-") as scratch:
            evaluated = load_bundle(run.download(EVALUATED, Path(scratch)), keys.signing, None)
            # No timestamps: a retried step writes identical bytes, and so the same digest.
            parts, folder = replace(evaluated.parts, version=version), Path(scratch) / "bundle"
            digest = write_bundle(parts, folder, keys.signing)
            record = Registration.of(parts, digest=digest, author=run.tag(AUTHOR_TAG) or UNKNOWN, code=code_version())
            last = audit.last()
            tracking.register(product.name, run.run_id, folder, record.to_tags() | (head_tag(last) if last else {}))
            rollout.publish_bundle(product.name, version, folder)
        run.documents({"model_card": model_card(product, parts, digest=digest)})
        return watch.result(
            rows=1,
            value={"version": version, "digest": digest},
            version=version,
            digest=digest,
            mlflow_run=dg.MetadataValue.url(tracking.page(run.run_id)),
        )

    return registered_model
