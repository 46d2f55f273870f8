"""The events of some entities, read from the lake.

Belongs here: selecting the rows of a few entities from a table of any size. Does not belong here: which columns a
feature reads (`assets.features.kernel.kernel`), reading a partition (`resources.lake`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns.columns import with_whole
from assets.features.kernel.kernel import Kernel
from assets.vocabulary.base import WHOLE
from assets.vocabulary.times import SEQUENCE, TIMES
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
    versions: Mapping[str, int] | None = None,
) -> dict[str, pa.Table]:
    """For each source that the kernel reads, the events of the entities by any of their keys.

    Args:
        table: Returns the lake's name of a source's validated table.
        entities: For each key column of the kernel, the entities' keys. Of a source whose events count for every row
            all events are returned.
        sequence: The column that orders events of the same microsecond; returned as `sequence`, for sources that
            include the request.
        days: First and last day on which the events became known.
        row_id: One more column to read where the request is an event: it identifies the request's own event.
        versions: For each source, the version of its table to read; by default the newest.

    Returns:
        Tables with the key columns, `event_time`, `known_at` and the columns of `kernel.needs`.

    Raises:
        LakeError: A table does not exist or is damaged.
    """
    found: dict[str, pa.Table] = {}
    for source in kernel.features.sources:
        needs = [need for need in kernel.needs if need.source == source]
        of_entities = [need.key for need in needs if need.key != WHOLE]
        whole = len(of_entities) < len(needs)
        names = [*of_entities, *(column for need in needs for column in need.columns)]
        includes_request = any(need.includes_request for need in needs)
        # `FeatureSet` lets no feature over such a source read another column of this name.
        ordered = includes_request and sequence is not None and sequence != SEQUENCE
        of_requests = [name for name in (sequence, row_id) if includes_request and name is not None]
        columns = dict.fromkeys([*TIMES, *names, *of_requests])
        # Where some feature reads all events of the source, no entity restricts them.
        keys = {} if whole else {key: entities[key] for key in of_entities}
        version = None if versions is None else versions[source]
        events = rows_with(lake, table(source), list(columns), keys, days=days, version=version)
        events = with_whole(events, [WHOLE] if whole else [])
        found[source] = events.append_column(SEQUENCE, events[str(sequence)]) if ordered else events
    return found


def rows_with(
    lake: Lake,
    table: str,
    columns: Sequence[str],
    keys: Mapping[str, pa.Array],
    *,
    days: tuple[date, date] = (date.min, date.max),
    version: int | None = None,
) -> pa.Table:
    """Rows with one of the given values in one of the key columns (without keys all rows), in the order of the table.

    A quarter of a year is read at a time, and only the wanted rows are kept. Days and rows are those of one version of
    the table, by default the newest, whatever is written meanwhile.

    Raises:
        LakeError: The table does not exist or is damaged.
    """
    pinned = lake.version(table) if version is None else version
    wanted = [day for day in lake.days(table, pinned) if days[0] <= day <= days[1]]
    tables = []
    for start in range(0, len(wanted), _DAYS_AT_ONCE):
        rows = lake.read(table, days=wanted[start : start + _DAYS_AT_ONCE], version=pinned, columns=columns)
        tables.append(rows.filter(_has_key(rows, keys)) if keys else rows)
    return pa.concat_tables(tables) if tables else lake.read(table, days=[], version=pinned, columns=columns)


def _has_key(rows: pa.Table, keys: Mapping[str, pa.Array]) -> pa.ChunkedArray:
    """bool [rows]: which have one of the values in one of the key columns."""
    # Keys of requests are text, whatever the column's type. A null among the values is no entity.
    first, *others = [
        pc.is_in(rows[key].cast(values.type), value_set=values, skip_nulls=True) for key, values in keys.items()
    ]
    for other in others:
        first = pc.or_kleene(first, other)
    return first
