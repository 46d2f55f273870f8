"""What the values of each feature are.

Belongs here: a few figures of each column of a feature table. Does not belong here: the reference profile of a model
(`assets.bundle.profile`), how far values have moved (`assets.monitoring.drift`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_TOP = 8


@dataclass(frozen=True)
class FeatureStatistics:
    """Figures of one feature.

    Attributes:
        rows: Looked at.
        missing: Share of rows without a value, 0 to 1.
        distinct: Different values.
        mean, deviation: Of numbers; `None` for a category, or where every value is missing.
        quantiles: At `QUANTILES`, the lowest and the highest among them; empty for the same.
        top: The commonest values of a category with their shares, the commonest first.
    """

    rows: int
    missing: float
    distinct: int
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()
    top: tuple[tuple[str, float], ...] = ()


def feature_statistics(table: pa.Table, names: Sequence[str]) -> Mapping[str, FeatureStatistics]:
    """The figures of the named columns, of those that the table has; empty for a table without rows."""
    if not table.num_rows:
        return {}
    return {name: _of(table[name]) for name in names if name in table.column_names}


def _of(column: pa.ChunkedArray) -> FeatureStatistics:
    rows, there = len(column), column.drop_null()
    missing, distinct = column.null_count / rows, pc.count_distinct(there).as_py()
    if not len(there):
        return FeatureStatistics(rows, missing, distinct)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        counted = sorted(pc.value_counts(there).to_pylist(), key=lambda found: (-found["counts"], str(found["values"])))
        top = tuple((str(found["values"]), found["counts"] / rows) for found in counted[:_TOP])
        return FeatureStatistics(rows, missing, distinct, top=top)
    return FeatureStatistics(
        rows,
        missing,
        distinct,
        mean=pc.mean(there).as_py(),
        deviation=pc.stddev(there, ddof=0).as_py(),
        quantiles=tuple(pc.quantile(there, list(QUANTILES)).to_pylist()),
    )
