"""The rollout of a product, for commands: where it stands, moving it, repairing it, and the version that waits.

Belongs here: the keeper of an environment, `loopline repair`, reading what the deployment recorded. Does not belong
here: the steps of a repair (`assets.rollout.keeper`), people's answers (`models/approve.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from assets.bundle.registration import Registration
from assets.governance.approvals import objection
from assets.governance.audit_database import audit_of
from assets.product import Product
from assets.product.names import DEPLOYMENT
from assets.rollout.answers import standing_rejection
from assets.rollout.by_hand import HandAction, asked
from assets.rollout.deploying import policy_in
from assets.rollout.keeper import Keeper
from assets.rollout.moves import NoSuchMove
from assets.rollout.outcomes.results import Results, late_of, results_of
from assets.rollout.page import to_html
from assets.rollout.permits import Approvals, Permit, answers_on, first_share
from assets.rollout.steward import Look, look
from pipelines.operations.documents import refresh_documents
from pipelines.operations.pages import NoPage, write_text_page
from pipelines.products import load_product
from resources.dependencies import DependencyDown, require
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.rollout_store.manifest import RolloutManifest
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking, TrackingError


@dataclass(frozen=True)
class Repair:
    """The result of a repair.

    Attributes:
        champion: The version that decides; `None` when none was ever deployed.
        repaired: A sentence for each thing that was repaired.
    """

    product: str
    champion: str | None
    repaired: tuple[str, ...]


def keeper_of(environment: Environment) -> Keeper:
    """The keeper of the environment's rollout states."""
    return Keeper(
        tracking=Tracking.of(environment),
        rollout=RolloutStore.open(environment.rollout, environment.home / "fetched"),
        audit=audit_of(environment),
        key=Keys.of(environment.home).signing,
    )


def repair(name: str, environment: Environment) -> Repair:
    """Publishes the deciding bundle again if it is damaged, and lets aliases and audit log follow the rollout state.

    Raises:
        BundleError: The bundle is whole neither in the rollout store nor in the registry.
        RolloutError: The state cannot be read.
        TrackingError: The registry does not have the version that decides.
        UnknownProduct: There is no product of that name.
        DependencyDown: MLflow, the database of the records or the store of bundles does not answer.
    """
    product = load_product(name)
    require(environment, "MLflow", "MLflow's files", "records", "bundles")
    keeper = keeper_of(environment)
    with keeper.tracking.alone(product.name):
        repaired = keeper.repair(product.name, at=datetime.now(UTC))
        state = keeper.state(product.name)
    return Repair(product.name, state.champion.version if state else None, repaired)


def waiting_version(instance: dg.DagsterInstance, name: str) -> Mapping[str, str] | None:
    """What a product's last deployment says about the version that waits for an approver; `None` if none waits."""
    event = instance.get_latest_materialization_event(dg.AssetKey([name, DEPLOYMENT]))
    if event is None or event.asset_materialization is None:
        return None
    waiting = event.asset_materialization.metadata.get("waiting")
    return None if waiting is None else waiting.value  # type: ignore[return-value]


def _permit(product: Product, keeper: Keeper, environment: Environment) -> Permit:
    return Approvals(product, keeper.tracking, keeper.audit, environment).permit(environment.clock.now())


def unanswered(name: str, environment: Environment, waiting: Mapping[str, str] | None) -> bool:
    """Whether the version that the last deployment waited for still waits for people's answers.

    Raises:
        TrackingError: The registry does not have the version.
    """
    if waiting is None:
        return False
    product, version = load_product(name), Tracking.of(environment).version(name, waiting["version"])
    record = Registration.from_tags(version.tags)
    answers = answers_on(audit_of(environment), name, version.version, version.tags)
    if not answers or standing_rejection(answers, record.author) is not None:
        return not answers
    now, share = environment.clock.now(), first_share(policy_in(product, environment), "another")
    return bool(
        objection(
            answers, version=version.version, author=record.author, terms=product.terms, share=share, now=now
        )
    )  # fmt: skip


