"""The signals of a live model, read from the tables that recorded them.

Belongs here: reading the tables `drift` and `performance` into a `Cause` with its verdict. Does not belong here: the
rules of the verdicts (`verdicts.py`), starting a run (`pipelines.sensors`).
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from assets.monitoring.drift import drift_of_day
from assets.monitoring.verdicts import (
    Cause,
    CauseKind,
    DriftSignals,
    MonitoringAction,
    PerformanceSignals,
    cause_key,
    drift_verdict,
    episode_start,
    performance_verdict,
)
from assets.product import Product, Verdict
from assets.product.names import table_name
from resources.lake import Lake

_LOOKBACK_DAYS = 60


def drift_cause(product: Product, lake: Lake, now: datetime) -> Cause:
    """The cause that the champion's drift figures give, with the drift verdict."""

    def judge(figures: pa.Table, day: date, as_of: datetime) -> Verdict[MonitoringAction]:
        return drift_verdict(DriftSignals(drift_of_day(figures, day), day), product.monitoring, as_of)

    return _cause(product, lake, "drift", now, judge)


def performance_cause(product: Product, lake: Lake, now: datetime) -> Cause:
    """The cause that the champion's realised figures give, with the performance verdict."""

    def judge(figures: pa.Table, day: date, as_of: datetime) -> Verdict[MonitoringAction]:
        (row,) = figures.filter(pc.equal(figures["day"], pa.scalar(day, pa.date32()))).to_pylist()
        signals = PerformanceSignals(
            day=day,
            labelled=row["labelled"],
            positives=row["positives"],
            auc=row["auc"],
            approved_auc=row["approved_auc"],
        )
        return performance_verdict(signals, product.monitoring, as_of)

    return _cause(product, lake, "performance", now, judge)


def _cause(
    product: Product,
    lake: Lake,
    kind: CauseKind,
    now: datetime,
    judge: Callable[[pa.Table, date, datetime], Verdict[MonitoringAction]],
) -> Cause:
    figures = _newest(product, lake, kind, now)
    if figures is None:
        reason = f"no figures are recorded in the last {_LOOKBACK_DAYS} days"
        return Cause(kind=kind, key=f"{product.name}/{kind}/unknown", action="unknown", reasons=(reason,))
    version = figures["model_version"][-1].as_py()
    days = sorted(set(figures["day"].to_pylist()))
    # Each day is judged as of its end, so that the start of an episode does not depend on the time of this call.
    history = [(day, judge(figures, day, _end_of(day)).action) for day in days]
    last = judge(figures, days[-1], now)
    since = episode_start(history) or days[-1]
    return Cause(kind=kind, key=cause_key(product.name, kind, version, since), action=last.action, reasons=last.reasons)


def _newest(product: Product, lake: Lake, table: str, now: datetime) -> pa.Table | None:
    """The recent figures of the model version that the newest figure has; `None` when there are no recent figures."""
    name = table_name(product.name, table)
    if not lake.exists(name):
        return None
    first = now.date() - timedelta(days=_LOOKBACK_DAYS)
    figures = lake.read(name, days=[day for day in lake.days(name) if day >= first])
    if figures.num_rows == 0:
        return None
    return figures.filter(pc.equal(figures["model_version"], figures["model_version"][-1]))


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)
