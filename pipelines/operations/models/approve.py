"""A person's approval or rejection of a model version.

Belongs here: recording the answer, and deploying an approved version. Does not belong here: whether a version may be
promoted (`assets.rollout.promotion`), whether an answer may be given (`assets.rollout.answers`).
"""

import logging
import os
from dataclasses import dataclass, replace
from datetime import timedelta

import dagster as dg

from assets.bundle.registration import Answer, Approval, Registration
from assets.materialising import asset_key
from assets.product import Product
from assets.product.names import DEPLOYMENT, MODEL_DOCUMENTS
from assets.rollout.answers import fault_of
from assets.rollout.moves import NoSuchMove
from assets.rollout.permits import answers_on
from pipelines.jobs import retrain_name
from pipelines.operations.documents import refresh_documents
from pipelines.operations.loop.run_job import dagster_instance, run_job
from pipelines.operations.rollout import keeper_of, move_rollout, waiting_version
from pipelines.products import load_definitions, load_product
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError
from resources.people import account_of
from resources.rollout_store.manifest import RolloutManifest

_PROGRESS = logging.getLogger("loopline.progress")


class AnswerRefused(LooplineError):
    """The answer may not be given; the message says why, and nothing was recorded."""


@dataclass(frozen=True)
class Conditions:
    """On what an approval depends.

    Attributes:
        words: In words; people see to them.
        max_share: The largest share of the entities; every step of a rollout beyond it is refused.
        holds: For how long; `None` for as long as the product's policy says.
    """

    words: tuple[str, ...] = ()
    max_share: float | None = None
    holds: timedelta | None = None


_NONE = Conditions()


class StillWaits(LooplineError):
    """The version was not deployed because it waits for an approver; no run failed. The message has the command."""


class StillDecides(LooplineError):
    """A rejected version goes on deciding; the message says what takes it out."""


def answer_version(
    environment: Environment,
    name: str,
    version: str,
    answer: Answer,
    *,
    by: str,
    reason: str,
    overturns: str = "",
    on: Conditions = _NONE,
) -> None:
    """Records the answer in the audit log and with the version, and deploys an approved version.

    Args:
        overturns: Why a rejection of the version no longer holds; empty if the answer overturns none.
        on: On what an approval depends.

    Raises:
        RegistrationError: The name or the reason is empty, or a condition is not valid.
        AnswerRefused: The answer may not be given: a rejection stands, or the approver is the author.
        TrackingError: There is no such version.
        BundleError: The bundle of the approved version is whole neither in the rollout store nor in the registry.
        StillDecides: The rejected version decides now, and goes on deciding.
        RunFailed: The version is approved, but may not be promoted; the message says why.
        StillWaits: The answer is recorded, and the version still waits for an approver.
        UnknownProduct: There is no product of that name.
        DependencyDown: MLflow, the records or the store of bundles does not answer; nothing is recorded.
    """
    product = load_product(name)
    require(environment, "MLflow", "MLflow's files", "records", "bundles", "Dagster's storage")
    record_answer(environment, product, version, answer, by=by, reason=reason, overturns=overturns, on=on)
    if answer == "approve":
        with dagster_instance(environment) as instance:
            deploy(load_definitions(name), instance, product, version)
        return
    keeper = keeper_of(environment)
    state = keeper.state(name)
    roles = [] if state is None else _roles(state, version)
    try:
        if roles:
            move_rollout(name, environment, "roll_back", by=by, reason=f"version {version} was rejected: {reason}")
    except NoSuchMove as error:
        raise StillDecides(
            f"the rejection of {name} version {version} is recorded, and it will not be deployed again; but it is the "
            f"{' and '.join(roles)} now and stays it: {error}. To replace it, train its successor: the job "
            f"{retrain_name(product)}"
        ) from error
    finally:
        behind = refresh_documents(product, keeper, environment, version)
        if behind:
            _PROGRESS.info(behind)


def deploy(definitions: dg.Definitions, instance: dg.DagsterInstance, product: Product, version: str) -> None:
    """Deploys this version, even if there are newer ones.

    Raises:
        RunFailed: The version may not be promoted; the message says why.
        StillWaits: The version waits for an approver; the run succeeded, and deployed nothing.
    """
    key = asset_key(product, DEPLOYMENT)
    selection = [key, asset_key(product, MODEL_DOCUMENTS)]
    run_job(definitions, instance, retrain_name(product), selection=selection, config={key: {"version": version}})
    waiting = waiting_version(instance, product.name)
    if waiting is not None:
        raise StillWaits(
            f"{product.name} version {version} waits for an approver, and was not deployed: {waiting['reason']}. "
            f"{waiting['approve']}"
        )


def record_answer(
    environment: Environment,
    product: Product,
    version: str,
    answer: Answer,
    *,
    by: str,
    reason: str,
    overturns: str = "",
    on: Conditions = _NONE,
) -> None:
    """Records the answer in the audit log first, then with the version: every answer that counts is in the log.

    No earlier answer is overwritten. Before an approval the bundle is verified, and published again if necessary.

    Raises:
        RegistrationError: The name or the reason is empty, or the version has no readable record.
        AnswerRefused: The answer may not be given.
        TrackingError: There is no such version.
        BundleError: The bundle is whole neither in the rollout store nor in the registry.
    """
    now = environment.clock.now()
    given = Approval(
        version=version, answer=answer, by=by, reason=reason, at=now, overturns=overturns.strip(),
        conditions=on.words, max_share=on.max_share, until=None if on.holds is None else now + on.holds,
        account=account_of(os.environ),
    )  # fmt: skip
    keeper = keeper_of(environment)
    with keeper.tracking.alone(product.name):
        known = keeper.tracking.version(product.name, version)
        earlier = answers_on(keeper.audit, product.name, version, known.tags)
        if answer == "approve":
            record = Registration.from_tags(known.tags)
            fault = fault_of(given, earlier, author=record.author, terms=product.terms)
            if fault:
                raise AnswerRefused(f"{product.name} version {version}: {fault}")
            keeper.published(product.name, keeper.release(product.name, version))
        entry = keeper.audit.append(
            actor=by, action=answer, product=product.name, version=version, reason=reason, at=given.at,
            details=given.details,
        )  # fmt: skip
        tags = replace(given, entry=entry.hash).to_tags(earlier=Approval.newest_number(known.tags))
        keeper.tracking.annotate(product.name, version, tags)


def _roles(state: RolloutManifest, version: str) -> list[str]:
    """The roles of a version in the rollout."""
    return [role for role, release in state.roles if release.version == version]
