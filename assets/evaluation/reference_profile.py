"""The reference profile of a bundle: what its test rows are like, beside which live rows are watched.

Belongs here: choosing the test rows of a training set, and their profile. Does not belong here: the profile's form
(`assets.bundle.profile`), writing it into the bundle (`assets.py`).
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle
from assets.bundle.profile import build_profile
from assets.product import Product
from assets.serving.engine import Engine
from assets.training.rows import TrainingRows
from assets.training.split import Split


def reference_profile(
    product: Product, table: pa.Table, rows: TrainingRows, split: Split, bundle: Bundle, auc: float
) -> Mapping[str, Any]:
    """The profile of the test rows, the reference for live rows.

    Args:
        table: The training set.
        rows, split: Its labelled rows and their split.
        bundle: The candidate, which scores the rows.
        auc: Its AUC on them.
    """
    test = in_order(table, rows.row_ids[split.test], product.spine.row_id)
    features = product.features
    profile = build_profile(
        test, Engine(bundle, None).score(test), features.numeric, features.categories,
        positive_rate=float(rows.y[split.test].mean()), auc=auc,
    )  # fmt: skip
    return profile.to_dict()


def in_order(table: pa.Table, row_ids: NDArray[Any], row_id: str) -> pa.Table:
    """The table's rows with these ids, in the order of the ids."""
    ids = table[row_id].combine_chunks()
    return table.take(pc.index_in(pa.array(row_ids, ids.type), value_set=ids))
