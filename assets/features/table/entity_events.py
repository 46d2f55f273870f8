"""The events of some entities, read from the lake.

Belongs here: finding in a source's valid rows those of a few entities, however large the table is. Does not belong
here: which columns a feature reads (`assets.features.kernel.kernel`), reading a partition (`resources.lake`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.kernel.group_events import SEQUENCE
from assets.features.kernel.kernel import Kernel
from resources.lake import Lake

_DAYS_AT_ONCE = 92


def events_of_entities(
    lake: Lake,
    kernel: Kernel,
    table: Callable[[str], str],
    entities: Mapping[str, pa.Array],
    *,
    sequence: str | None,
    days: tuple[date, date] = (date.min, date.max),
    row_id: str | None = None,
) -> dict[str, pa.Table]:
    """For each source that the kernel reads, the events of the entities by any of their keys.

    Args:
        table: The lake's name of a source's valid rows.
        entities: For each key column of the kernel, the entities' keys.
        sequence: The column that orders events of the same microsecond; it comes as `sequence`, for sources of which
            the request is an event.
        days: First and last day on which the events became known.
        row_id: A column to read beside, where the request is an event: it tells the request's own.

    Returns:
        Tables with the key columns, `event_time`, `known_at` and what `kernel.needs` names.

    Raises:
        LakeError: A table is not there or damaged.
    """
    found: dict[str, pa.Table] = {}
    for source in kernel.features.sources:
        needs = [need for need in kernel.needs if need.source == source]
        names = [*(need.key for need in needs), *(column for need in needs for column in need.columns)]
        own = any(need.includes_request for need in needs)
        # No feature reads a column of that name there but the order itself.
        ordered = own and sequence is not None and sequence != SEQUENCE
        beside = [name for name in (sequence, row_id) if own and name is not None]
        columns = dict.fromkeys(["event_time", "known_at", *names, *beside])
        keys = {need.key: entities[need.key] for need in needs}
        events = rows_with(lake, table(source), list(columns), keys, days=days)
        found[source] = events.append_column(SEQUENCE, events[str(sequence)]) if ordered else events
    return found


def rows_with(
    lake: Lake,
    table: str,
    columns: Sequence[str],
    keys: Mapping[str, pa.Array],
    *,
    days: tuple[date, date] = (date.min, date.max),
) -> pa.Table:
    """Rows that have one of the given values in one of these columns, in the order of the table.

    A quarter is read at a time, and of each only these rows are kept.

    Raises:
        LakeError: The table is not there or damaged.
    """
    wanted = [day for day in lake.days(table) if days[0] <= day <= days[1]]
    version, parts = lake.version(table), []
    for start in range(0, len(wanted), _DAYS_AT_ONCE):
        part = lake.read(table, days=wanted[start : start + _DAYS_AT_ONCE], version=version, columns=columns)
        parts.append(part.filter(_among(part, keys)))
    return pa.concat_tables(parts) if parts else lake.read(table, days=[], version=version, columns=columns)


def _among(rows: pa.Table, keys: Mapping[str, pa.Array]) -> pa.ChunkedArray:
    # Keys of requests come as text, whatever the column's type.
    mine = [pc.is_in(rows[key].cast(values.type), value_set=values) for key, values in keys.items()]
    found = mine[0]
    for other in mine[1:]:
        found = pc.or_(found, other)
    return found
