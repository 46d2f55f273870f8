"""Looking for features that know the future.

Belongs here: recomputing rows with everything removed that was not known at their moment, and naming the features
that then differ. Does not belong here: features that are too good to be true (`metrics.best_single_feature`), the
gate (`gates.py`).
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.features.kernel import AS_OF, SEQUENCE, Kernel

SAMPLED_ROWS = 64


def sample_rows(table: pa.Table, *, seed: int, rows: int = SAMPLED_ROWS) -> pa.Table:
    """Some rows, drawn by the seed, in the order of the table."""
    chosen = np.random.default_rng(seed).choice(table.num_rows, size=min(rows, table.num_rows), replace=False)
    return table.take(pa.array(np.sort(chosen)))


def changed_without_the_future(
    kernel: Kernel, events: Mapping[str, pa.Table], rows: pa.Table, *, sequence: str | None
) -> tuple[str, ...]:
    """Features of the rows that change when all that was not known at the row's moment is taken away.

    Each row is computed alone, from its own entities' events with `known_at <= as_of`, as the decision process would
    have done at that moment. A feature that differs in a single bit has used something else.

    Args:
        kernel: The feature set.
        events: For each source, at least the events of the rows' entities.
        rows: Rows of the feature table, with their entity keys and `as_of`.
        sequence: The column that orders rows of the same microsecond.
    """
    spine = rows if sequence is None else rows.append_column(SEQUENCE, rows[sequence])
    changed: dict[str, None] = {}
    for position in range(rows.num_rows):
        row = spine.slice(position, 1)
        known = {(need.source, need.key): _known(events[need.source], need.key, row, sequence) for need in kernel.needs}
        again = kernel.compute_one(known, row)
        for name in kernel.features.names:
            if not _same(again[name][0], row[name][0]):
                changed[name] = None
    return tuple(changed)


def _known(events: pa.Table, key: str, row: pa.Table, sequence: str | None) -> pa.Table:
    mine = pc.and_(
        pc.equal(events[key], row[key][0].cast(events.schema.field(key).type)),
        pc.less_equal(events["known_at"], row[AS_OF][0]),
    )
    found = events.filter(mine)
    if sequence is None or sequence not in found.column_names:
        return found
    return found.append_column(SEQUENCE, found[sequence])


def _same(one: pa.Scalar, other: pa.Scalar) -> bool:
    return bool(one.as_py() == other.as_py())
