"""Statistics of the values of each feature.

Belongs here: a few statistics of each column of a feature table. Does not belong here: the reference profile of a model
(`assets.bundle.profile`), drift of values (`assets.monitoring.distributions`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_TOP = 8


@dataclass(frozen=True)
class FeatureStatistics:
    """Statistics of one feature.

    Attributes:
        rows: Number of rows.
        missing: Share of rows without a value, 0 to 1.
        distinct: Number of different values.
        mean, deviation: `None` for a category, or where every value is missing.
        quantiles: Values at the levels `QUANTILES`, lowest and highest included; empty where `mean` is `None`.
        top: The most frequent values of a category with their shares of all rows, in descending order.
    """

    rows: int
    missing: float
    distinct: int
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()
    top: tuple[tuple[str, float], ...] = ()


def feature_statistics(table: pa.Table, names: Sequence[str]) -> Mapping[str, FeatureStatistics]:
    """The statistics of the named columns that the table has; empty for a table without rows."""
    if not table.num_rows:
        return {}
    return {name: _of(table[name]) for name in names if name in table.column_names}


def _of(column: pa.ChunkedArray) -> FeatureStatistics:
    rows, present = len(column), column.drop_null()
    missing, distinct = column.null_count / rows, pc.count_distinct(present).as_py()
    if not len(present):
        return FeatureStatistics(rows, missing, distinct)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        counts = sorted(pc.value_counts(present).to_pylist(), key=lambda one: (-one["counts"], str(one["values"])))
        top = tuple((str(one["values"]), one["counts"] / rows) for one in counts[:_TOP])
        return FeatureStatistics(rows, missing, distinct, top=top)
    return FeatureStatistics(
        rows,
        missing,
        distinct,
        mean=pc.mean(present).as_py(),
        deviation=pc.stddev(present, ddof=0).as_py(),
        quantiles=tuple(pc.quantile(present, list(QUANTILES)).to_pylist()),
    )
