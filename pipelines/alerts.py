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
    return Alert(
        severity="error",
        title=f"{run.job_name} failed",
        product=product.name,
        run_id=run.run_id,
        # The step of an asset is named by its key, of which the product is the first part.
        asset=(first.step_key or "").removeprefix(f"{product.name}__") if first else "",
        partition=_days(run),
        message=_message(context, first),
        runbook=f"pipelines/{product.name}/RUNBOOK.md",
        link=f"/runs/{run.run_id}",
    )


def _message(context: dg.RunFailureSensorContext, first: dg.DagsterEvent | None) -> str:
    """The words of the failure itself: our own, those of the checks that refused, or those of the error."""
    if first is None:
        return context.failure_event.message or "the run failed before its first step"
    failure = first.step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return failure.user_failure_data.description
    refused = _refusals(context)
    if refused:
        return f"refused by {'; '.join(refused)}"
    error = failure.error
    if error is not None and error.cause is not None:  # the first is Dagster's own
        error = error.cause
    return error.message.strip() if error is not None else "the step failed"


def _refusals(context: dg.RunFailureSensorContext) -> list[str]:
    """What the blocking checks said that did not pass."""
    found = context.instance.get_records_for_run(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    )
    events = [record.event_log_entry.dagster_event for record in found.records]
    checks = [event.asset_check_evaluation_data for event in events if event is not None]
    return [str(check.description) for check in checks if check.blocking and not check.passed]


def _days(run: dg.DagsterRun) -> str:
    single = run.tags.get("dagster/partition")
    first = run.tags.get("dagster/asset_partition_range_start")
    return single or (f"{first} to {run.tags['dagster/asset_partition_range_end']}" if first else "")
