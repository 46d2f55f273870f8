"""A person's approval or rejection of a model version.

Belongs here: recording the answer, and deploying an approved version. Does not belong here: whether a version may be
promoted (`assets.rollout.promotion`).
"""

from datetime import UTC, datetime

import dagster as dg

from assets.bundle.registration import Answer, Approval
from assets.governance.audit_log import AuditLog
from assets.materialising import asset_key
from assets.product import Product
from assets.product.names import DEPLOYMENT
from pipelines.jobs import retrain_name
from pipelines.operations.run_job import dagster_instance, run_job
from pipelines.products import load_definitions, load_product
from resources.dependencies import require
from resources.environments import Environment
from resources.tracking import Tracking


def answer_version(environment: Environment, name: str, version: str, answer: Answer, *, by: str, reason: str) -> None:
    """Records the answer in the audit log and with the version, and deploys an approved version.

    Raises:
        RegistrationError: The name or the reason is empty.
        TrackingError: There is no such version.
        RunFailed: The version is approved, but may not be promoted; the message says why.
        UnknownProduct: There is no product of that name.
        DependencyDown: MLflow, the lock's database or the store of bundles does not answer; nothing is recorded.
    """
    product = load_product(name)
    require(environment, "MLflow", "MLflow's files", "database", "bundles", "Dagster's storage")
    record_answer(environment, product, version, answer, by=by, reason=reason)
    if answer == "approve":
        with dagster_instance(environment) as instance:
            deploy(load_definitions(name), instance, product, version)


def deploy(definitions: dg.Definitions, instance: dg.DagsterInstance, product: Product, version: str) -> None:
    """Deploys this version, even if there are newer ones.

    Raises:
        RunFailed: The version may not be promoted; the message says why.
    """
    key = asset_key(product, DEPLOYMENT)
    run_job(definitions, instance, retrain_name(product), selection=[key], config={key: {"version": version}})


def record_answer(
    environment: Environment, product: Product, version: str, answer: Answer, *, by: str, reason: str
) -> None:
    """Records the answer in the audit log first, then with the version: every answer that counts is in the log.

    Raises:
        RegistrationError: The name or the reason is empty.
        TrackingError: There is no such version.
    """
    approval = Approval(version=version, answer=answer, by=by, reason=reason, at=datetime.now(UTC))
    tracking = Tracking.of(environment)
    known = tracking.version(product.name, version).version
    audit = AuditLog(environment.home / "audit" / "log.jsonl")
    audit.append(actor=by, action=answer, product=product.name, version=known, reason=reason, at=approval.at)
    tracking.annotate(product.name, known, approval.to_tags())
