"""Rows by which an exported model checks itself: drawn from the bundle, so that they are nobody's.

Belongs here: drawing rows of features near the edges of the scorecard's bins. Does not belong here: their scores
(`export.py`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from assets.bundle.bundle import Bundle
from assets.product.rules import columns_read

ROWS = 64
_MISSING = 0.05
_NEVER_SEEN = "never seen"
_TYPES: Mapping[str, pa.DataType] = {"number": pa.float64(), "text": pa.string(), "any": pa.string()}


def sample_rows(bundle: Bundle) -> pa.Table:
    """A feature table of `ROWS` rows, the same for the same bundle, with every column that its answers need.

    A number lies on, below or above the edges of its column in the scorecard, which are quantiles of the training rows;
    each feature is drawn by itself. Columns that only rules read are null.
    """
    parts = bundle.parts
    rng = np.random.default_rng(int(bundle.digest[:16], 16))
    encoder, edges = parts.encoder, dict(zip(parts.scorecard.columns, parts.scorecard.edges, strict=True))
    columns: dict[str, Any] = {}
    for name in encoder.features:
        absent = rng.random(ROWS) < _MISSING
        if name in encoder.categories or name in encoder.hashed:
            drawn = rng.choice([*encoder.categories.get(name, ()), _NEVER_SEEN], ROWS)
            columns[name] = pa.array(drawn.tolist(), pa.string(), mask=absent)
        else:
            columns[name] = pa.array(np.where(absent, 0.0, _numbers(rng, edges[name])), pa.float64(), mask=absent)
    read = {column: holds for rule in parts.rules for column, holds in columns_read(rule.when).items()}
    columns |= {name: pa.nulls(ROWS, _TYPES[holds]) for name, holds in read.items() if name not in columns}
    columns["as_of"] = pa.array([parts.created_at] * ROWS, pa.timestamp("us", tz="UTC"))
    columns |= {key: [f"sample {n}" for n in range(ROWS)] for key in bundle.policy.explore_keys}
    columns.setdefault(bundle.policy.row_id, pa.array(range(ROWS)))
    return pa.table(columns)


def _numbers(rng: np.random.Generator, edges: tuple[float, ...]) -> np.ndarray:
    """Numbers on the edges and up to a tenth of their range beside them; 0 and 1 where there are none."""
    near = np.array(edges or (0.0, 1.0))
    spread = max(float(near.max() - near.min()), 1e-3) / 10.0
    return rng.choice(near, ROWS) + rng.choice([0.0, 1.0], ROWS) * rng.normal(0.0, spread, ROWS)
