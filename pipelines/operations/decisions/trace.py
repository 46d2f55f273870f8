"""From one decision back to everything that it was made from: `loopline trace`.

Belongs here: finding the records of a decision, writing the page. Does not belong here: the tree
(`assets.reproduction.lineage`).
"""

from pathlib import Path

from assets.bundle.registration import Registration
from assets.bundle.released import released_bundle
from assets.reproduction.lineage import Records, lineage_of
from assets.reproduction.tree import Node, to_html
from assets.rollout.permits import answers_on
from assets.serving.log.decision_log import find_decision
from pipelines.operations.pages import write_text_page
from pipelines.operations.rollout import keeper_of
from resources.dependencies import require
from resources.environments import Environment
from resources.lake import Lake
from resources.rollout_store.manifest import Release


def trace(environment: Environment, decision_id: str) -> Node:
    """The tree of a decision of any product.

    Raises:
        NoDecision: The id is malformed, or no decision was recorded under it.
        RolloutError, BundleError: The bundle that decided is not published, or was altered.
        TrackingError: The registry does not have the version that decided.
        AuditLogDamaged: The audit log was altered.
        LakeError: The log of a table cannot be read.
        DependencyDown: A server with one of the records does not answer.
    """
    decision = find_decision(environment.decision_log, decision_id)
    require(environment, "lake", "bundles", "MLflow", "records")
    keeper, product = keeper_of(environment), decision.product
    tags = keeper.tracking.version(product, decision.bundle).tags
    release = Release(version=decision.bundle, digest=decision.digest)
    records = Records(
        bundle=released_bundle(product, release, keeper.rollout, keeper.key),
        registration=Registration.from_tags(tags),
        answers=answers_on(keeper.audit, product, decision.bundle, tags),
        actions=tuple(
            entry
            for entry in keeper.audit.entries(last="skipped")
            if entry.product == product and entry.version == decision.bundle
        ),
    )
    return lineage_of(decision, records, Lake(environment.lake))


def write_trace_page(root: Node, file: Path) -> None:
    """Writes the tree as a page. The file appears complete or not at all.

    Raises:
        NoPage: The file name does not end in .html, or its folder does not exist.
    """
    write_text_page(file, {".html": lambda: to_html(root)})
