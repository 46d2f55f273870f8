"""What is handed to the judge at the end: every row with its features and its truth.

Belongs here: from the feature table and the bank's truth to the judge's arrays. Does not belong here: the judgement
(`resources.sandbox.judge`).
"""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Product
from assets.product.names import FEATURES, table_name
from resources.lake import Lake
from resources.moments import DAY_US, midnight_us
from resources.sandbox.answering.bank import Truth
from resources.sandbox.judge.regret import Rows

_NEVER = np.iinfo(np.int64).max


def rows_of(product: Product, lake: Lake, truth: Truth, first: date) -> Rows:
    """The rows of a product that have features, in the order of time.

    Args:
        first: The first day of operation.
    """
    features = lake.read(table_name(product.name, FEATURES))
    known = truth.rows.set_column(0, product.spine.row_id, truth.rows["row_id"])
    ids = features[product.spine.row_id].cast(pa.string())
    names = [name for name in features.column_names if name in set(product.features.names)]
    table = pa.table({product.spine.row_id: ids, **{f"f_{name}": features[name] for name in names}})
    joined = known.join(table, product.spine.row_id, join_type="inner").sort_by(
        [("day", "ascending"), (product.spine.row_id, "ascending")]
    )
    columns = [_numbers(joined[f"f_{name}"]) for name in names]
    day = joined["day"].cast(pa.int32()).to_numpy().astype(np.int64) - midnight_us(first) // DAY_US
    bad = joined["bad"].to_numpy().astype(bool)
    seen = joined["accepted"].to_numpy(zero_copy_only=False).astype(bool)
    delay = -(-product.label.maturity // timedelta(days=1))
    return Rows(
        day=day, features=np.column_stack(columns), stake=joined["stake"].to_numpy(), bad=bad,
        label_day=np.where(seen, day + delay, _NEVER), told=bad,
    )  # fmt: skip


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """A column as floats: texts by their rank, NaN where missing."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        words = pc.unique(column).drop_null().sort()
        column = pc.index_in(column, value_set=words)
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
