"""Assets of the registry: `registered_model`, and `deployment`, which makes it decide.

Belongs here: giving the evaluated candidate its version, signing and publishing its bundle, moving alias and
manifest. Does not belong here: MLflow itself (`resources.tracking`), the bundle's form (`assets.bundle.bundle`). The
deployment stands here and not with serving, since what runs in the decision process knows nothing of Dagster.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
from pydantic import Field

from assets.bundle.bundle import BundleError, load_bundle, write_bundle
from assets.bundle.registration import Approval, Registration, RegistrationError
from assets.evaluation.assets import EVALUATED
from assets.governance.audit_log import AuditLog
from assets.governance.model_card import model_card
from assets.materialising import Stopwatch, asset_key, asset_of, permanent
from assets.product import Product, Verdict
from assets.rollout.promotion import PromotionAction, PromotionSignals, promotion_verdict
from resources.clock import Clock
from resources.code_version import code_version
from resources.environments import Environment
from resources.keys import Keys
from resources.rollout_store.manifest import Release, RolloutManifest
from resources.rollout_store.store import RolloutStore
from resources.tracking import LostRace, Tracking, TrackingError


def registered_model_asset(product: Product) -> dg.AssetsDefinition:
    """`registered_model`: the candidate that passed every gate, as the next version, with its signed bundle."""
    name = "registered_model"

    @asset_of(
        product,
        name,
        ins={"evaluation": dg.AssetIn(key=asset_key(product, "evaluation"))},
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
            # Nothing of this moment goes in: a step that is tried again writes the same bytes, and so the same digest.
            parts, folder = replace(evaluated.parts, version=version), Path(place) / "bundle"
            digest = write_bundle(parts, folder, keys.signing)
            record = Registration.of(parts, digest=digest, author=product.owner, code=code_version())
            tracking.register(product.name, run.run_id, folder, record.to_tags())
            rollout.publish_bundle(product.name, version, folder)
        run.documents({"model_card": model_card(product, parts, digest=digest)})
        return watch.result(
            rows=1, value={"version": version, "digest": digest}, version=version, digest=digest, mlflow_run=run.run_id
        )

    return registered_model


class DeploymentChoice(dg.Config):
    """Which version to deploy."""

    version: str | None = Field(default=None, description="A version of the registry; by default the newest one.")


def deployment_asset(product: Product) -> dg.AssetsDefinition:
    """`deployment`: the version that decides from now on; the service follows the manifest by itself."""
    name = "deployment"

    @asset_of(
        product,
        name,
        ins={"registered_model": dg.AssetIn(key=asset_key(product, "registered_model"))},
        group_name="serving",
        description="The rollout manifest and the alias champion, moved by compare-and-set.",
        kinds={"bentoml"},
    )
    def deployment(
        context: dg.AssetExecutionContext,
        config: DeploymentChoice,
        registered_model: dict[str, Any],
        tracking: dg.ResourceParam[Tracking],
        rollout: dg.ResourceParam[RolloutStore],
        audit: dg.ResourceParam[AuditLog],
        environment: dg.ResourceParam[Environment],
        clock: dg.ResourceParam[Clock],
    ) -> dg.MaterializeResult[Any]:
        watch, version, digest = Stopwatch(name), registered_model["version"], registered_model["digest"]
        if config.version not in (None, version):
            with permanent(TrackingError, RegistrationError):
                version, digest = config.version, _digest(product, tracking, config.version)
        champion = tracking.champion(product.name)
        before = champion.version if champion else None
        reasons: tuple[str, ...] = ("it is the champion already",)
        if before != version:  # else an earlier try moved the alias and went no further
            approval = _approval(product, tracking, environment, version, clock.now())
            verdict = _may_be_promoted(product, tracking, version, digest, approval, before, clock.now())
            if verdict.action != "promote":
                raise dg.Failure(description=_refusal(product, version, verdict), allow_retries=False)
            with permanent(LostRace):
                tracking.promote(product.name, version, expected=before)
            reasons = verdict.reasons
        by = f"dagster run {context.run.run_id}"
        manifest = RolloutManifest(
            product=product.name,
            champion=Release(version=version, digest=digest),
            updated_at=datetime.now(UTC),
            by=by,
            reason="; ".join(reasons),
        )
        rollout.publish_manifest(product.name, manifest)
        audit.append(
            actor=by, action="promote", product=product.name, version=version, reason=manifest.reason,
            at=datetime.now(UTC), details={"digest": digest, "replaced": before},
        )  # fmt: skip
        return watch.result(rows=1, champion=version, replaced=before or "none", reasons=list(reasons))

    return deployment


def _digest(product: Product, tracking: Tracking, version: str) -> str:
    """The digest that the version's bundle was registered with."""
    return Registration.from_tags(tracking.version(product.name, version).tags).digest


def _may_be_promoted(
    product: Product,
    tracking: Tracking,
    version: str,
    digest: str,
    approval: Approval | None,
    champion: str | None,
    now: datetime,
) -> Verdict[PromotionAction]:
    signals = PromotionSignals(
        version=version,
        registration=Registration.from_tags(tracking.version(product.name, version).tags),
        digest=digest,
        impact=product.impact,
        approval=approval,
        champion=champion,
    )
    return promotion_verdict(signals, now)


def _approval(
    product: Product, tracking: Tracking, environment: Environment, version: str, now: datetime
) -> Approval | None:
    """What a person said of the version. The sandbox has no person, so it says yes itself, under its own name."""
    said = Approval.from_tags(tracking.version(product.name, version).tags)
    if said is not None or not environment.sandbox or product.impact != "high":
        return said
    reason = "the sandbox has no risk officer; elsewhere a person approves"
    own = Approval(version=version, answer="approve", by="sandbox", reason=reason, at=now)
    tracking.annotate(product.name, version, own.to_tags())
    return own


def _refusal(product: Product, version: str, verdict: Verdict[PromotionAction]) -> str:
    remedy = {
        "wait": f"Ask for: loopline approve {product.name} {version} --by NAME --reason TEXT",
        "evaluate_again": f"Run the job {product.name}_retrain again",
        "refuse": "See the checks of the asset evaluation, and what was said of the version",
        "promote": "",
    }[verdict.action]
    return f"{product.name} version {version}: {verdict.action}: {'; '.join(verdict.reasons)}. {remedy}"
