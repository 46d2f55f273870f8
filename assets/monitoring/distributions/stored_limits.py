"""The table of a bundle's limits: made once a bundle, read by every day after.

Belongs here: limits as a table and back, and the key that says of what they were made. Does not belong here: making
them (`limits.py`), the table's commit (`assets.py`).
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.monitoring.distributions.cells import VOLUME, Layout
from assets.monitoring.distributions.figures import HORIZONS
from assets.monitoring.distributions.judged import STATISTICS
from assets.monitoring.distributions.limits import Horizon, Limits
from assets.monitoring.false_alarms import allowed
from assets.product import MonitoringPolicy

LIMITS_SCHEMA = pa.schema(
    [
        pa.field("made_of", pa.string(), nullable=False),
        pa.field("basis", pa.string(), nullable=False),
        pa.field("horizon", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("statistic", pa.string(), nullable=False),
        pa.field("median", pa.float64()),
        pa.field("spread", pa.float64()),
        pa.field("level", pa.float64(), nullable=False),
        pa.field("rows", pa.float64(), nullable=False),
    ]
)


def limits_key(digest: str, days: Sequence[date], policy: MonitoringPolicy) -> str:
    """What limits are made of: the bundle, its days with rows before its approval, and the policy."""
    span = f"{len(days)} days {days[0]} to {days[-1]}" if days else "no days"
    shares = f"{allowed(policy, 'days'):g} and {allowed(policy, 'windows'):g} of {policy.false_alarms_a_year:g} a year"
    return f"{digest}, {span}, window {policy.window_days}, {shares}"


def limits_table(layout: Layout, limits: Limits, key: str) -> pa.Table:
    """Limits as rows of LIMITS_SCHEMA; none where there was too little history."""
    names = [*(subject.name for subject in layout.subjects), VOLUME]
    rows = [
        {
            "made_of": key, "basis": limits.basis, "horizon": horizon, "name": name, "statistic": statistic,
            "median": float(found.median[place, at]), "spread": float(found.spread[place, at]),
            "level": float(found.level[at]), "rows": found.rows,
        }
        for horizon, found in zip(HORIZONS, (limits.day, limits.window), strict=True)
        if found is not None
        for place, name in enumerate(names)
        for at, statistic in enumerate(STATISTICS)
        if np.isfinite(found.median[place, at])
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=LIMITS_SCHEMA)


def stored_limits(layout: Layout, table: pa.Table, key: str) -> Limits | None:
    """The limits of a table, if they were made of the same; `None` if they must be made."""
    own = table.filter(pc.equal(table["made_of"], key))
    if not own.num_rows:
        return None
    horizons = [_horizon(layout, own.filter(pc.equal(own["horizon"], horizon))) for horizon in HORIZONS]
    return Limits(horizons[0], horizons[1], own["basis"][0].as_py())


def _horizon(layout: Layout, rows: pa.Table) -> Horizon:
    names = {name: place for place, name in enumerate([*(subject.name for subject in layout.subjects), VOLUME])}
    shape = (len(names), len(STATISTICS))
    median, spread, level = np.full(shape, np.nan), np.full(shape, np.nan), np.ones(len(STATISTICS))
    for row in rows.to_pylist():
        at = names[row["name"]], STATISTICS.index(row["statistic"])
        median[at], spread[at], level[at[1]] = row["median"], row["spread"], row["level"]
    return Horizon(median, spread, level, rows["rows"][0].as_py())
