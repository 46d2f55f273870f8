"""The features of one request, as the decision service computes them.

Belongs here: one row over the events of its entities. Does not belong here: statistics of windows (`one_row.py`),
records with revisions, for which the code for many rows runs (`assets.features.kernel`), reading the store.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from assets.features.columns.column_reader import ColumnReader
from assets.features.kernel.group_events import SpineTimes, read_events, read_spine_times
from assets.features.kernel.kernel import Kernel, compute_arrays
from assets.features.kernel.plan import Group
from assets.features.kernel.rows import Value, feature_row
from assets.features.kernel.windows import RowArrays
from assets.features.online.one_row import one_row
from assets.vocabulary import FeatureError


def compute_one(
    kernel: Kernel,
    events: Mapping[tuple[str, str], pa.Table | None],
    spine: pa.Table,
    given: Mapping[str, Value] | None = None,
) -> dict[str, Value]:
    """The features of one request, in order, None where missing: equal to those of `Kernel.compute` to the last bit.

    Args:
        events: For each (source, key column) of `kernel.needs`, the events of the request's entity, with or without the
            key column; None or absent for an entity without events.
        spine: The request, as one row.
        given: History features that are already computed (`tiles.py`): all features of a group, or none.

    Raises:
        FeatureError: The spine is not one row, or a table is not valid for `Kernel.compute`.
    """
    if spine.num_rows != 1:
        raise FeatureError(f"a request is one row; this spine has {spine.num_rows}: use Kernel.compute for many")
    history: dict[str, Value] = dict(given or {})
    request = ColumnReader(spine, "spine")
    spine_times = read_spine_times(request)
    readers = {at: ColumnReader(table, at[0]) for at, table in events.items() if table is not None}
    for group in kernel.groups:
        if group.names[0] not in history:
            history |= _of_group(group, readers.get((group.source, group.key)), request, spine_times)
    return feature_row(kernel.features, history, request)


def _of_group(
    group: Group, table: ColumnReader | None, request: ColumnReader, spine_times: SpineTimes
) -> dict[str, Value]:
    """The features of a group over the events of one entity."""
    entity = np.zeros(0 if table is None else len(table), np.int64)
    events, columns = read_events(group, table, request, entity, spine_times)
    row = RowArrays(np.zeros(1, np.int64), spine_times.as_of, spine_times.sequence, columns)
    if events.replaced_at is None:
        return one_row(group, events, row)
    arrays = compute_arrays(group, events, row)
    return {name: value[0] if value.dtype == object else float(value[0]) for name, value in arrays.items()}
