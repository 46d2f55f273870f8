"""Alerts: what people are told.

Belongs here: turning what happened into an `Alert` with a way to act on it. Does not belong here: sending it
(`resources.notifications`), deciding whether to (`assets.monitoring.verdicts`).
"""

import dagster as dg

from assets.product import Product
from resources.notifications import Alert


def run_failure(product: Product, context: dg.RunFailureSensorContext) -> Alert:
    """The alert for a run that failed: what failed first, on which days, and what to do."""
    run = context.dagster_run
    first = next(iter(context.get_step_failure_events()), None)
    failure = first.step_failure_data.user_failure_data if first else None
    message = (failure.description if failure else None) or context.failure_event.message or "the run failed"
    return Alert(
        severity="error",
        title=f"{run.job_name} failed",
        product=product.name,
        run_id=run.run_id,
        asset=first.step_key if first and first.step_key else "",
        partition=_days(run),
        message=message,
        runbook=f"pipelines/{product.name}/RUNBOOK.md",
        link=f"/runs/{run.run_id}",
    )


def _days(run: dg.DagsterRun) -> str:
    single = run.tags.get("dagster/partition")
    first = run.tags.get("dagster/asset_partition_range_start")
    return single or (f"{first} to {run.tags['dagster/asset_partition_range_end']}" if first else "")
