"""Reading what is known of a product: the monitors' tables, alerts, the rollout, error budgets.

Belongs here: which tables and days are read. Does not belong here: the value (`report.py`), trainings, which Dagster
records (`assets.py`), the monitors' alerts (`pipelines.alerting.monitors`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from assets.monitoring.faults.finding import Finding, findings_of
from assets.monitoring.faults.holding import standing_faults
from assets.monitoring.page.budgets import error_budgets
from assets.monitoring.page.report import (
    FIGURES,
    Heard,
    History,
    LineName,
    LineState,
    MonitoringReport,
    StandingAlert,
    Training,
)
from assets.monitoring.performance.by_bundle import EVERY_ROLE
from assets.monitoring.retraining.table import recorded_verdict
from assets.monitoring.verdicts import CauseKind
from assets.product import Product
from assets.product.names import (
    BATCH_PERFORMANCE,
    CALIBRATION,
    CONSISTENCY,
    DATA_FAULTS,
    DRIFT,
    ESTIMATED_PERFORMANCE,
    FINGERPRINTS,
    GROUP_PERFORMANCE,
    KPIS,
    PERFORMANCE,
    VINTAGES,
    table_name,
)
from assets.rollout.moves import where
from resources.alerts.life import AlertState
from resources.lake import Lake
from resources.notifications import Severity
from resources.objectives import Objective
from resources.rollout_store.manifest import RolloutManifest

SHOWN_DAYS = 91
"""How many days the pictures show."""
_LONG = timedelta(days=28)
_NEWEST = frozenset({GROUP_PERFORMANCE, CONSISTENCY})
"""The tables of which the last day alone is shown."""
_COLUMNS: Mapping[str, Sequence[str]] = {
    DRIFT: ("day", "name", "kind", "horizon", "population", "rows", "since", "psi", "psi_limit", "ks", "ks_limit",
            "wasserstein", "wasserstein_limit", "missing_share", "missing_limit", "unseen_share", "unseen_limit",
            "out_of_range_share", "out_of_range_limit", "refused_share", "refused_low", "refused_high", "rows_low",
            "rows_high", "z", "z_limit", "model_version"),
    ESTIMATED_PERFORMANCE: ("day", "method", "part", "group", "auc", "auc_low", "auc_high", "bad_rate", "bad_rate_low",
                            "bad_rate_high", "withheld", "reason", "model_version", "approved_auc"),
}  # fmt: skip
"""The columns that are shown of tables that have many more."""
_GRAVEST: tuple[Severity, ...] = ("error", "warning", "info")
_LINES: Mapping[CauseKind, LineName] = {"performance": "performance", "estimated": "estimate", "drift": "drift"}
_STATES: Mapping[str, LineState] = {"none": "good", "retrain": "look", "alert": "look", "unknown": "unknown"}


@dataclass(frozen=True)
class Recorded:
    """What is recorded outside of the lake.

    Attributes:
        manifest: The rollout; `None` before the first version.
        alerts: Those in the book, by case.
        heard: What the monitors say; the daemon may not have seen their alerts yet.
        trainings: The latest, the newest first.
        log: The folder of the decision log.
        objectives: The service level objectives.
    """

    manifest: RolloutManifest | None
    alerts: Mapping[str, AlertState]
    heard: Heard
    trainings: tuple[Training, ...]
    log: Path
    objectives: Sequence[Objective]


def newest_day(product: Product, lake: Lake) -> date | None:
    """The last day of any table of figures; `None` for none.

    Raises:
        LakeError: A table is damaged.
    """
    names = (*stored_tables(product).values(), FINGERPRINTS)
    return max((day for name in names for day in _days(lake, product, name)[-1:]), default=None)


def report_of(
    product: Product, lake: Lake, recorded: Recorded, *, clock: datetime, now: datetime, until: date
) -> MonitoringReport:
    """What is known of a product.

    Args:
        clock: The product's time, as of which its figures are judged.
        now: The machine's time, until which people silenced an alert.
        until: The last day, by the machine's time, of the decisions that count for the error budgets.

    Raises:
        LakeError: A table is damaged.
        DecisionLogError: A line of the decision log is no decision.
    """
    manifest = recorded.manifest
    champion = None if manifest is None else manifest.champion.version
    tables, judged = _tables(product, lake)
    standing = standing_faults(product, lake)
    faults = lake.read(table_name(product.name, DATA_FAULTS)) if DATA_FAULTS in tables else None
    return MonitoringReport(
        product=product,
        day=newest_day(product, lake),
        champion=champion,
        judged=judged,
        alerts=tuple(sorted(_standing(recorded, product, now), key=_urgency)),
        causes=_causes(recorded.heard),
        tables={name: table for name, table in tables.items() if name != DATA_FAULTS},
        faults=() if faults is None else _each_once(findings_of(faults)),
        standing=standing.latest,
        fingerprinted=standing.judged,
        retraining=recorded_verdict(product, lake),
        budgets=error_budgets(product, lake, recorded.log, recorded.objectives, until, clock),
        history=_history(manifest, recorded.trainings),
    )


def _tables(product: Product, lake: Lake) -> tuple[dict[str, pa.Table], str]:
    """The last days of each table, and the version whose figures they are."""
    found = {}
    for name, stored in stored_tables(product).items():
        days = _shown(product, name, _days(lake, product, stored))
        if days:
            found[name] = lake.read(table_name(product.name, stored), days=days, columns=_COLUMNS.get(name))
    judged = _newest_version(found)
    return {name: _of_version(table, judged) for name, table in found.items()}, judged


def _shown(product: Product, name: str, days: Sequence[date]) -> Sequence[date]:
    """The days of a table that are shown."""
    if name in _NEWEST:
        return days[-1:]
    if name != VINTAGES:
        return days[-SHOWN_DAYS:]
    # A curve is as long as labels take: of long ones a day a week is enough.
    step = 1 if product.label.maturity <= _LONG else 7
    return days[-(product.label.maturity.days + SHOWN_DAYS) :][::-step][::-1]


def _newest_version(tables: Mapping[str, pa.Table]) -> str:
    """The version of the newest figures of a table that has one."""
    for name in (KPIS, DRIFT, CALIBRATION, ESTIMATED_PERFORMANCE):
        table = tables.get(name)
        if table is not None and table.num_rows:
            newest = table.filter(pc.equal(table["day"], pc.max(table["day"])))
            return str(newest["model_version"][0].as_py())
    return ""


def _of_version(table: pa.Table, version: str) -> pa.Table:
    """The figures of a version; of tables that have none, all."""
    if "model_version" in table.column_names:
        return table.filter(pc.equal(table["model_version"], version))
    if "role" in table.column_names:
        own = pc.and_(pc.equal(table["bundle"], version), pc.equal(table["role"], EVERY_ROLE))
        return table.filter(own)
    return table


def stored_tables(product: Product) -> Mapping[str, str]:
    """Under each name of a report the table that it has, of those that the product asks for."""
    realised = BATCH_PERFORMANCE if product.monitoring.judged == "batch" else PERFORMANCE
    same = [DRIFT, ESTIMATED_PERFORMANCE, CALIBRATION, KPIS, VINTAGES, CONSISTENCY, DATA_FAULTS]
    if product.protected or product.monitoring.slices:
        same.append(GROUP_PERFORMANCE)
    return {**{name: name for name in same}, FIGURES: realised}


def _days(lake: Lake, product: Product, name: str) -> tuple[date, ...]:
    table = table_name(product.name, name)
    return lake.days(table) if lake.exists(table) else ()


def _causes(heard: Heard) -> Mapping[LineName, tuple[LineState, tuple[str, ...]]]:
    found: dict[LineName, tuple[LineState, tuple[str, ...]]] = {
        _LINES[cause.kind]: (_STATES[cause.action], cause.reasons) for cause in heard.causes
    }
    return {**found, "business figures": (_STATES[heard.business.action], heard.business.reasons)}


def _standing(recorded: Recorded, product: Product, now: datetime) -> Iterable[StandingAlert]:
    """The open alerts of the book, then those that it does not have yet."""
    for state in recorded.alerts.values():
        if state.is_open:
            escalated = state.escalated_at is not None
            yield StandingAlert(
                state.alert, state.owner, state.severity, state.opened_at, _hands(state, now), escalated
            )  # fmt: skip
    for alert in recorded.heard.alerts:
        known = recorded.alerts.get(alert.case)
        if known is None or not known.is_open:
            yield StandingAlert(alert, alert.owner or product.owner, alert.severity)


def _hands(state: AlertState, now: datetime) -> str:
    """Who looks after an alert, if anybody."""
    if state.silence is not None and state.silence.until is not None and state.is_silent(now):
        return f"silent until {state.silence.until:%Y-%m-%d %H:%M}, {state.silence.by}: {state.silence.reason}"
    if state.acknowledged is not None:
        return f"{state.acknowledged.by} looks after it: {state.acknowledged.reason}"
    return ""


def _urgency(one: StandingAlert) -> tuple[int, str, str]:
    since = "" if one.since is None else one.since.isoformat()
    return _GRAVEST.index(one.severity), since, one.alert.case


def _each_once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each root cause on its last day, the oldest first."""
    last = {one.key: one for one in findings if not one.follows_from}
    return tuple(sorted(last.values(), key=lambda one: (one.since, one.place)))


def _history(manifest: RolloutManifest | None, trainings: tuple[Training, ...]) -> History:
    if manifest is None:
        return History(trainings=trainings)
    return History(
        moves=manifest.moves,
        stands=where(manifest),
        share=sum(one.share for one in manifest.challengers),
        paused=manifest.hold == "paused",
        trainings=trainings,
    )
