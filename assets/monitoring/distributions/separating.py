"""The days that a classifier tells from the training rows: the table `separation`.

Belongs here: which rows are compared, and the table. Does not belong here: the classifier (`multivariate.py`).

The rows then are those that the champion was trained on, at the version of the training set that its pins name: they
are the same rows on every day, whatever has become of the table since.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from assets.bundle.profile import ReferenceProfile
from assets.metrics.density_ratio import density_ratio
from assets.monitoring.distributions.multivariate import separation
from assets.monitoring.distributions.reading import Monitored
from assets.product.names import FEATURES, TRAINING_SET, table_name
from resources.lake.origins import Reading

SEPARATION_SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("rows_then", pa.int64(), nullable=False),
        pa.field("training_set", pa.int64()),
        pa.field("auc", pa.float64()),
        pa.field("p_value", pa.float64()),
        pa.field("alike_share", pa.float64()),
        pa.field("model_version", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
    ]
)
_MOST_ROWS = 1_000


def separations(monitored: Monitored, readings: dict[str, Reading], days: Sequence[date]) -> pa.Table:
    """How well each day's rows are told from the training rows, as a table of SEPARATION_SCHEMA.

    A day has no figures where either side has fewer than 50 rows, or the bundle names no training set. `alike_share` is
    the effective share of the training rows after weighting them by the density ratio (Kish, 1965): 1 where the day is
    like them, near 0 where hardly any of them is like the day.
    """
    version = monitored.bundle.parts.pins.get("version")
    then = _then(monitored, version)
    return pa.Table.from_pylist([_row(monitored, readings, day, then, version) for day in days], SEPARATION_SCHEMA)


def _row(
    monitored: Monitored, readings: dict[str, Reading], day: date, then: pa.Table | None, version: int | None
) -> dict[str, object]:
    now = _sampled(_columns(monitored.profile, monitored.rows(readings, FEATURES, day)), day.toordinal())
    row: dict[str, object] = {
        "day": day, "rows": now.num_rows, "rows_then": 0 if then is None else then.num_rows, "training_set": version,
        "model_version": monitored.bundle.version, "digest": monitored.bundle.digest,
    }  # fmt: skip
    found = None if then is None else separation(monitored.profile, then, now, seed=day.toordinal())
    if found is None or then is None:
        return row
    encoder = monitored.bundle.parts.encoder
    ratio = density_ratio(encoder.encode(then), encoder.encode(now)).reference
    alike = float(ratio.sum() ** 2 / (ratio**2).sum() / len(ratio))
    return {**row, "auc": found.auc, "p_value": found.p_value, "alike_share": alike}


def _then(monitored: Monitored, version: int | None) -> pa.Table | None:
    """A sample of the champion's training rows; `None` where it names none."""
    if version is None:
        return None
    table = table_name(monitored.product.name, TRAINING_SET)
    names = [*monitored.profile.numeric, *monitored.profile.categories]
    return _sampled(monitored.lake.read(table, version=version, columns=names), 0)


def _columns(profile: ReferenceProfile, rows: pa.Table) -> pa.Table:
    return rows.select([*profile.numeric, *profile.categories])


def _sampled(rows: pa.Table, seed: int) -> pa.Table:
    if rows.num_rows <= _MOST_ROWS:
        return rows
    chosen = np.random.default_rng(seed).choice(rows.num_rows, _MOST_ROWS, replace=False)
    return rows.take(pa.array(np.sort(chosen)))
