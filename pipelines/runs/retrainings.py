"""What became of the last retraining: read from its run, the rollout state, bundles and figures.

Belongs here: the signals of the verdict whether it helped. Does not belong here: that verdict
(`assets.monitoring.retraining.helped`), starting retrainings (`requests.py`), alerts (`pipelines.alerting.monitors`).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any, get_args

import dagster as dg
import pyarrow.compute as pc

from assets.bundle.bundle import Bundle
from assets.materialising import asset_key
from assets.monitoring.faults.holding import standing_faults
from assets.monitoring.performance.by_bundle import EVERY_ROLE
from assets.monitoring.retraining.helped import LOSSES, Compared, Fate, Retraining
from assets.monitoring.verdicts import Cause, CauseKind
from assets.product import Product
from assets.product.names import BATCH_PERFORMANCE, MODEL, PERFORMANCE, REGISTERED_MODEL, table_name
from pipelines.jobs import retrain_name
from pipelines.runs.failures import refusals, run_events
from pipelines.runs.requests import CAUSES_TAG, came_to_a_result
from resources.lake import Lake
from resources.rollout_store.manifest import RolloutManifest

_REMEMBERED = 20
"""So many runs are looked at, the newest first."""


def last_retraining(
    instance: dg.DagsterInstance, product: Product, lake: Lake, state: RolloutManifest | None, bundle: Bundle | None
) -> Retraining | None:
    """What became of the last retraining that something asked for; `None` where none came to a result.

    Args:
        bundle: The champion's; `None` where it cannot be read.

    Raises:
        LakeError: A table is damaged.
    """
    wanted = dg.RunsFilter(job_name=retrain_name(product))
    for run in instance.get_runs(wanted, limit=_REMEMBERED):
        causes = [key for key in run.tags.get(CAUSES_TAG, "").split(",") if key]
        if causes and came_to_a_result(instance, product, run):
            return _result(instance, product, lake, state, bundle, run, causes)
    return None


def with_causes(found: Retraining, champion: str | None, causes: Iterable[Cause]) -> Retraining:
    """The same with the causes that ask now, which count if the new version decides."""
    asking = frozenset(cause.kind for cause in causes if cause.action == "retrain")
    return replace(found, asks_again=asking if champion == found.version else frozenset())


def _result(
    instance: dg.DagsterInstance,
    product: Product,
    lake: Lake,
    state: RolloutManifest | None,
    bundle: Bundle | None,
    run: dg.DagsterRun,
    causes: list[str],
) -> Retraining:
    made = _made(instance, product, run)
    version, trained = made.get(REGISTERED_MODEL, {}).get("version"), made.get(MODEL, {}).get("trained_at")
    version = None if version is None else str(version)
    kinds = frozenset(kind for key in causes for kind in get_args(CauseKind) if f"/{kind}/" in key)
    fate = _fate(state, version)
    compared: tuple[Compared, ...] = ()
    if fate == "decides" and version is not None:
        compared = (*_evaluated(bundle, version), *_realised(product, lake, causes, version))
    return Retraining(
        kinds=kinds,
        since=min((day for key in causes for day in _since(key)), default=None),
        trained_at=None if trained is None else datetime.fromisoformat(str(trained)),
        version=version,
        fate=fate,
        refused=() if version is not None else tuple(refusals(instance, run.run_id)),
        compared=compared,
        faults=tuple(one.sentence for one in standing_faults(product, lake).latest),
        maturity=product.label.maturity,
    )


def _made(instance: dg.DagsterInstance, product: Product, run: dg.DagsterRun) -> dict[str, dict[str, Any]]:
    """The metadata of the model and of the registered version that the run made."""
    found = {}
    for event in run_events(instance, run.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION):
        for name in (MODEL, REGISTERED_MODEL):
            if event.asset_key == asset_key(product, name):
                metadata = event.step_materialization_data.materialization.metadata
                found[name] = {key: value.value for key, value in metadata.items()}
    return found


def _fate(state: RolloutManifest | None, version: str | None) -> Fate:
    if version is None:
        return "refused"
    if state is None:
        return "waits"
    if state.champion.version == version:
        return "decides"
    if any(release.version == version for _, release in state.roles):
        return "in rollout"
    if any(move.action == "roll_back" and move.version == version for move in state.moves):
        return "rolled back"
    return "succeeded" if any(release.version == version for release in state.former) else "waits"


def _evaluated(bundle: Bundle | None, version: str) -> list[Compared]:
    """Both models on the test rows of the new one, as its evaluation recorded them."""
    comparison = None if bundle is None or bundle.version != version else bundle.parts.metrics.get("comparison")
    if comparison is None:
        return []
    new, before = comparison["challenger_auc"], comparison["champion_auc"]
    return [Compared(new, before, "on the same test rows", -comparison["high"], -comparison["low"])]


def _realised(product: Product, lake: Lake, causes: list[str], version: str) -> list[Compared]:
    """Both models' realised figures of the newest day that has both; of decisions, or of batch scores."""
    before = next((key.split("/")[2].removeprefix("v") for key in causes if key.split("/")[1] in LOSSES), None)
    is_batch = product.monitoring.judged == "batch"
    table = table_name(product.name, BATCH_PERFORMANCE if is_batch else PERFORMANCE)
    if before is None or not lake.exists(table):
        return []
    days = lake.days(table)[-1:]
    figures = lake.read(table, days=days)
    column = "model_version" if is_batch else "bundle"
    if not is_batch:
        figures = figures.filter(pc.equal(figures["role"], EVERY_ROLE))
    auc = {row[column]: row["auc"] for row in figures.to_pylist() if row["auc"] is not None}
    if version not in auc or before not in auc:
        return []
    return [Compared(auc[version], auc[before], f"by the labels of {product.monitoring.window_days} days to {days[0]}")]


def _since(key: str) -> list[date]:
    """The first day of the episode that a monitor's key names."""
    kind, last = key.split("/")[1], key.rsplit("/", 1)[-1]
    return [date.fromisoformat(last)] if kind in LOSSES else []
