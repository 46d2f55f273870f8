"""The monitors that can ask for a retraining: their tables of figures, their verdicts, the figures behind them.

Belongs here: from a day's recorded figures to the verdict of drift, of realised and of estimated performance. Does not
belong here: the rules of the verdicts (those of the rooms), which day is judged and when its episode began
(`signals.py`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.monitoring.consistency.mended import mended_decisions, without_mended
from assets.monitoring.distributions.figures import drift_of_day
from assets.monitoring.distributions.verdict import DriftSignals, drift_verdict
from assets.monitoring.faults.holding import held_drift, held_performance, standing_faults
from assets.monitoring.performance.amounts import amount_verdict
from assets.monitoring.performance.by_bundle import EVERY_ROLE
from assets.monitoring.performance.verdicts import (
    EstimatedSignals,
    PerformanceSignals,
    estimated_verdict,
    performance_verdict,
)
from assets.monitoring.verdicts import CauseKind, MonitoringAction
from assets.product import Amount, Product, Verdict
from assets.product.names import BATCH_PERFORMANCE, DRIFT, ESTIMATED_PERFORMANCE, PERFORMANCE
from resources.lake import Lake

_NONE_ANSWERED = (
    ": no decision that it answered has a final label in them. Where the service does not decide the rows, or not yet, "
    "MonitoringPolicy(judged='batch') judges batch scores"
)


@dataclass(frozen=True)
class FiguresTable:
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


@dataclass(frozen=True)
class Monitor:
    """A monitor that can ask for a retraining.

    Attributes:
        kind: Its name among the causes.
        table: The table of its figures.
        judge: The verdict on the figures of a day, as of a time.
        evidence: The figures of a day that the verdict is on, by name.
    """

    kind: CauseKind
    table: FiguresTable
    judge: Callable[[pa.Table, date, datetime], Verdict[MonitoringAction]]
    evidence: Callable[[pa.Table, date], Mapping[str, float]]


def monitors(product: Product, lake: Lake) -> tuple[Monitor, ...]:
    """The monitors of a product, which read the data faults that stand once, when one of them asks."""
    return performance_monitor(product, lake), estimated_monitor(product, lake), drift_monitor(product, lake)


def drift_monitor(product: Product, lake: Lake) -> Monitor:
    """Drift of the live rows from those at approval."""
    standing = cache(lambda: standing_faults(product, lake))

    def judge(figures: pa.Table, day: date, as_of: datetime) -> Verdict[MonitoringAction]:
        found = drift_of_day(figures, day)

        def without(names: Collection[str]) -> Verdict[MonitoringAction]:
            kept = tuple(figure for figure in found if figure.name not in names)
            return drift_verdict(DriftSignals(kept, day), product.monitoring, as_of)

        held = held_drift(without(()), day, standing, without)
        window = timedelta(days=product.monitoring.window_days - 1)
        return without_mended(held, lambda: mended_decisions(product, lake, day - window, day), without)

    def evidence(figures: pa.Table, day: date) -> Mapping[str, float]:
        found = [figure.psi for figure in drift_of_day(figures, day) if figure.psi is not None]
        return {"largest_psi": float(max(found))} if found else {}

    return Monitor("drift", FiguresTable(DRIFT), judge, evidence)


def performance_monitor(product: Product, lake: Lake) -> Monitor:
    """Realised performance, of answered decisions or of batch scores."""
    standing = cache(lambda: standing_faults(product, lake))

    def judge(figures: pa.Table, day: date, as_of: datetime) -> Verdict[MonitoringAction]:
        row = _row(figures, day)
        if isinstance(product.model.target, Amount):
            verdict = amount_verdict(row, day, product.monitoring, as_of)
            return held_performance(verdict, day, standing, is_realised=True)
        signals = PerformanceSignals(
            day=day,
            labelled=row["labelled"],
            positives=row["positives"],
            auc=row["auc"],
            approved_auc=row["approved_auc"],
            over=row["over"],
        )
        verdict = performance_verdict(signals, product.monitoring, as_of)
        held = held_performance(verdict, day, standing, is_realised=True)
        if is_batch:
            return held
        last = day - product.label.maturity  # the rows whose labels became final in the window
        first = last - timedelta(days=product.monitoring.window_days - 1)
        return without_mended(held, lambda: mended_decisions(product, lake, first, last))

    is_batch = product.monitoring.judged == "batch"
    table = (
        FiguresTable(BATCH_PERFORMANCE)
        if is_batch
        else FiguresTable(PERFORMANCE, "bundle", _NONE_ANSWERED, {"role": EVERY_ROLE})
    )
    names = ("auc", "approved_auc", "labelled", "positives", "bad_rate", "profit", "mae", "approved_mae", "bias")
    return Monitor("performance", table, judge, lambda figures, day: _known(_row(figures, day), names))


def estimated_monitor(product: Product, lake: Lake) -> Monitor:
    """Performance that is expected without labels."""
    standing = cache(lambda: standing_faults(product, lake))

    def judge(figures: pa.Table, day: date, as_of: datetime) -> Verdict[MonitoringAction]:
        row = _row(figures, day)
        signals = EstimatedSignals(
            day=day, rows=row["rows"], auc=row["auc"], low=row["auc_low"], high=row["auc_high"],
            approved_auc=row["approved_auc"], reason=row["reason"],
        )  # fmt: skip
        verdict = estimated_verdict(signals, product.monitoring, as_of)
        return held_performance(verdict, day, standing, is_realised=False)

    table = FiguresTable(ESTIMATED_PERFORMANCE, only={"method": "pape", "part": "all"})
    names = ("auc", "auc_low", "auc_high", "approved_auc", "rows", "profit", "profit_low", "profit_high")
    return Monitor("estimated", table, judge, lambda figures, day: _known(_row(figures, day), names))


def _row(figures: pa.Table, day: date) -> dict[str, Any]:
    """The one row of a day."""
    (row,) = figures.filter(pc.equal(figures["day"], pa.scalar(day, pa.date32()))).to_pylist()
    return dict(row)


def _known(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
    """The figures of a row that it has."""
    return {name: float(row[name]) for name in names if row.get(name) is not None}
