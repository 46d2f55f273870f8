"""Alerts about runs.

Belongs here: from an event of Dagster to an `Alert` with a remedy, a runbook and a link. Does not belong here: sending
an alert (`resources.notifications`), the cause of a failure (`run_failures.py`), whether to alert
(`assets.monitoring.verdicts`).
"""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg

from assets.product import Partitions, Product
from assets.product.names import DEPLOYMENT, KPIS, ONLINE_STORE, ROLLOUT
from pipelines.jobs import daily_name, retrain_name
from pipelines.run_failures import first_failure, planned_partitions
from resources.notifications import Alert
from resources.rollout_store.manifest import Move
from resources.slots import checked_slot


def run_failure(
    product: Product, partitions: Partitions, context: dg.RunFailureSensorContext, dagster_url: str
) -> Alert:
    """The alert for a failed run: the first failure, the days, the remedy, the runbook.

    Args:
        dagster_url: Address of Dagster's pages; empty if it is not known.
    """
    run = context.dagster_run
    failure = first_failure(context.instance, run.run_id, product.name)
    days = _days(partitions, context.instance, run)
    return Alert(
        severity="error",
        title=f"{_title(product, run)} failed",
        product=product.name,
        run_id=run.run_id,
        asset=failure.asset,
        partition=" to ".join(dict.fromkeys(days)),
        message=failure.message,
        remedy=_remedy(product, run, failure.asset, days),
        runbook=f"pipelines/{product.name}/RUNBOOK.md",
        link=f"{dagster_url.rstrip('/')}/runs/{run.run_id}" if dagster_url else "",
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


def rollout_held(product: Product, move: Move) -> Alert:
    """The alert for a rollback, or for a rollout that waits for a person."""
    if move.action == "pause":
        title = f"the rollout of version {move.version} waits for a person"
        terms = "--by NAME --reason TEXT"
        remedy = f"loopline rollout {product.name} resume {terms}, or loopline rollback {product.name} {terms}"
    else:
        title = f"version {move.version} was rolled back"
        remedy = f"loopline rollout {product.name} shows its figures; train its successor: loopline run {product.name}"
    return Alert(
        severity="warning" if move.action == "pause" else "error",
        title=title,
        product=product.name,
        run_id="",
        asset=ROLLOUT,
        message=f"{move.by}: {move.reason}",
        remedy=remedy,
        runbook=f"pipelines/{product.name}/RUNBOOK.md",
    )


def kpis_outside(product: Product, day: date | None, reasons: Sequence[str]) -> Alert:
    """The alert for business figures that are not as expected, or that are not known."""
    return Alert(
        severity="warning",
        title=f"{product.title}: business figures",
        product=product.name,
        asset=KPIS,
        partition="" if day is None else day.isoformat(),
        message="; ".join(reasons),
        remedy=f"the picture of the asset {product.name}/{KPIS} shows each figure beside its expectation",
        runbook=f"pipelines/{product.name}/RUNBOOK.md",
    )


def _title(product: Product, run: dg.DagsterRun) -> str:
    """The job; for a run of chosen assets, which has no job of ours, the assets."""
    if run.job_name in (daily_name(product), retrain_name(product)) or not run.asset_selection:
        return run.job_name
    return f"{product.name}: {', '.join(sorted(key.path[-1] for key in run.asset_selection))}"


def _days(partitions: Partitions, instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[str, ...]:
    """The first and the last day, or hour, of a run; empty for a run without days."""
    single, first = run.tags.get("dagster/partition"), run.tags.get("dagster/asset_partition_range_start")
    if single:
        keys = [single]
    elif first:
        keys = [first, run.tags["dagster/asset_partition_range_end"]]
    else:
        keys = list(planned_partitions(instance, run.run_id))
    days = partitions.whole(checked_slot(key) for key in keys)
    return (str(days[0]), str(days[-1])) if days else ()


def _remedy(product: Product, run: dg.DagsterRun, asset: str, days: tuple[str, ...]) -> str:
    """The command that does the work of the run again, once the cause is repaired."""
    if days:
        again = f"loopline backfill {product.name} --from {days[0]} --to {days[-1]}"
        chosen = (
            []
            if run.job_name == daily_name(product)
            else sorted(key.path[-1] for key in run.asset_selection or () if key.path[-1] != ONLINE_STORE)
        )
        return again + (f" --select {','.join(chosen)}" if chosen else "")
    if asset == ONLINE_STORE or any(key.path[-1] == ONLINE_STORE for key in run.asset_selection or ()):
        return f"loopline load {product.name}"
    return f"loopline run {product.name}, or the button Re-execute on the page of the run"
