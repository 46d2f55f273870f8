"""The rows that performance is estimated from and for: read, scored, and told apart by group.

Belongs here: the rows on which a champion was evaluated, at the version that its bundle pins; all rows of these days;
the rows of a window as the champion decides them. Does not belong here: what is computed from them (`estimates.py`,
`kpis.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle
from assets.monitoring.performance.estimates import Reason, ReferenceRows, Rows
from assets.product import Product, Protected
from assets.product.names import FEATURES, TRAINING_SET, table_name
from assets.training.rows.learning import LABEL
from assets.training.rows.split import rows_tested
from resources.lake import Lake

_UNPINNED = Reason("no reference", "the champion's bundle does not say on which rows it was evaluated; train a new one")


@dataclass(frozen=True, eq=False)
class Decided:
    """Rows as a champion decides them.

    Attributes:
        rows: What it makes of them.
        day: date32 of each row as days since 1970, int64 [n].
        answers: The word of each answer, object [n].
    """

    rows: Rows
    day: NDArray[np.int64]
    answers: NDArray[np.object_]


def evaluated_rows(product: Product, bundle: Bundle, lake: Lake) -> ReferenceRows | Reason:
    """The rows on which the champion was evaluated, with labels; or why there are none.

    Raises:
        LakeError: The pinned version cannot be read.
    """
    table, windows = _pinned(product, bundle, lake), bundle.parts.metrics.get("windows")
    if table is None or windows is None:
        return _UNPINNED
    as_of = np.asarray(pc.cast(table["as_of"], pa.timestamp("us")).to_numpy(), dtype="datetime64[us]")
    tested = rows_tested(table[product.spine.row_id].to_numpy(), as_of, windows)
    return _with_labels(product, bundle, table.take(pa.array(tested)))


def learned_rows(product: Product, bundle: Bundle, lake: Lake) -> ReferenceRows | Reason:
    """All rows of the champion's training set, with labels; or why there are none.

    Raises:
        LakeError: The pinned version cannot be read.
    """
    table = _pinned(product, bundle, lake)
    return _UNPINNED if table is None else _with_labels(product, bundle, table)


def _pinned(product: Product, bundle: Bundle, lake: Lake) -> pa.Table | None:
    version = bundle.parts.pins.get("version")
    return None if version is None else lake.read(table_name(product.name, TRAINING_SET), version=int(version))


def _with_labels(product: Product, bundle: Bundle, table: pa.Table) -> ReferenceRows:
    found = decided(product, bundle, table)
    scored = ~np.isnan(found.rows.score)
    label = np.asarray(table[LABEL].to_numpy(), dtype=np.int8)
    keys = [_codes(table[name]) for name in product.features.key_columns if name in table.column_names]
    return ReferenceRows(found.rows.where(scored), label[scored], tuple(one[scored] for one in (found.day, *keys)))


def approved_days(product: Product, bundle: Bundle, lake: Lake) -> Decided | None:
    """All rows of the days on which the champion was evaluated, without a label too; `None` if it pins none.

    Raises:
        LakeError: The pinned version cannot be read.
    """
    features, windows = table_name(product.name, FEATURES), bundle.parts.metrics.get("windows")
    version = bundle.parts.pins.get("pins", {}).get(features)
    if version is None or windows is None:
        return None
    first, last = test_days(windows)
    within = [day for day in lake.days(features, int(version)) if first <= day <= last]
    return decided(product, bundle, lake.read(features, days=within, version=int(version)))


def test_days(windows: Mapping[str, Any]) -> tuple[date, date]:
    """The first and the last day of the test window of a recorded split."""
    return window_days(windows, "test")


def window_days(windows: Mapping[str, Any], part: str) -> tuple[date, date]:
    """The first and the last day of a part of a recorded split, `train` or `test`."""
    first, end = (datetime.fromisoformat(windows[part][name]) for name in ("first", "end"))
    return first.date(), (end - timedelta(microseconds=1)).date()


def judged_days(bundle: Bundle, days: Sequence[date]) -> tuple[date, ...]:
    """Those of the days that do not lie before the champion's test window: earlier rows are what it was trained on."""
    windows = bundle.parts.metrics.get("windows")
    return tuple(days) if windows is None else tuple(day for day in days if day >= test_days(windows)[0])


def decided(product: Product, bundle: Bundle, table: pa.Table) -> Decided:
    """The rows of a feature table as the champion decides them.

    Raises:
        ModelError: The model failed.
        FeatureError: The table lacks a feature.
    """
    from assets.serving.engine import Engine

    result, stake = Engine(bundle, None).score_table(table), product.decision.profit.stake
    answers = np.array(result.outcomes, dtype=object)
    rows = Rows(
        score=result.scores,
        accepted=np.asarray(answers == bundle.policy.accept, dtype=np.bool_),
        stake=np.ones(table.num_rows) if stake is None else np.asarray(table[stake].to_numpy(), dtype=np.float64),
        matrix=bundle.parts.encoder.encode(table),
        groups=groups_of(product, table),
    )
    day = np.asarray(pc.cast(pc.cast(table["as_of"], pa.date32()), pa.int32()).to_numpy(), dtype=np.int64)
    return Decided(rows, day, answers)


def _codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return np.asarray(encoded.indices.to_numpy(), dtype=np.int64)


def groups_of(product: Product, table: pa.Table) -> Mapping[str, NDArray[np.object_]]:
    """The group of each row by each protected attribute and each slice of the policy, object [n] by column."""
    from assets.metrics.groups import group_members

    found = {}
    for part in (*product.protected, *(Protected(name) for name in product.monitoring.slices)):
        names, member = group_members(part, np.array(table[part.column].to_pylist(), dtype=object))
        found[part.column] = np.array(names, dtype=object)[member]
    return found
