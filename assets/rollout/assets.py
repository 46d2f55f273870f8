"""Assets of the rollout: `deployment`, which begins the rollout of a version, and `rollout`, which moves it on.

Belongs here: what a person or a sensor can ask for, and what the UI shows of it. Does not belong here: the steps of a
deployment (`deploying.py`), the steward (`steward.py`), the moves (`moves.py`), following the state
(`assets.serving.live.watcher`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from assets.bundle.bundle import BundleError
from assets.bundle.registration import RegistrationError
from assets.governance.audit import Audit
from assets.governance.audit_entries import AuditLogDamaged
from assets.materialising import Stopwatch, asset_key, asset_of, permanent, picture
from assets.product import Product, Verdict
from assets.product.names import DEPLOYMENT, REGISTERED_MODEL, ROLLOUT
from assets.rollout.by_hand import asked
from assets.rollout.deploying import (
    kept_page,
    policy_in,
    refusal,
    repaired_state,
    rolled_out,
    verdict_on,
    waiting_for,
)
from assets.rollout.keeper import Keeper
from assets.rollout.moves import Who, last_begun, where
from assets.rollout.outcomes.results import Results, brief, late_of, results_of
from assets.rollout.permits import Approvals, Permit, first_share
from assets.rollout.promotion import PromotionAction
from assets.rollout.steward import BY, Look, follow_results, look, stewarded
from resources.clock import Clock
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.rollout_store.manifest import RolloutError
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking, TrackingError

_LASTING = (AuditLogDamaged, BundleError, LakeError, RegistrationError, RolloutError, TrackingError)


class DeploymentChoice(dg.Config):
    """Which version to deploy."""

    version: str | None = Field(default=None, description="A version of the registry; by default the newest one.")


def deployment_asset(product: Product) -> dg.AssetsDefinition:
    """`deployment`: begins the rollout of a version; the decision service follows the rollout state by itself.

    A product's first version decides at once, and every version of a product whose strategy is `direct`. A version that
    needs an approver waits, and so does one while another rollout is under way: the run succeeds, and the metadata
    `waiting` has the version, its model card and the command.
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
            repaired = repaired_state(keeper, product, version, clock.now())
            state = keeper.state(product.name)
            before = state.champion.version if state else None
            verdict = Verdict[PromotionAction]("promote", ("it is the champion already",))
            if before != version:
                release = keeper.release(product.name, version)
                bundle, _ = keeper.published(product.name, release)
                answers = Approvals(product, tracking, audit, environment).of(version)
                share = first_share(policy_in(product, environment), before)
                verdict = verdict_on(
                    product, keeper, bundle, answers, before, clock.now(), share=share,
                    moment=environment.clock.now(),
                )  # fmt: skip
                if verdict.action == "promote":
                    who = Who(f"dagster run {context.run.run_id}", "; ".join(verdict.reasons), environment.clock.now())
                    verdict = (
                        rolled_out(keeper, product, policy_in(product, environment), release, state, who) or verdict
                    )
        if verdict.action == "wait":
            waiting = waiting_for(product, tracking, environment, version, verdict)
            return watch.result(rows=1, champion=before or "none", waiting=waiting, repaired=list(repaired))
        if verdict.action != "promote":
            raise dg.Failure(description=refusal(product, version, verdict), allow_retries=False)
        now = keeper.state(product.name)
        return watch.result(
            rows=1, champion=now.champion.version if now else "none", replaced=before or "none",
            stage=now.stage if now else "none", reasons=list(verdict.reasons), repaired=list(repaired),
        )  # fmt: skip

    return deployment


class RolloutRequest(dg.Config):
    """What is asked of the rollout."""

    action: Literal["look", "start", "promote", "pause", "resume", "freeze", "roll_back"] = Field(
        default="look", description="`look`: the next step if its evidence is there. The others are a person's."
    )
    version: str | None = Field(default=None, description="The version to start or to go back to; often not needed.")
    by: str = Field(default="", description="Your name; it is recorded. Not needed to look.")
    reason: str = Field(default="", description="Why; it is recorded. Not needed to look.")


