"""The signals of a live model, read from the tables that recorded them.

Belongs here: reading `drift`, `estimated_performance`, and `performance` or `batch_performance`, into a `Cause` with
its verdict; reading `kpis`. Does not belong here: the rules of the verdicts (`verdicts.py` and those of the rooms),
starting a run (`pipelines.sensors`).
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from assets.monitoring.distributions.figures import drift_of_day
from assets.monitoring.distributions.verdict import DriftSignals, drift_verdict
from assets.monitoring.faults.holding import held_drift, held_performance, standing_faults
from assets.monitoring.performance.by_bundle import EVERY_ROLE
from assets.monitoring.performance.verdicts import (
    EstimatedSignals,
    KpiAction,
    KpiSignal,
    PerformanceSignals,
    estimated_verdict,
    kpi_verdict,
    performance_verdict,
)
from assets.monitoring.verdicts import (
    Cause,
    CauseKind,
    MonitoringAction,
    cause_key,
    episode_start,
)
from assets.product import Product, Verdict
from assets.product.names import (
    BATCH_PERFORMANCE,
    DRIFT,
    ESTIMATED_PERFORMANCE,
    KPIS,
    PERFORMANCE,
    table_name,
)
from resources.lake import Lake

_DAYS_AT_ONCE = 60
"""Days of figures that are read at a time, of those that have any."""


_NONE_ANSWERED = (
    ": no decision that it answered has a final label in them. Where the service does not decide the rows, or not yet, "
    "MonitoringPolicy(judged='batch') judges batch scores"
)


@dataclass(frozen=True)
class _Table:
    """A table of figures by day.

    Attributes:
        version: The column with the version of the model.
        why_none: The end of the sentence that says that a version has no figures.
        only: Columns and the values that rows must have in them to count.
    """

    name: str
    version: str = "model_version"
    why_none: str = ""
    only: Mapping[str, str] = field(default_factory=dict)


def drift_cause(product: Product, lake: Lake, champion: str | None, now: datetime) -> Cause:
    """The cause in the champion's drift figures, with the drift verdict.

    Args:
        champion: The version that decides now; `None` without one.
    """

    standing = cache(lambda: standing_faults(product, lake))

    def judge(figures: pa.Table, day: date, as_of: datetime) -> Verdict[MonitoringAction]:
        found = drift_of_day(figures, day)

        def without(names: Collection[str]) -> Verdict[MonitoringAction]:
            kept = tuple(figure for figure in found if figure.name not in names)
            return drift_verdict(DriftSignals(kept, day), product.monitoring, as_of)

        return held_drift(without(()), day, standing, without)

    return _cause(product, lake, "drift", _Table(DRIFT), champion, now, judge)


def performance_cause(product: Product, lake: Lake, champion: str | None, now: datetime) -> Cause:
    """The cause in the champion's realised figures, with the performance verdict; `champion` as for `drift_cause`.

    The figures are those of the decisions that the champion's bundle has answered, as challenger too; where the product
    is judged by batch scores, those of its scores. No figures of another bundle count for it.
    """

    standing = cache(lambda: standing_faults(product, lake))

    def judge(figures: pa.Table, day: date, as_of: datetime) -> Verdict[MonitoringAction]:
        (row,) = figures.filter(pc.equal(figures["day"], pa.scalar(day, pa.date32()))).to_pylist()
        signals = PerformanceSignals(
            day=day,
            labelled=row["labelled"],
            positives=row["positives"],
            auc=row["auc"],
            approved_auc=row["approved_auc"],
            over=row["over"],
        )
        verdict = performance_verdict(signals, product.monitoring, as_of)
        return held_performance(verdict, day, standing, is_realised=True)

    is_batch = product.monitoring.judged == "batch"
    table = (
        _Table(BATCH_PERFORMANCE) if is_batch else _Table(PERFORMANCE, "bundle", _NONE_ANSWERED, {"role": EVERY_ROLE})
    )
    return _cause(product, lake, "performance", table, champion, now, judge)


def estimated_cause(product: Product, lake: Lake, champion: str | None, now: datetime) -> Cause:
    """The cause in the champion's estimated performance, with its verdict; `champion` as for `drift_cause`.

    The estimate is the one that follows the rows (PAPE), over all rows of the window.
    """
    standing = cache(lambda: standing_faults(product, lake))

    def judge(figures: pa.Table, day: date, as_of: datetime) -> Verdict[MonitoringAction]:
        (row,) = figures.filter(pc.equal(figures["day"], pa.scalar(day, pa.date32()))).to_pylist()
        signals = EstimatedSignals(
            day=day, rows=row["rows"], auc=row["auc"], low=row["auc_low"], high=row["auc_high"],
            approved_auc=row["approved_auc"], reason=row["reason"],
        )  # fmt: skip
        verdict = estimated_verdict(signals, product.monitoring, as_of)
        return held_performance(verdict, day, standing, is_realised=False)

    table = _Table(ESTIMATED_PERFORMANCE, only={"method": "pape", "part": "all"})
    return _cause(product, lake, "estimated", table, champion, now, judge)


@dataclass(frozen=True)
class KpiFigures:
    """The business figures of the last day that has any (`None` without one), and the verdict on them."""

    day: date | None
    signals: tuple[KpiSignal, ...]
    verdict: Verdict[KpiAction]


def kpi_figures(product: Product, lake: Lake, now: datetime) -> KpiFigures:
    """The newest business figures.

    Raises:
        LakeError: The table is damaged.
    """
    name = table_name(product.name, KPIS)
    days = lake.days(name) if lake.exists(name) else ()
    day = days[-1] if days else None
    rows = lake.read(name, days=[day]).to_pylist() if day is not None else []
    columns = ("figure", "value", "low", "high", "basis", "outside")
    signals = tuple(KpiSignal(*(row[column] for column in columns)) for row in rows)
    return KpiFigures(day, signals, kpi_verdict(signals, day, now))


def _cause(
    product: Product,
    lake: Lake,
    kind: CauseKind,
    table: _Table,
    champion: str | None,
    now: datetime,
    judge: Callable[[pa.Table, date, datetime], Verdict[MonitoringAction]],
) -> Cause:
    if champion is None:
        return _unknown(product, kind, "no model decides yet")
    figures = _figures(product, lake, table, champion)
    recent = next(figures, None)
    if recent is None or recent.num_rows == 0:
        why = f"no figures of the champion, version {champion}, are recorded for recent days"
        return _unknown(product, kind, f"{why}{table.why_none}")
    day = max(recent["day"].to_pylist())
    last = judge(recent, day, now)
    since = day
    if last.action == "retrain":  # no other verdict needs its episode
        since = _since(itertools.chain([recent], figures), judge) or day
    key = cause_key(product.name, kind, champion, since)
    return Cause(kind=kind, key=key, action=last.action, reasons=last.reasons)


def _unknown(product: Product, kind: CauseKind, reason: str) -> Cause:
    return Cause(kind=kind, key=f"{product.name}/{kind}/unknown", action="unknown", reasons=(reason,))


def _figures(product: Product, lake: Lake, table: _Table, champion: str) -> Iterator[pa.Table]:
    """The champion's figures, a few weeks at a time, the newest first; nothing of a table that does not exist."""
    name = table_name(product.name, table.name)
    if not lake.exists(name):
        return
    version = lake.version(name)
    days = lake.days(name, version)
    for end in range(len(days), 0, -_DAYS_AT_ONCE):
        figures = lake.read(name, days=days[max(0, end - _DAYS_AT_ONCE) : end], version=version)
        own = figures.filter(pc.equal(figures[table.version], champion))
        for column, value in table.only.items():
            own = own.filter(pc.equal(own[column], value))
        yield own


def _since(
    figures: Iterable[pa.Table], judge: Callable[[pa.Table, date, datetime], Verdict[MonitoringAction]]
) -> date | None:
    """The first day of the episode that is still going on, however long it lasts; `None` when there is none.

    Its beginning must not depend on how far back is looked: another first day would be another cause.

    Args:
        figures: The champion's, in parts, the newest first; no more of them are read than the episode lasts.
    """
    history: list[tuple[date, MonitoringAction]] = []
    for part in figures:
        days = sorted(set(part["day"].to_pylist()))
        # Each day is judged as of its end, so that the start of an episode does not depend on the time of this call.
        judged = [(day, judge(part, day, _end_of(day)).action) for day in days]
        history = judged + history
        if any(action == "none" for _, action in judged):
            break
    return episode_start(history)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)
