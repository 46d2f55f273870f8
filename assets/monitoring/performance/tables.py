"""The tables of performance of some days, from the lake.

Belongs here: for each table what is read, and the pure functions that are called with it. Does not belong here: these
functions (the modules beside this one), writing a table (`assets.py`).
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.bundle import Bundle
from assets.bundle.profile import ReferenceProfile
from assets.monitoring.performance.amounts import BINARY_ALONE, figures_of_target, not_asked_rows, realised_amounts
from assets.monitoring.performance.estimates import (
    ESTIMATED_SCHEMA,
    WHOLE,
    Estimator,
    Method,
    ReferenceRows,
    Withheld,
)
from assets.monitoring.performance.figures import PERFORMANCE_SCHEMA, performance_by_day
from assets.monitoring.performance.judged import (
    approved_rows,
    courses_of,
    day_rows,
    features_of,
    judged_tables,
    matured_rows,
    own_outcomes,
)
from assets.monitoring.performance.kpis import COUNTED_DAYS, kpis_by_day
from assets.monitoring.performance.matured import CALIBRATION_SCHEMA, calibration_by_day, days_before
from assets.monitoring.performance.recalibration import Floats, RecalibrationError, recalibrate
from assets.monitoring.performance.reference import approved_days, decided, evaluated_rows, groups_of, judged_days
from assets.monitoring.performance.vintages import VINTAGE_SCHEMA, vintage_curves, vintages_of
from assets.monitoring.windows import MadeTable, window_of
from assets.product import Amount, Product
from assets.product.names import CALIBRATION, FEATURES, table_name, validated_name
from resources.lake import Lake

_MODEL = "model_version"


def vintage_table(product: Product, lake: Lake, days: Sequence[date]) -> tuple[MadeTable, Mapping[date, Floats]]:
    """The vintages as of each day: neither decisions nor labels of later days count; and the curves as of the last.

    Raises:
        LakeError: A table does not exist or is damaged.
        RowsError: A column of the label source is missing or of a wrong type.
    """
    tables, label = judged_tables(product), product.label
    before = 2 * (label.maturity.days + 1) + product.monitoring.window_days
    rows, of_rows = window_of(lake, product.name, days, tables.decisions, before=before, columns=tables.judged.columns)
    rows = tables.judged.whole(product, lake, rows)
    source = validated_name(label.source)
    events, of_events = window_of(lake, product.name, days, source, before=before + product.spine.days_after)
    made, curves = [VINTAGE_SCHEMA.empty_table()], dict[date, Floats]()
    decisions, labels = _DayOrder(rows), _DayOrder(events)
    for day in days:
        own, known = decisions.between(day - timedelta(days=before), day), labels.between(date.min, day)
        courses = courses_of(own, known, label, product.decision, tables.judged.row_id, _end_of(day))
        made.append(vintages_of(courses, [day]))
        if day == days[-1]:
            curves = dict(vintage_curves(courses, day))
    readings = {table_name(product.name, tables.decisions): of_rows, table_name(product.name, source): of_events}
    return MadeTable(pa.concat_tables(made), readings), curves


def group_table(product: Product, lake: Lake, bundle: Bundle, days: Sequence[date]) -> MadeTable:
    """The realised figures of the champion's own decisions by protected group and slice.

    Raises:
        LakeError: A table does not exist or is damaged.
        PerformanceError: The outcomes lack a column.
    """
    policy, decision, tables = product.monitoring, product.decision, judged_tables(product)
    outcomes, of_outcomes = window_of(lake, product.name, days, tables.outcomes, before=policy.window_days - 1)
    own = own_outcomes(outcomes, bundle)
    features, of_features = features_of(product, lake, own, tables.judged.row_id, days[0])
    none = figures_of_target(product, PERFORMANCE_SCHEMA.empty_table(), own)
    made = [_with(_with(none, "part", ""), "group", "")]
    for part, of_rows in groups_of(product, features).items():
        for group in sorted({str(one) for one in of_rows.tolist()}):
            of_group = own.filter(pa.array(of_rows == group))
            figures = performance_by_day(
                of_group, days, policy.window_days,
                accept=decision.accept, profit=decision.profit, min_rows=policy.min_rows,
            )  # fmt: skip
            kept = figures_of_target(product, figures.filter(pc.greater(figures["rows"], 0)), of_group)
            made.append(_with(_with(kept, "part", part), "group", group))
    readings = {
        table_name(product.name, tables.outcomes): of_outcomes, table_name(product.name, FEATURES): of_features,
    }  # fmt: skip
    table = pa.concat_tables(made).sort_by([(name, "ascending") for name in ("day", "part", "group")])
    return MadeTable(_with(table, _MODEL, bundle.version), readings)


def calibration_table(product: Product, lake: Lake, bundle: Bundle, days: Sequence[date]) -> MadeTable:
    """The champion's calibration over the labels that matured in the windows of these days.

    Raises:
        LakeError: A table does not exist or is damaged.
    """
    policy, source = product.monitoring, judged_tables(product).outcomes
    if isinstance(product.model.target, Amount):
        told = f"no calibration of a probability: {BINARY_ALONE}; see mean_error in the realised figures"
        none = not_asked_rows(CALIBRATION_SCHEMA, days, rows=0, positives=0, reason=told)
        return MadeTable(_with(none, _MODEL, bundle.version), {})
    outcomes, reading = window_of(lake, product.name, days, source, before=days_before(policy.window_days))
    reference = evaluated_rows(product, bundle, lake)
    expected = None
    if isinstance(reference, ReferenceRows):
        try:
            expected = recalibrate(reference.rows.score, reference.label, None, reference.clusters)
        except RecalibrationError:
            expected = None  # too few rows of a class: the table's reason says that nothing can be compared
    found = calibration_by_day(
        own_outcomes(outcomes, bundle), days, policy.window_days, reference=expected, min_rows=policy.min_rows
    )
    return MadeTable(_with(found, _MODEL, bundle.version), {table_name(product.name, source): reading})


def estimated_table(product: Product, lake: Lake, bundle: Bundle, days: Sequence[date]) -> MadeTable:
    """What is expected of the rows of each day's window, as the champion decides them; from its test window on.

    Raises:
        LakeError: A table does not exist or is damaged.
        ModelError: The model failed.
    """
    policy = product.monitoring
    if isinstance(product.model.target, Amount):
        return MadeTable(_with_approved(_withheld(days), bundle), {})
    rows, of_rows = window_of(lake, product.name, days, FEATURES, before=policy.window_days - 1)
    calibration, of_calibration = window_of(lake, product.name, days, CALIBRATION, before=0)
    own = calibration.filter(pc.and_(pc.equal(calibration[_MODEL], bundle.version), calibration["moved"]))
    moved = dict(zip(own["day"].to_pylist(), own["reason"].to_pylist(), strict=True))
    now = decided(product, bundle, rows)
    estimator = Estimator(evaluated_rows(product, bundle, lake), product.decision.profit, min_rows=policy.min_rows)
    day_of_row = np.asarray(rows["day"].to_numpy(), dtype="datetime64[D]")

    def of_day(day: date) -> list[dict[str, Any]]:
        last = np.datetime64(day, "D")
        within = (day_of_row <= last) & (day_of_row > last - policy.window_days)
        found = estimator.of_window(now.rows.where(within), moved=moved.get(day))
        return [{**one, "day": day} for one in found]

    # A day's time is its classifier's, which leaves the interpreter to other threads.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        made = [one for found in pool.map(of_day, judged_days(bundle, days)) for one in found]
    table = _with_approved(pa.Table.from_pylist(made, schema=ESTIMATED_SCHEMA), bundle)
    readings = {
        table_name(product.name, FEATURES): of_rows,
        table_name(product.name, CALIBRATION): of_calibration,
    }
    return MadeTable(table, readings)


def _withheld(days: Sequence[date]) -> pa.Table:
    """The estimates of an amount: none, with the reason."""
    kind: Withheld = "amount"
    reason = f"performance is estimated from probabilities: {BINARY_ALONE}"
    parts = [
        not_asked_rows(
            ESTIMATED_SCHEMA, days, method=method, part=WHOLE, group=WHOLE, rows=0, accepted=0, withheld=kind,
            reason=reason,
        )
        for method in get_args(Method)
    ]  # fmt: skip
    return pa.concat_tables(parts).sort_by([("day", "ascending"), ("method", "ascending")])


def _with_approved(table: pa.Table, bundle: Bundle) -> pa.Table:
    approved = ReferenceProfile.from_dict(bundle.parts.reference).auc
    table = _with(table, _MODEL, bundle.version)
    return table.append_column("approved_auc", pa.repeat(pa.scalar(approved, pa.float64()), table.num_rows))


def kpi_table(product: Product, lake: Lake, bundle: Bundle, days: Sequence[date]) -> MadeTable:
    """The business figures of each day, beside what is expected under the champion.

    Raises:
        LakeError: A table does not exist or is damaged.
        ModelError: The model failed.
    """
    tables, policy = judged_tables(product), product.monitoring
    before = max(policy.window_days, COUNTED_DAYS)
    rows, of_rows = window_of(lake, product.name, days, tables.decisions, before=before, columns=tables.judged.columns)
    rows = tables.judged.whole(product, lake, rows)
    outcomes, of_outcomes = window_of(lake, product.name, days, tables.outcomes, before=before)
    approved = approved_days(product, bundle, lake)
    found = kpis_by_day(
        day_rows(rows, product),
        # The interval of losses is that of drawn labels: of amounts the figures are those of `realised_amounts`.
        matured_rows(outcomes.slice(0, 0) if isinstance(product.model.target, Amount) else outcomes, product),
        days,
        approved=None if approved is None else approved_rows(approved, product),
        profit=product.decision.profit,
        policy=policy,
    )
    found = realised_amounts(product, outcomes, found)
    readings = {
        table_name(product.name, tables.decisions): of_rows, table_name(product.name, tables.outcomes): of_outcomes,
    }  # fmt: skip
    return MadeTable(_with(found, _MODEL, bundle.version), readings)


class _DayOrder:
    """A table in the order of its days, so that those of a range lie together and are not copied."""

    def __init__(self, table: pa.Table) -> None:
        day = np.asarray(table["day"].cast(pa.int32()).to_numpy())
        order = np.argsort(day, kind="stable")
        self._table, self._day = table.take(pa.array(order)).combine_chunks(), day[order]

    def between(self, first: date, last: date) -> pa.Table:
        """The rows of these days, both included."""
        ends = [np.datetime64(first, "D").astype(np.int64), np.datetime64(last, "D").astype(np.int64) + 1]
        start, end = np.searchsorted(self._day, ends)
        return self._table.slice(start, end - start)


def _with(table: pa.Table, name: str, text: str) -> pa.Table:
    return table.append_column(name, pa.repeat(pa.scalar(text, pa.string()), table.num_rows))


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)
