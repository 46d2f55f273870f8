"""Alerts about runs.

Belongs here: the `Alert`, with runbook and link, for an event of Dagster. Does not belong here: sending an alert
(`resources.notifications`), the cause of a failure (`run_failures.py`), whether to alert
(`assets.monitoring.verdicts`).
"""

from collections.abc import Mapping

import dagster as dg

from assets.product import Product
from assets.product.names import DEPLOYMENT
from pipelines.run_failures import first_failure
from resources.notifications import Alert


def run_failure(product: Product, context: dg.RunFailureSensorContext) -> Alert:
    """The alert for a failed run: the first failure, the days, the runbook."""
    run = context.dagster_run
    failure = first_failure(context.instance, run.run_id, product.name)
    return Alert(
        severity="error",
        title=f"{run.job_name} failed",
        product=product.name,
        run_id=run.run_id,
        asset=failure.asset,
        partition=_days(run),
        message=failure.message,
        runbook=f"pipelines/{product.name}/RUNBOOK.md",
        link=f"/runs/{run.run_id}",
    )


def approval_wanted(product: Product, run_id: str, waiting: Mapping[str, str]) -> Alert:
    """The alert for a version that waits for an approver: its model card and the commands.

    Args:
        waiting: The metadata `waiting` of the asset `deployment`.
    """
    message = f"{waiting['reason']}. Read its model card, {waiting['model_card']}, then: {waiting['approve']}"
    return Alert(
        severity="warning",
        title=f"version {waiting['version']} waits for an approver",
        product=product.name,
        run_id=run_id,
        asset=DEPLOYMENT,
        message=f"{message}, or {waiting['reject']}",
        runbook=f"pipelines/{product.name}/RUNBOOK.md",
        link=waiting["model_card"],
    )


def _days(run: dg.DagsterRun) -> str:
    """The day or the range of days of a run; empty for a run without days."""
    single = run.tags.get("dagster/partition")
    first = run.tags.get("dagster/asset_partition_range_start")
    return single or (f"{first} to {run.tags['dagster/asset_partition_range_end']}" if first else "")