def rollout_asset(product: Product) -> dg.AssetsDefinition:
    """`rollout`: how far a new version has come, with its history as a plot and a table."""
    name = ROLLOUT

    @asset_of(
        product,
        name,
        deps=[asset_key(product, DEPLOYMENT)],
        group_name="rollout",
        description="How far a new version has come on its way to the customers, and every change with its reason.",
        kinds={"bentoml"},
    )
    def rollout(
        context: dg.AssetExecutionContext,
        config: RolloutRequest,
        tracking: dg.ResourceParam[Tracking],
        rollout: dg.ResourceParam[RolloutStore],
        audit: dg.ResourceParam[Audit],
        keys: dg.ResourceParam[Keys],
        environment: dg.ResourceParam[Environment],
        lake: dg.ResourceParam[Lake],
    ) -> dg.MaterializeResult[Any]:
        watch, now = Stopwatch(name), environment.clock.now()
        keeper = Keeper(tracking, rollout, audit, keys.signing)
        permit = Approvals(product, tracking, audit, environment).permit(now)
        with permanent(*_LASTING), tracking.alone(product.name):
            if config.action == "look":
                state = keeper.state(product.name)
                late, results = late_of(lake, product, state), results_of(lake, product, state)
                found = stewarded(keeper, product.name, now, late=late, values=brief(results.values), permit=permit)
                _reallocate(keeper, product, results, now, permit)
            else:
                asked(
                    keeper, product.name, config.action, by=config.by, reason=config.reason, at=now,
                    version=config.version, policy=policy_in(product, environment), permit=permit,
                )  # fmt: skip
                keeper.follow(product.name)
                found = look(rollout, product.name, now)
            shown = _shown(found, keeper, product, lake, environment)
        return watch.result(rows=len(found.readings), **shown)

    return rollout


def _reallocate(keeper: Keeper, product: Product, results: Results, now: datetime, permit: Permit) -> None:
    """Moves the shares of a bandit, where its results say so and people's approvals permit it."""
    allocation = results.allocation
    if allocation is not None and allocation.action == "move" and not _forbidden(allocation.shares, permit):
        who = Who(BY, "; ".join(allocation.reasons), now)
        follow_results(keeper, product.name, allocation.shares, who, details={"values": brief(results.values)})


def _forbidden(shares: Mapping[str, float], permit: Permit) -> bool:
    """Whether an approval forbids a version its share."""
    return any(permit(version, share) for version, share in shares.items())


def _shown(found: Look, keeper: Keeper, product: Product, lake: Lake, environment: Environment) -> dict[str, Any]:
    state = keeper.state(product.name)
    if state is None:
        return {"stands": "no version was deployed yet"}
    # Matplotlib is loaded where there is something to show; a run of days needs no picture.
    from assets.rollout.page import to_html
    from assets.rollout.plots import interval_over_time, share_steps

    challengers, results = state.challengers, results_of(lake, product, state)
    begun = last_begun(state)
    page, versions = to_html(product, state, found, results), () if begun is None else begun.versions
    pages = {
        f"page_{version}": dg.MetadataValue.url(kept_page(keeper.tracking, product, environment, version, page))
        for version in versions
    }
    intervals = {
        f"interval_{test.version}": picture(interval_over_time(path, test.metric, test.smallest_effect))
        for test, path in zip(results.experiments, results.paths, strict=True) if path
    }  # fmt: skip
    moves = [
        {"generation": move.generation, "at": f"{move.at:%Y-%m-%d %H:%M:%S}", "action": move.action,
         "version": move.version, "by": move.by, "reason": move.reason}
        for move in reversed(state.moves)
    ]  # fmt: skip
    return {
        "stands": where(state),
        "verdict": found.verdict.action,
        "reasons": list(found.verdict.reasons),
        "history": _table(moves),
        "signals": _table(found.readings),
        "arms": _table([vars(arm) for arm in results.arms]),
        "experiments": _table([one.to_dict() for one in results.experiments]),
        "values": _table([one.to_dict() | {"reasons": "; ".join(one.reasons)} for one in results.values]),
        "shares": picture(share_steps(state.moves, challengers[0].share if challengers else 0.0)),
        **intervals, **pages,
    }  # fmt: skip


def _table(rows: list[dict[str, Any]]) -> Any:
    if not rows:
        return "none"
    texts = [{name: _cell(value) for name, value in row.items()} for row in rows]
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in texts[0]])
    return dg.MetadataValue.table([dg.TableRecord(row) for row in texts], schema=schema)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return float(f"{value:.4g}") if isinstance(value, float) else value
