"""Assets of the registry: `registered_model`, `model_documents`.

Belongs here: giving the evaluated candidate its version, signing and publishing its bundle; keeping documents and
inventory up to date. Does not belong here: what they say (`documents.py`, `inventory.py`),
MLflow itself (`resources.tracking`), the bundle's files (`assets.bundle.files`), which version decides
(`assets.rollout`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

from assets.bundle.bundle import BundleError
from assets.bundle.files import write_bundle
from assets.bundle.registration import Registration, RegistrationError
from assets.bundle.released import bundle_of_run
from assets.evaluation.assets import EVALUATED
from assets.governance.anchors import head_tag
from assets.governance.audit import Audit
from assets.governance.documents.records import DocumentError
from assets.governance.model_card import CardError, model_card
from assets.materialising import Stopwatch, asset_key, asset_of, permanent
from assets.product import Product
from assets.product.names import DEPLOYMENT, EVALUATION, MODEL_DOCUMENTS, REGISTERED_MODEL, ROLLOUT
from assets.registry.documents import documented, keep_all
from assets.registry.inventory import inventory_of
from assets.registry.inventory_page import to_html
from assets.rollout.keeper import Keeper
from assets.rollout.registered import record_registration
from resources.code_version import code_version
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake
from resources.pages import Pages
from resources.people import UNKNOWN
from resources.rollout_store.manifest import RolloutError
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking
from resources.tracking.tracking import AUTHOR_TAG

Products = Callable[[], tuple[Sequence[Product], Mapping[str, str]]]
"""All products, and by name the reason why another cannot be loaded."""
_INVENTORY = "model_inventory"


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
        environment: dg.ResourceParam[Environment],
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
            folder = run.download(EVALUATED, Path(scratch))
            evaluated = bundle_of_run(folder, product.name, run.run_id, keys.signing)
            # No timestamps: a retried step writes identical bytes, and so the same digest.
            parts, folder = replace(evaluated.parts, version=version), Path(scratch) / "bundle"
            digest = write_bundle(parts, folder, keys.signing)
            record = Registration.of(parts, digest=digest, author=run.tag(AUTHOR_TAG) or UNKNOWN, code=code_version())
            record_registration(audit, record, version, environment.clock.now())
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


def model_documents_asset(product: Product, products: Products) -> dg.AssetsDefinition:
    """`model_documents`: model card and model-risk document of the versions in use, and the inventory of all models.

    Args:
        products: Finds the products of the inventory.
    """
    name = MODEL_DOCUMENTS

    @asset_of(
        product,
        name,
        deps=[asset_key(product, DEPLOYMENT), asset_key(product, ROLLOUT)],
        group_name="registry",
        description="Model card and model-risk document of each version in use, from records alone; the inventory.",
        kinds={"mlflow", "html"},
    )
    def model_documents(
        context: dg.AssetExecutionContext,
        tracking: dg.ResourceParam[Tracking],
        rollout: dg.ResourceParam[RolloutStore],
        keys: dg.ResourceParam[Keys],
        audit: dg.ResourceParam[Audit],
        lake: dg.ResourceParam[Lake],
        environment: dg.ResourceParam[Environment],
    ) -> dg.MaterializeResult[Any]:
        watch, now = Stopwatch(name), environment.clock.now()
        keeper = Keeper(tracking, rollout, audit, keys.signing)
        with permanent(BundleError, CardError, DocumentError, RegistrationError, RolloutError):
            unmade, versions = keep_all(product, keeper, lake, now), documented(keeper, product.name)
            found = inventory_of(*products(), keeper, now)
        address = Pages(environment.pages).keep(_INVENTORY, now.date(), to_html(found))
        missing = {one.version: one.missing for one in found.entries if one.product == product.name and one.missing}
        return watch.result(
            rows=len(versions), versions=list(versions), missing=missing, unmade=dict(unmade),
            inventory=dg.MetadataValue.url(address if "://" in address else f"file://{address}"),
            overdue=[f"{one.product} {one.version}" for one in found.entries if one.overdue],
        )  # fmt: skip

    return model_documents
