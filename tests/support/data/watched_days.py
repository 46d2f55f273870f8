"""A small lake with three weeks of every table of monitoring, written by hand, and the report on it.

Belongs here: tables with a known course for the tests of the monitoring page and of `loopline status PRODUCT`. Does not
belong here: assertions, tables as the pipeline makes them (the integration tests).
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.monitoring.consistency.comparison import CONSISTENCY_SCHEMA
from assets.monitoring.distributions.figures import Drift, drift_table
from assets.monitoring.faults.finding import Finding, fault_table
from assets.monitoring.faults.fingerprint import Fingerprint
from assets.monitoring.faults.storage import fingerprint_table
from assets.monitoring.page.reading import Recorded, report_of
from assets.monitoring.page.report import MonitoringReport, Training
from assets.monitoring.performance.estimates import ESTIMATED_SCHEMA
from assets.monitoring.performance.figures import PERFORMANCE_SCHEMA
from assets.monitoring.performance.kpis import KPI_SCHEMA
from assets.monitoring.performance.matured import CALIBRATION_SCHEMA
from assets.monitoring.performance.vintages import VINTAGE_SCHEMA
from pipelines.alerting.monitors import heard
from pipelines.credit_risk.product import PRODUCT
from resources.alerts.book import States
from resources.lake import Lake
from resources.objectives import objectives
from resources.rollout_store.manifest import Release, RolloutManifest

LAST = date(2026, 9, 30)
DAYS = [LAST - timedelta(days=back) for back in range(20, -1, -1)]
CLOCK = datetime(2026, 10, 1, tzinfo=UTC)
WITHHELD = DAYS[-12:-7]
"""The days on which the estimate is withheld."""
FAULT = Finding(
    DAYS[-1], "transactions", "amount", "scaled", DAYS[-2],
    {"factor": 100.0, "middle": 4200.0, "usual": 42.0}, "payments@bank.example",
)  # fmt: skip
MANIFEST = RolloutManifest(
    product=PRODUCT.name, champion=Release(version="1", digest="ab" * 32), updated_at=datetime(2026, 8, 1, tzinfo=UTC),
    by="tests", reason="the first version",
)  # fmt: skip
TRAININGS = (Training(datetime(2026, 8, 1, tzinfo=UTC), "registered", "1", "the first model"),)


def fill_watched(lake: Lake, *, faults: bool = True) -> None:
    """Writes the tables; the realised AUC is that of the approval, 0.79.

    Args:
        faults: Whether a data fault stands.
    """

    def write(name: str, schema: pa.Schema, rows: list[dict[str, Any]], **more: str) -> None:
        table = pa.Table.from_pylist([dict.fromkeys(schema.names) | row for row in rows], schema=schema)
        for column, value in ({"model_version": "1"} | more).items():
            table = table.append_column(column, pa.repeat(pa.scalar(value), table.num_rows))
        lake.replace(f"{PRODUCT.name}/{name}", table, days=DAYS)

    realised = {"rows": 700, "labelled": 600, "unlabelled": 100, "positives": 80, "scored": 600, "accepted": 260,
                "over": "all", "bad_rate": 0.04, "acceptance": 0.37, "profit": 1e5, "brier": 0.1}  # fmt: skip
    approved = pa.field("approved_auc", pa.float64())
    performance = [{"day": day, **realised, "auc": 0.79, "approved_auc": 0.79} for day in DAYS]
    write("batch_performance", PERFORMANCE_SCHEMA.append(approved), performance)
    estimate = {"method": "pape", "part": "all", "group": "all", "rows": 600, "accepted": 200, "approved_auc": 0.79}
    given = {"auc": 0.78, "auc_low": 0.7, "auc_high": 0.85, "bad_rate": 0.05, "bad_rate_low": 0.02,
             "bad_rate_high": 0.08}  # fmt: skip
    why = {"withheld": "calibration moved", "reason": "the <calibration> has moved since approval"}
    estimates = [{"day": day, **estimate, **(why if day in WITHHELD else given)} for day in DAYS]
    write("estimated_performance", ESTIMATED_SCHEMA.append(approved), estimates)
    calibrated = {"rows": 500, "positives": 70, "intercept": -0.1, "intercept_error": 0.2, "slope": 1.0,
                  "slope_error": 0.1, "reference_intercept": -0.2, "reference_slope": 0.96, "p_value": 0.6,
                  "calibration_error": 0.02, "moved": False, "reason": "as before"}  # fmt: skip
    write("calibration", CALIBRATION_SCHEMA, [{"day": day, **calibrated} for day in DAYS])
    business = (("decisions", 29.0, 10.0, 40.0), ("approval_rate", 0.34, 0.2, 0.5), ("profit", 1.7e4, -1e4, 3e4))
    write("kpis", KPI_SCHEMA, [
        {"day": day, "figure": figure, "value": value, "expected": value, "low": low, "high": high, "rows": 29,
         "over": "all", "basis": "approval", "outside": False}
        for day in DAYS for figure, value, low, high in business
    ])  # fmt: skip
    write("vintages", VINTAGE_SCHEMA, [
        {"day": day, "vintage": DAYS[0], "age": age, "decisions": 150, "followed": 140, "known": age, "positives": age,
         "bad_rate": age / 400, "completion": age / 21, "final_bad_rate": 0.11, "final_low": 0.08, "final_high": 0.15}
        for age, day in enumerate(DAYS)
    ])  # fmt: skip
    groups = pa.schema([*PERFORMANCE_SCHEMA, pa.field("part", pa.string()), pa.field("group", pa.string())])
    write("group_performance", groups, [
        {"day": day, **realised, "auc": 0.8, "acceptance": taken, "part": "sex", "group": group}
        for day in DAYS for group, taken in (("female", 0.4), ("male", 0.36))
    ])  # fmt: skip
    drift = {day: _drift(place) for place, day in enumerate(DAYS)}
    table = drift_table(drift)
    lake.replace(
        f"{PRODUCT.name}/drift", table.append_column("model_version", pa.array(["1"] * table.num_rows)), days=DAYS
    )
    prints = {day: {"transactions": Fingerprint(100, 0, 0, {})} for day in DAYS}
    lake.replace(f"{PRODUCT.name}/fingerprints", fingerprint_table(prints), days=DAYS)
    found = fault_table([FAULT] if faults else [])
    lake.replace(f"{PRODUCT.name}/data_faults", found, days=DAYS)
    write("consistency", CONSISTENCY_SCHEMA, [])


def _drift(place: int) -> tuple[Drift, ...]:
    """`amount` comes nearer to its limit day by day, `purpose` and the score stay where they are."""

    def moved(name: str, kind: Any, psi: float, horizon: Any) -> Drift:
        return Drift(
            name, kind, psi=psi, ks=None, p_value=None, rows=600, missing_share=0.0, horizon=horizon, psi_limit=0.1,
            limits_from="tests",
        )  # fmt: skip

    return tuple(
        moved(*figure, horizon)
        for horizon in ("day", "window")
        for figure in (("purpose", "category", 0.01), ("amount", "numeric", 0.004 * place), ("score", "score", 0.02))
    )


def watched_report(lake: Lake, log: Path, alerts: States | None = None) -> MonitoringReport:
    """The report on these days, as of their end."""
    recorded = Recorded(
        MANIFEST, alerts or {}, heard(PRODUCT, lake, "1", CLOCK), TRAININGS, log, objectives()
    )  # fmt: skip
    return report_of(PRODUCT, lake, recorded, clock=CLOCK, now=CLOCK, until=LAST)
