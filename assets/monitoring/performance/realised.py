"""The realised figures of some days as a table: of answered decisions, or of batch scores.

Belongs here: figures beside the AUC at approval of the bundle that they are of. Does not belong here: whose rows are
counted together (`by_bundle.py`), a figure (`figures.py`), writing the table (`assets.py`).

The figures of answered decisions depend on no champion: who decided is recorded with each decision. Batch scores are
those of the champion, and of its predecessors where their scores have not been made again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.bundle import Bundle
from assets.bundle.profile import ReferenceProfile
from assets.bundle.released import champion_bundle, released_bundle
from assets.monitoring.performance.amounts import approved_mae, figures_of_target
from assets.monitoring.performance.by_bundle import (
    EVERY_ROLE,
    approved_auc,
    performance_by_bundle,
    performance_by_model,
)
from assets.product import Amount, Product
from resources.rollout_store.manifest import Release, RolloutError
from resources.rollout_store.store import RolloutStore


@dataclass(frozen=True)
class Realised:
    """Realised figures of some days.

    Attributes:
        table: A table of PERFORMANCE_SCHEMA, `approved_auc`, and whose figures they are.
        shown: The figures of one bundle, for a plot; without rows where there are none.
        approved_auc: The AUC at its approval; `None` where it is not known.
        judged_by: The digest of the champion on which the figures depend; `None` where they depend on none.
        facts: What people are told beside the table.
    """

    table: pa.Table
    shown: pa.Table
    approved_auc: float | None
    judged_by: str | None
    facts: Mapping[str, Any]


def answered_performance(
    product: Product, outcomes: pa.Table, days: Sequence[date], rollout: RolloutStore, key: bytes
) -> Realised:
    """The figures of each bundle and arm over the decisions that it answered, each beside its own AUC at approval.

    The AUC at approval is null for a bundle that is not published any more; `facts` names it.

    Raises:
        RolloutError: The rollout store cannot be reached.
        BundleError: A bundle was altered after signing.
        PerformanceError: The outcomes lack a column.
    """
    policy, decision = product.monitoring, product.decision
    figures = performance_by_bundle(
        outcomes, days, policy.window_days, accept=decision.accept, profit=decision.profit, min_rows=policy.min_rows
    )
    figures = figures_of_target(product, figures, outcomes, "bundle")
    rows = figures.to_pylist()
    releases = {row["digest"]: Release(version=row["bundle"], digest=row["digest"]) for row in rows}
    bundles = {
        digest: released_bundle(product.name, release, rollout, key)
        for digest, release in releases.items()
        if rollout.is_published(product.name, release)
    }
    approved = [_approved(bundles.get(row["digest"]), row) for row in rows]
    table = figures.append_column("approved_auc", pa.array(approved, pa.float64()))
    if isinstance(product.model.target, Amount):
        errors = [approved_mae(bundles.get(row["digest"])) for row in rows]
        table = table.append_column("approved_mae", pa.array(errors, pa.float64()))
    shown = _largest(table)
    return Realised(
        table=table,
        shown=shown,
        approved_auc=shown["approved_auc"].to_pylist()[-1] if shown.num_rows else None,
        judged_by=None,
        facts={
            "bundles": sorted({release.version for release in releases.values()}),
            "unpublished": sorted(one.version for digest, one in releases.items() if digest not in bundles),
        },
    )


def batch_performance(
    product: Product, outcomes: pa.Table, days: Sequence[date], rollout: RolloutStore, key: bytes
) -> Realised:
    """The figures of each model over the rows that it scored in batch; of the champion for every day.

    Raises:
        RolloutError: There is no champion yet, or the rollout store cannot be reached.
        BundleError: Its bundle was altered after signing.
        PerformanceError: The outcomes lack a column.
    """
    policy, decision = product.monitoring, product.decision
    bundle = champion_bundle(product.name, rollout, key)
    if bundle is None:
        raise RolloutError(f"{product.name} has no champion yet: loopline run {product.name}")
    figures = performance_by_model(
        outcomes, days, policy.window_days, champion=bundle.version,
        accept=decision.accept, profit=decision.profit, min_rows=policy.min_rows,
    )  # fmt: skip
    figures = figures_of_target(product, figures, outcomes, "model_version")
    approved = ReferenceProfile.from_dict(bundle.parts.reference).auc
    is_champion = pc.equal(figures["model_version"], bundle.version)
    # The AUC at approval is the champion's; beside a predecessor's figures it would say nothing.
    at_approval = pc.if_else(is_champion, pa.scalar(approved, pa.float64()), pa.scalar(None, pa.float64()))
    table = figures.drop_columns(["model_version"]).append_column("approved_auc", at_approval)
    if isinstance(product.model.target, Amount):
        error = pc.if_else(is_champion, pa.scalar(approved_mae(bundle), pa.float64()), pa.scalar(None, pa.float64()))
        table = table.append_column("approved_mae", error)
    return Realised(
        table=table.append_column("model_version", figures["model_version"]),
        shown=figures.filter(is_champion),
        approved_auc=approved,
        judged_by=bundle.digest,
        facts={"champion": bundle.version},
    )


def _approved(bundle: Bundle | None, row: Mapping[str, Any]) -> float | None:
    if bundle is None:
        return None
    return approved_auc(ReferenceProfile.from_dict(bundle.parts.reference), bundle.policy.threshold, row["over"])


def _largest(table: pa.Table) -> pa.Table:
    """The figures, in every role, of the bundle that has answered most of the last day's window."""
    own = table.filter(pc.equal(table["role"], EVERY_ROLE))
    if not own.num_rows:
        return own
    last = own.filter(pc.equal(own["day"], pc.max(own["day"])))
    digest = last.sort_by([("rows", "descending")])["digest"][0]
    return own.filter(pc.equal(own["digest"], digest))
