"""The rows of each day, from rows of a database that may be of some days.

Belongs here: the one day of each row, and the rows of a day with their origin. Does not belong here: asking a database
(`reader.py`, `duckdb_files.py`).

Each row belongs to exactly one day, whatever days are asked for: to the UTC day on which it became known, or, if its
time is odd, to the day with which its text begins, or else to the product's first day, where validation quarantines it
with a reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from resources.sources.databases.days import DatabaseRows, day_at_start
from resources.sources.readers import DayRows, Reader, table_digest
from resources.sources.times import days, table_with_offsets, with_known


def days_of(texts: pa.ChunkedArray, wanted: DatabaseRows, after: timedelta | None) -> pa.ChunkedArray:
    """The one day of each row (date32), from the text of its day column.

    Args:
        after: How long after that time a row became known.
    """
    found = days(with_known(pa.table({"at": texts}), "at", after, wanted.zone)[1])
    if not found.null_count:
        return found
    odd = [_odd_day(text, wanted, after) for text in texts.filter(pc.is_null(found)).to_pylist()]
    return pc.replace_with_mask(found.combine_chunks(), pc.is_null(found).combine_chunks(), pa.array(odd, pa.date32()))


def parted(asked: Sequence[date], rows: pa.Table, wanted: DatabaseRows) -> Iterator[DayRows]:
    """The rows of each of the days, in their order.

    Args:
        rows: Rows as text; those of other days are left out.
    """
    found = days_of(rows[wanted.day_column], wanted, wanted.known_after)
    order = pc.array_sort_indices(found)  # rows of a day stay in their order
    rows, counts = rows.take(order), {one["values"]: one["counts"] for one in pc.value_counts(found).to_pylist()}
    starts, count = {}, 0
    for day in sorted(counts):
        starts[day] = count
        count += counts[day]
    for day in asked:
        table = rows.slice(starts.get(day, 0), counts.get(day, 0)).combine_chunks()
        table = table_with_offsets(table, [wanted.day_column, *wanted.times], wanted.zone)
        table, _ = with_known(table, wanted.day_column, wanted.known_after, wanted.zone)
        origin = {"table": wanted.table or "query", "rows": table.num_rows, "digest": table_digest(table)}
        yield DayRows(day, table, origin=origin)


def changed(reader: Reader, wanted: DatabaseRows, recorded: Mapping[date, Mapping[str, Any]]) -> frozenset[date]:
    """See `Reader.changed`. Asks for the first day, which has the rows without a time, and for the last days.

    Rows that a transaction committed after its day was read are of the last days.
    """
    last = sorted(recorded)[-wanted.overlap :]
    asked = last if wanted.first_day in last else [d for d in (wanted.first_day, *last) if d in recorded]
    now = [found for day in asked for found in reader.read([day])]
    return frozenset(
        found.day
        for found in now
        if recorded[found.day].get("digest", found.origin["digest"]) != found.origin["digest"]
    )


def _odd_day(text: str | None, wanted: DatabaseRows, after: timedelta | None) -> date:
    start = day_at_start(text)
    return wanted.first_day if start is None else start + (after or timedelta(0))
