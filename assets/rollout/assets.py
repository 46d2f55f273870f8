"""Assets of the rollout: `deployment`, which makes a registered version the champion.

Belongs here: reading what is recorded about a version, and moving the rollout state to it. Does not belong here:
whether a version may be promoted (`promotion.py`), the steps of a move (`keeper.py`), following the state
(`assets.serving.watcher`).
"""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import Field

from assets.bundle.bundle import BundleError
from assets.bundle.registration import Approval, Registration, RegistrationError
from assets.governance.audit import Audit
from assets.governance.audit_entries import AuditLogDamaged
from assets.materialising import Stopwatch, asset_key, asset_of, permanent
from assets.product import Product, Verdict
from assets.product.names import DEPLOYMENT, REGISTERED_MODEL
from assets.rollout.keeper import Keeper
from assets.rollout.promotion import PromotionAction, PromotionSignals, promotion_verdict
from resources.clock import Clock
from resources.environments import Environment
from resources.keys import Keys
from resources.rollout_store.manifest import Release, RolloutError, RolloutManifest
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking, TrackingError

_LASTING = (AuditLogDamaged, BundleError, RegistrationError, RolloutError, TrackingError)


class DeploymentChoice(dg.Config):
    """Which version to deploy."""

    version: str | None = Field(default=None, description="A version of the registry; by default the newest one.")


def deployment_asset(product: Product) -> dg.AssetsDefinition:
    """`deployment`: promotes a version; the decision service follows the rollout state by itself.

    A version that needs an approver waits: the run succeeds, and the metadata `waiting` has the version, its model card
    and the command.
    """
    name = DEPLOYMENT

    @asset_of(
        product,
        name,
        ins={"registered_model": dg.AssetIn(key=asset_key(product, REGISTERED_MODEL))},
        group_name="serving",
        description="The rollout state, moved by compare-and-set; the registry's aliases and the audit log follow it.",
        kinds={"bentoml"},
    )
    def deployment(
        context: dg.AssetExecutionContext,
        config: DeploymentChoice,
        registered_model: dict[str, Any],
        tracking: dg.ResourceParam[Tracking],
        rollout: dg.ResourceParam[RolloutStore],
        audit: dg.ResourceParam[Audit],
        keys: dg.ResourceParam[Keys],
        environment: dg.ResourceParam[Environment],
        clock: dg.ResourceParam[Clock],
    ) -> dg.MaterializeResult[Any]:
        watch, version = Stopwatch(name), config.version or registered_model["version"]
        keeper = Keeper(tracking, rollout, audit, keys.signing)
        with permanent(*_LASTING), tracking.alone(product.name):
            repaired = _repaired(keeper, product, version, clock.now())
            state = keeper.state(product.name)
            before = state.champion.version if state else None
            verdict = Verdict[PromotionAction]("promote", ("it is the champion already",))
            if before != version:
                release = keeper.release(product.name, version)
                keeper.published(product.name, release)
                answers = _answers(product, tracking, audit, environment, version)
                verdict = _verdict(product, tracking, release, answers, before, clock.now())
                if verdict.action == "promote":
                    _move(keeper, product, release, state, context.run.run_id, verdict)
        if verdict.action == "wait":
            waiting = _waiting(product, tracking, environment, version, verdict)
            return watch.result(rows=1, champion=before or "none", waiting=waiting, repaired=list(repaired))
        if verdict.action != "promote":
            raise dg.Failure(description=_refusal(product, version, verdict), allow_retries=False)
        return watch.result(
            rows=1, champion=version, replaced=before or "none", reasons=list(verdict.reasons), repaired=list(repaired)
        )

    return deployment


def _repaired(keeper: Keeper, product: Product, version: str, now: datetime) -> tuple[str, ...]:
    """What was repaired of the present state. A champion that is whole nowhere does not keep another version out."""
    try:
        return keeper.repair(product.name, at=now)
    except BundleError as error:
        state = keeper.state(product.name)
        if state is None or state.champion.version == version:
            raise
        return (str(error),)


def _move(
    keeper: Keeper,
    product: Product,
    release: Release,
    state: RolloutManifest | None,
    run_id: str,
    verdict: Verdict[PromotionAction],
) -> None:
    keeper.move(
        product.name,
        release,
        state,
        by=f"dagster run {run_id}",
        reason="; ".join(verdict.reasons),
        at=datetime.now(UTC),
    )
    keeper.follow(product.name, replaced=state.champion.version if state else None)


def _verdict(
    product: Product,
    tracking: Tracking,
    release: Release,
    answers: tuple[Approval, ...],
    champion: str | None,
    now: datetime,
) -> Verdict[PromotionAction]:
    """The verdict on a release whose published bundle was verified."""
    signals = PromotionSignals(
        version=release.version,
        registration=Registration.from_tags(tracking.version(product.name, release.version).tags),
        digest=release.digest,
        impact=product.impact,
        answers=answers,
        champion=champion,
    )
    return promotion_verdict(signals, now)


def _answers(
    product: Product, tracking: Tracking, audit: Audit, environment: Environment, version: str
) -> tuple[Approval, ...]:
    """The version's answers. A product of the sandbox has no approver: it is approved under the name `sandbox`."""
    recorded = Approval.all_from_tags(tracking.version(product.name, version).tags)
    if recorded or not (environment.sandbox and product.sandbox) or product.impact != "high":
        return recorded
    reason, at = "the sandbox has no risk officer; elsewhere a person approves", datetime.now(UTC)
    automatic = Approval(version=version, answer="approve", by="sandbox", reason=reason, at=at)
    audit.append(actor="sandbox", action="approve", product=product.name, version=version, reason=reason, at=at)
    tracking.annotate(product.name, version, automatic.to_tags(earlier=0))
    return (automatic,)


def _waiting(
    product: Product, tracking: Tracking, environment: Environment, version: str, verdict: Verdict[PromotionAction]
) -> dict[str, str]:
    """What a person needs to answer: the version, the reason, the model card and the commands."""
    run = tracking.resumed(tracking.version(product.name, version).run_id)
    uri = environment.mlflow_tracking_uri
    pages = uri if uri.startswith("http") else f"http://127.0.0.1:{environment.ports.mlflow}"
    terms = f"{product.name} {version} --by NAME --reason TEXT"
    return {
        "version": version,
        "reason": "; ".join(verdict.reasons),
        "model_card": f"{run.page(pages)}/artifacts/documents/model_card.md",
        "approve": f"loopline approve {terms}",
        "reject": f"loopline reject {terms}",
    }


def _refusal(product: Product, version: str, verdict: Verdict[PromotionAction]) -> str:
    remedy = {
        "evaluate_again": f"Run the job {product.name}_retrain again",
        "refuse": "See the checks of the asset evaluation, and the answers on the version",
        "wait": "",
        "promote": "",
    }[verdict.action]
    return f"{product.name} version {version}: {verdict.action}: {'; '.join(verdict.reasons)}. {remedy}"
