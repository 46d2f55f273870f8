"""The ends of alerts.

Belongs here: from what Dagster, the rollout store and the monitors record to the reason why an alert has ended. Does
not belong here: what an alert says (`alerts.py`), telling its end (`resources.alerts`).
"""

from collections.abc import Mapping

import dagster as dg

from assets.materialising import asset_key
from assets.product import Partitions, Product
from assets.product.names import DEPLOYMENT
from pipelines.alerting.monitors import Watched
from resources.alerts.life import AlertState
from resources.rollout_store.manifest import RolloutManifest
from resources.slots import checked_slot


def endings(
    product: Product,
    partitions: Partitions,
    instance: dg.DagsterInstance,
    rollout: RolloutManifest | None,
    monitors: Watched,
    standing: Mapping[str, AlertState],
) -> dict[str, str]:
    """For each alert that has ended, by case, the reason."""
    found = {}
    for case, state in standing.items():
        kind = state.alert.kind
        if kind == "run_failed":
            reason = _made_since(product, partitions, instance, state)
        elif kind == "approval_wanted":
            reason = _answered(product, instance, state)
        elif kind == "rollout_paused":
            reason = _goes_on(rollout)
        elif kind == "alias_moved":
            reason = _acknowledged(state)
        elif kind == "rolled_back":
            reason = _succeeded(rollout, state)
        else:
            reason = monitors.ending(state.alert)
        if reason:
            found[case] = reason
    return found


def _made_since(
    product: Product, partitions: Partitions, instance: dg.DagsterInstance, state: AlertState
) -> str:  # fmt: skip
    """The asset that failed was made since, for the first and the last day of the failed run."""
    alert = state.alert
    if not alert.asset:
        return ""
    days = [partitions.key(checked_slot(day)) for day in alert.partition.split(" to ") if day]
    keys: list[str | None] = [*days] or [None]
    for partition in keys:
        made = instance.fetch_materializations(
            dg.AssetRecordsFilter(
                asset_key=asset_key(product, alert.asset),
                asset_partitions=[partition] if partition else None,
                after_timestamp=state.seen_at.timestamp(),
            ),
            limit=1,
        )
        if not made.records:
            return ""
    return f"{alert.asset} was made again"


def _answered(product: Product, instance: dg.DagsterInstance, state: AlertState) -> str:
    """The deployment has moved on: its newest event names no version that waits, or another."""
    event = instance.get_latest_materialization_event(asset_key(product, DEPLOYMENT))
    made = None if event is None else event.asset_materialization
    waiting = None if made is None else made.metadata.get("waiting")
    version = "" if waiting is None else f"version {waiting.value['version']}"  # type: ignore[index, call-overload]
    return (
        "" if made is None or version == state.alert.subject else "it was answered, or a later version took its place"
    )


def _acknowledged(state: AlertState) -> str:
    """The alias is where it was within the minute: what is left is a person who looks into it."""
    mark = state.acknowledged
    return "" if mark is None else f"{mark.by} looked into it: {mark.reason}"


def _goes_on(rollout: RolloutManifest | None) -> str:
    if rollout is None or rollout.hold == "paused":
        return ""
    last = rollout.moves[-1]
    return f"{last.action.replace('_', ' ')} by {last.by}: {last.reason}"


def _succeeded(rollout: RolloutManifest | None, state: AlertState) -> str:
    """Another version has begun its rollout since, or was promoted."""
    later = [] if rollout is None else [one for one in rollout.moves if one.generation > int(state.alert.episode)]
    begun = next((one for one in later if one.action in ("start", "promote")), None)
    return "" if begun is None else f"{begun.action} of version {begun.version} by {begun.by}"
