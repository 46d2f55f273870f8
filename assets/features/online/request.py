"""The features of one request: what the decision service computes.

Belongs here: one row over the events of its entities. Does not belong here: what is found in a window (`one_row.py`),
corrected facts, which are computed as those of many rows are (`assets.features.kernel`), reading the store.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from assets.features.columns.reader import Reader
from assets.features.kernel.group_events import Moments, read_events, read_moments
from assets.features.kernel.kernel import Kernel, compute_arrays
from assets.features.kernel.plan import Group
from assets.features.kernel.rows import Value, feature_row
from assets.features.kernel.windows import Rows
from assets.features.online.one_row import one_row
from assets.vocabulary import FeatureError


def compute_one(
    kernel: Kernel,
    events: Mapping[tuple[str, str], pa.Table | None],
    spine: pa.Table,
    given: Mapping[str, Value] | None = None,
) -> dict[str, Value]:
    """The features of one request, in order, None where missing: bit for bit those that `Kernel.compute` gives.

    Args:
        events: For each (source, key column) of `kernel.needs`, the events of that one entity, which need not have the
            key column; None or absent for an entity without events.
        spine: The request, as one row.
        given: History features that were computed otherwise, whole groups of them (`tiles.py`).

    Raises:
        FeatureError: The spine is not one row, or a table is not what `Kernel.compute` takes.
    """
    if spine.num_rows != 1:
        raise FeatureError(f"a request is one row; this spine has {spine.num_rows}: use Kernel.compute for many")
    history: dict[str, Value] = dict(given or {})
    request = Reader(spine, "spine")
    moments = read_moments(request)
    read = {at: Reader(table, at[0]) for at, table in events.items() if table is not None}
    for group in kernel.groups:
        if group.names[0] not in history:
            history |= _of_group(group, read.get((group.source, group.key)), request, moments)
    return feature_row(kernel.features, history, request)


def _of_group(group: Group, table: Reader | None, request: Reader, moments: Moments) -> dict[str, Value]:
    """A group over the events of one entity."""
    entity = np.zeros(0 if table is None else len(table), np.int64)
    events, columns = read_events(group, table, request, entity, moments)
    row = Rows(np.zeros(1, np.int64), moments.as_of, moments.sequence, columns)
    if events.until is None:
        return one_row(group, events, row)
    found = compute_arrays(group, events, row)
    return {name: value[0] if value.dtype == object else float(value[0]) for name, value in found.items()}
