"""Assets of the rollout: `deployment`, which makes a registered version the champion.

Belongs here: moving the alias and the rollout manifest, and recording both moves. Does not belong here: whether a
version may be promoted (`promotion.py`), MLflow itself (`resources.tracking`), following the manifest
(`assets.serving.watcher`).
"""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import Field

from assets.bundle.registration import Approval, Registration, RegistrationError
from assets.governance.audit_database import Audit
from assets.materialising import Stopwatch, asset_key, asset_of, permanent
from assets.product import Product, Verdict
from assets.product.names import DEPLOYMENT, REGISTERED_MODEL
from assets.rollout.promotion import PromotionAction, PromotionSignals, promotion_verdict
from resources.clock import Clock
from resources.environments import Environment
from resources.rollout_store.manifest import Release, RolloutManifest
from resources.rollout_store.store import RolloutStore
from resources.tracking import LostRace, Tracking, TrackingError


class DeploymentChoice(dg.Config):
    """Which version to deploy."""

    version: str | None = Field(default=None, description="A version of the registry; by default the newest one.")


def deployment_asset(product: Product) -> dg.AssetsDefinition:
    """`deployment`: promotes a version; the decision service follows the rollout manifest by itself."""
    name = DEPLOYMENT

    @asset_of(
        product,
        name,
        ins={"registered_model": dg.AssetIn(key=asset_key(product, REGISTERED_MODEL))},
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
        audit: dg.ResourceParam[Audit],
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
        if before != version:  # else an earlier run moved the alias, then failed
            approval = _approval(product, tracking, environment, version, clock.now())
            verdict = _verdict(product, tracking, version, digest, approval, before, clock.now())
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


def _verdict(
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
    """The version's approval. The sandbox has no approver, so there it is approved under the name `sandbox`."""
    recorded = Approval.from_tags(tracking.version(product.name, version).tags)
    if recorded is not None or not environment.sandbox or product.impact != "high":
        return recorded
    reason = "the sandbox has no risk officer; elsewhere a person approves"
    automatic = Approval(version=version, answer="approve", by="sandbox", reason=reason, at=now)
    tracking.annotate(product.name, version, automatic.to_tags())
    return automatic


def _refusal(product: Product, version: str, verdict: Verdict[PromotionAction]) -> str:
    remedy = {
        "wait": f"Ask for: loopline approve {product.name} {version} --by NAME --reason TEXT",
        "evaluate_again": f"Run the job {product.name}_retrain again",
        "refuse": "See the checks of the asset evaluation, and the version's approval",
        "promote": "",
    }[verdict.action]
    return f"{product.name} version {version}: {verdict.action}: {'; '.join(verdict.reasons)}. {remedy}"
