"""Planned faults of a delivery: what happens to a source's rows of a day on their way.

Belongs here: broken, renamed, doubled, rescaled and false rows, and days that come late. Does not belong here: writing
rows (`places.py`), dependencies that are down (the game day takes them away itself).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from resources.sandbox.planned.incidents import PlannedIncident, in_force
from resources.sandbox.world.keyed import uniforms

# The column that a bad feed breaks: v becomes -1 - v, which no contract allows.
_BROKEN = {
    "applications": "amount", "transactions": "amount", "bureau_reports": "utilisation", "repayments": "days_past_due",
    "card_transactions": "amount", "fraud_labels": "is_fraud",
}  # fmt: skip


@dataclass(frozen=True)
class Delivered:
    """A day of a source as it is delivered.

    Attributes:
        rows: With the column names of that day.
        on: The day at whose end it arrives.
    """

    source: str
    day: date
    rows: pa.Table
    on: date


def delivered(source: str, day: date, rows: pa.Table, plan: Sequence[PlannedIncident], seed: int) -> Delivered:
    """What arrives of a source's rows of a day, and when."""
    for _ in in_force(plan, "doubled_stream", day, source):
        rows = pa.concat_tables([rows, rows]).take(pa.array(np.arange(2 * rows.num_rows) // 2 % max(rows.num_rows, 1)))
    for fault in in_force(plan, "bad_feed", day, source):
        hit = _hit(rows, seed, "bad feed", day, fault.strength)
        rows = _with(rows, _BROKEN[source], lambda values, hit=hit: np.where(hit, -1 - values, values))
    for fault in in_force(plan, "poisoned_feedback", day, source):
        hit = _hit(rows, seed, "poison", day, fault.strength)
        rows = _with(rows, _BROKEN[source], lambda values, hit=hit: np.where(hit, 1 - values, values))
    for fault in in_force(plan, "unit_change", day, source):
        rows = _with(rows, fault.column, lambda values, by=fault.strength: np.round(values * by, 2))
    for fault in in_force(plan, "schema_change", day, source):
        rows = rows.rename_columns([f"{n}_new" if n == fault.column else n for n in rows.column_names])
    late = max((int(fault.strength) for fault in in_force(plan, "late_feed", day, source)), default=0)
    return Delivered(source, day, rows, day + timedelta(days=late))


def _hit(rows: pa.Table, seed: int, purpose: str, day: date, share: float) -> np.ndarray:
    draws = uniforms(seed, f"{purpose} {day}", np.arange(rows.num_rows))
    return np.asarray(draws < share)


def _with(rows: pa.Table, name: str, change: object) -> pa.Table:
    column = rows[name].combine_chunks()
    values = column.to_numpy(zero_copy_only=False)
    changed = pa.array(change(values), column.type, from_pandas=True)  # type: ignore[operator]
    return rows.set_column(rows.column_names.index(name), name, changed)