@dataclass(frozen=True)
class RolloutReport:
    """Where the rollout of a product stands, and why.

    Attributes:
        followed: What registry and audit log had to catch up with; a sentence each.
        behind: Why they could not follow yet; empty if they did.
        results: What labels say of the arms; `None` where they were not read.
        unread: Why labels were not read; empty if they were, or were not asked for.
    """

    product: str
    state: RolloutManifest
    look: Look
    followed: tuple[str, ...] = ()
    behind: str = ""
    results: Results | None = None
    unread: str = ""


def rollout_report(name: str, environment: Environment) -> RolloutReport:
    """Where the rollout stands, with what labels say of it; nothing is moved.

    While the lake cannot be read the report says so, and is of the decision service's evidence alone.

    Raises:
        NoSuchMove: No version was deployed yet.
        RolloutError: The state cannot be read.
        UnknownProduct: There is no product of that name.
        DependencyDown: The store of bundles does not answer.
    """
    product = load_product(name)
    require(environment, "bundles")
    store, now = RolloutStore.open(environment.rollout, environment.home / "fetched"), datetime.now(UTC)
    state, late, results, unread = store.read_manifest(product.name), None, None, ""
    if state is None:
        raise NoSuchMove(f"no version of {name} was deployed yet: loopline run {name}")
    try:
        require(environment, "lake")
        lake = Lake(environment.lake)
        late, results = late_of(lake, product, state), results_of(lake, product, state)
    except (DependencyDown, LakeError, OSError) as error:
        unread = f"labels were not read: {error}"
    found = look(store, product.name, now, late=late)
    return RolloutReport(name, found.state or state, found, results=results, unread=unread)


def write_rollout_page(report: RolloutReport, file: Path) -> None:
    """Writes the page of a rollout. The file appears complete or not at all.

    Raises:
        NoPage: The file name does not end in .html, its folder does not exist, or the lake was not read.
    """
    if report.results is None:
        raise NoPage(f"--page {file}: {report.unread}")
    product, results = load_product(report.product), report.results
    write_text_page(file, {".html": lambda: to_html(product, report.state, report.look, results)})


def move_rollout(
    name: str, environment: Environment, action: HandAction, *, by: str, reason: str, version: str | None = None
) -> RolloutReport:
    """Does what a person asks of a rollout. Only a start, and a step that needs people's approvals, need MLflow.

    Raises:
        MoveRefused: The name or the reason is empty, or the version may not be rolled out.
        NoSuchMove: The state does not allow it.
        BundleError: The bundle that would decide is damaged.
        LostRace: Somebody else moved the state meanwhile.
        UnknownProduct: There is no product of that name.
        DependencyDown: The store of bundles or the records do not answer; nothing was moved.
    """
    product = load_product(name)
    asks = action in ("advance", "promote") and product.terms.sign_off.approvers > 0
    needed = ("MLflow", "MLflow's files") if action == "start" or asks else ()
    require(environment, "bundles", "records", *needed)
    keeper = keeper_of(environment)
    with keeper.tracking.alone(product.name):
        state = asked(
            keeper, product.name, action, by=by, reason=reason, at=datetime.now(UTC), version=version,
            policy=policy_in(product, environment), permit=_permit(product, keeper, environment),
        )  # fmt: skip
        recorded, behind = keeper.record(state), ""
        try:
            require(environment, "MLflow", "MLflow's files")
            recorded = (*recorded, *keeper.follow(product.name))
        except (DependencyDown, TrackingError) as error:
            behind = f"the registry's aliases follow later, or with loopline repair {name}: {error}"
        if not behind:
            behind = refresh_documents(product, keeper, environment)
    return RolloutReport(name, state, look(keeper.rollout, product.name, datetime.now(UTC)), recorded, behind)
