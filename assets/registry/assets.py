"""Assets of the registry: `registered_model`, and `deployment`, which makes it decide.

Belongs here: giving the evaluated candidate its version, signing and publishing its bundle, moving alias and manifest. Does not belong
here: MLflow itself (`resources.tracking`), the bundle's form (`assets.serving.bundle`). The deployment stands here and not with
serving, since what runs in the decision process knows nothing of Dagster.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

from assets.evaluation.assets import EVALUATED
from assets.governance.model_card import model_card
from assets.materialising import Stopwatch, asset_key, permanent
from assets.product import Product
from assets.serving.bundle import BundleError, load_bundle, write_bundle
from resources.clock import Clock
from resources.keys import Keys
from resources.rollout_store import Release, RolloutManifest, RolloutStore
from resources.tracking import LostRace, Tracking


def registered_model_asset(product: Product) -> dg.AssetsDefinition:
    """`registered_model`: the candidate that passed every gate, as the next version, with its signed bundle."""
    name = "registered_model"

    @dg.asset(
        key=asset_key(product, name),
        ins={"evaluation": dg.AssetIn(key=asset_key(product, "evaluation"))},
        group_name="registry",
        description="The candidate as a version of the registry, with its signed bundle in the rollout store.",
        kinds={"mlflow"},
        owners=[product.owner],
    )
    def registered_model(
        context: dg.AssetExecutionContext,
        evaluation: dict[str, Any],
        tracking: dg.ResourceParam[Tracking],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
        clock: dg.ResourceParam[Clock],
    ) -> dg.MaterializeResult[Any]:
        watch, run = Stopwatch(name), tracking.resumed(evaluation["mlflow_run"])
        if evaluation["verdict"] != "promote":
            raise dg.Failure(
                description=f"{product.name}: the gates said '{evaluation['verdict']}'; nothing is registered. "
                f"See the checks of the asset evaluation",
                allow_retries=False,
            )
        version = tracking.next_version(product.name, run.run_id)
        with permanent(BundleError), TemporaryDirectory(prefix="loopline-") as place:
            evaluated = load_bundle(run.download(EVALUATED, Path(place)), keys.signing, None)
            folder = Path(place) / "bundle"
            digest = write_bundle(
                replace(evaluated.parts, version=version, created_at=clock.now()), folder, keys.signing
            )
            tags = {"auc": f"{evaluated.parts.metrics['metrics']['test']['auc']:.4f}", "digest": digest}
            made = tracking.register(product.name, run.run_id, folder, tags)
            if made.version != version:
                raise dg.Failure(f"{product.name}: version {version} was taken by another run; run this step again")
            rollout.publish_bundle(product.name, version, folder)
        run.documents({"model_card": model_card(product, evaluated.parts)})
        value = {"version": version, "digest": digest, "compared_with": evaluation["compared_with"]}
        return watch.result(rows=1, value=value, version=version, digest=digest, mlflow_run=run.run_id)

    return registered_model


def deployment_asset(product: Product) -> dg.AssetsDefinition:
    """`deployment`: the version that decides from now on; the service follows the manifest by itself."""
    name = "deployment"

    @dg.asset(
        key=asset_key(product, name),
        ins={"registered_model": dg.AssetIn(key=asset_key(product, "registered_model"))},
        group_name="serving",
        description="The rollout manifest and the alias champion, moved by compare-and-set.",
        kinds={"bentoml"},
        owners=[product.owner],
    )
    def deployment(
        context: dg.AssetExecutionContext,
        registered_model: dict[str, Any],
        tracking: dg.ResourceParam[Tracking],
        rollout: dg.ResourceParam[RolloutStore],
    ) -> dg.MaterializeResult[Any]:
        watch, version = Stopwatch(name), registered_model["version"]
        with permanent(LostRace):
            tracking.promote(product.name, version, expected=registered_model["compared_with"])
        manifest = RolloutManifest(
            product=product.name,
            champion=Release(version=version, digest=registered_model["digest"]),
            updated_at=datetime.now(UTC),
            by=f"dagster run {context.run.run_id}",
            reason=f"passed every gate; compared with {registered_model['compared_with'] or 'no champion'}",
        )
        rollout.publish_manifest(product.name, manifest)
        return watch.result(rows=1, champion=version, replaced=registered_model["compared_with"] or "none")

    return deployment
