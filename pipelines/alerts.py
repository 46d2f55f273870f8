"""Alerts: what people are told.

Belongs here: turning an event of the orchestrator into an `Alert` with a way to act on it. Does not belong here:
sending it (`resources.notifications`), why a run failed (`run_failures.py`), whether to alert
(`assets.monitoring.verdicts`).
"""

import dagster as dg

from assets.product import Product
from pipelines.run_failures import first_failure
from resources.notifications import Alert


def run_failure(product: Product, context: dg.RunFailureSensorContext) -> Alert:
    """The alert for a run that failed: what failed first, on which days, and what to do."""
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


def _days(run: dg.DagsterRun) -> str:
    single = run.tags.get("dagster/partition")
    first = run.tags.get("dagster/asset_partition_range_start")
    return single or (f"{first} to {run.tags['dagster/asset_partition_range_end']}" if first else "")
