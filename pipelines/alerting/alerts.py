"""What alerts of runs, approvals and rollouts say.

Belongs here: from an event of Dagster or a move of a rollout to an `Alert` with an owner, a remedy, a runbook and a
link. Does not belong here: alerts of the monitors (`monitors.py`), keeping and telling an alert
(`resources.alerts`), its end (`endings.py`), the cause of a failure (`pipelines.runs.failures`).
"""

from collections.abc import Mapping

import dagster as dg

from assets.governance.audit_entries import AuditEntry
from assets.materialising import CAUSE_TAG
from assets.product import Partitions, Product
from assets.product.names import (
    DEPLOYMENT,
    EVALUATION,
    ONLINE_STORE,
    REGISTERED_MODEL,
    ROLLOUT,
    raw_name,
    validated_name,
)
from pipelines.jobs import daily_name, retrain_name
from pipelines.runs.failures import first_failure, planned_partitions
from resources.notifications import Alert, AlertKind
from resources.rollout_store.manifest import Move
from resources.rollout_store.store import RolloutStore
from resources.slots import checked_slot


def run_failure(
    product: Product,
    partitions: Partitions,
    context: dg.RunFailureSensorContext,
    rollout: RolloutStore,
    dagster_url: str,
) -> Alert:
    """The alert for a failed run: the first failure, the days, the remedy, the runbook.

    That the gates refused a model which only the calendar had asked for is news: the champion goes on, and nobody need
    do anything. What the champion lacks is told by causes of their own.

    Args:
        rollout: It knows whether there is a champion.
        dagster_url: Address of Dagster's pages; empty if it is not known.
    """
    run = context.dagster_run
    failure = first_failure(context.instance, run.run_id, product.name)
    days = _days(partitions, context.instance, run)
    by_calendar = failure.refused and failure.asset == EVALUATION and run.tags.get(CAUSE_TAG) == "schedule"
    is_news = by_calendar and rollout.read_manifest(product.name) is not None
    return Alert(
        severity="info" if is_news else "error",
        kind="run_failed",
        subject=_title(product, run),
        episode="-to-".join(dict.fromkeys(days)),
        owner=_owner(product, failure.asset),
        title="the gates refused a new model; the champion goes on" if is_news else f"{_title(product, run)} failed",
        product=product.name,
        run_id=run.run_id,
        asset=failure.asset,
        partition=" to ".join(dict.fromkeys(days)),
        message=failure.message,
        remedy=_remedy(product, run, failure.asset, days),
        runbook=runbook_of("run_failed"),
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
        kind="approval_wanted",
        subject=f"version {waiting['version']}",
        title=f"version {waiting['version']} waits for an approver",
        product=product.name,
        run_id=run_id,
        asset=DEPLOYMENT,
        message=f"{message}, or {waiting['reject']}",
        runbook=runbook_of("approval_wanted"),
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
        kind="rollout_paused" if move.action == "pause" else "rolled_back",
        subject=f"version {move.version}",
        episode=str(move.generation),
        title=title,
        product=product.name,
        run_id="",
        asset=ROLLOUT,
        message=f"{move.by}: {move.reason}",
        remedy=remedy,
        runbook=runbook_of("rollout_paused" if move.action == "pause" else "rolled_back"),
    )


def alias_moved(product: Product, entry: AuditEntry) -> Alert:
    """The alert for an alias that somebody moved in MLflow and that was taken back.

    Args:
        entry: The entry of the audit log about it.
    """
    return Alert(
        severity="error",
        kind="alias_moved",
        subject=f"alias {entry.details['alias']}",
        episode=str(entry.number),
        title=f"the alias {entry.details['alias']} was moved by hand in MLflow",
        product=product.name,
        run_id="",
        asset=REGISTERED_MODEL,
        message=entry.reason,
        remedy=f"find out who did it and why; a version gets its alias by loopline rollout {product.name} start "
        "VERSION --by NAME --reason TEXT",
        runbook=runbook_of("alias_moved"),
    )


def runbook_of(kind: AlertKind) -> str:
    """The entry of a kind of alert; the product's own RUNBOOK.md has the messages one by one."""
    return f"infra/prometheus/RUNBOOK.md#{kind}"


def _owner(product: Product, asset: str) -> str:
    """Who answers for an asset: of a source's rows the owner that its contract names, else the product's."""
    for source in product.sources:
        if asset in (raw_name(source.name), validated_name(source.name)):
            return product.contract(source.name).owner
    return product.owner


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
