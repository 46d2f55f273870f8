"""The rows of each day, or hour, from rows of a database that may be of some days.

Belongs here: the one day of each row, and the rows of a day with their origin. Does not belong here: asking a database
(`reader.py`, `duckdb_files.py`), which is asked for whole days also where hours of them are wanted.

Each row belongs to exactly one day, whatever days are asked for: to the UTC day on which it became known, or, if its
time is odd, to the day with which its text begins, or else to the product's first day, where validation quarantines it
with a reason. By the hour it likewise belongs to one hour, and with an odd time to the first hour of that day.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from resources.slots import Slot, day_of, first_of, slots_between
from resources.sources.databases.days import DatabaseRows, day_at_start
from resources.sources.readers import DayRows, Reader, table_digest
from resources.sources.times import slot_type, slots, table_with_offsets, with_known


def slots_of(texts: pa.ChunkedArray, wanted: DatabaseRows, after: timedelta | None, like: Slot) -> pa.ChunkedArray:
    """The one day, or hour, of each row, from the text of its day column.

    Args:
        after: How long after that time a row became known.
        like: A slot of the wanted length.
    """
    found = slots(with_known(pa.table({"at": texts}), "at", after, wanted.zone)[1], like)
    if not found.null_count:
        return found
    days = [_odd_day(text, wanted, after) for text in texts.filter(pc.is_null(found)).to_pylist()]
    odd = pa.array([first_of(day, like) for day in days], slot_type(like))
    return pc.replace_with_mask(found.combine_chunks(), pc.is_null(found).combine_chunks(), odd)


def parted(asked: Sequence[Slot], rows: pa.Table, wanted: DatabaseRows) -> Iterator[DayRows]:
    """The rows of each of the days, or hours, in their order.

    Args:
        rows: Rows as text; those of other days are left out.
    """
    found = slots_of(rows[wanted.day_column], wanted, wanted.known_after, asked[0])
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


def changed(reader: Reader, wanted: DatabaseRows, recorded: Mapping[Slot, Mapping[str, Any]]) -> frozenset[Slot]:
    """See `Reader.changed`. Asks for the first day, which has the rows without a time, and for the last days.

    Rows that a transaction committed after its day was read are of the last days. The hours of a day are asked for at
    once.
    """
    of_days: dict[date, list[Slot]] = {}
    for slot in sorted(recorded):
        of_days.setdefault(day_of(slot), []).append(slot)
    last = [*of_days][-wanted.overlap :]
    asked = last if wanted.first_day in last else [d for d in (wanted.first_day, *last) if d in of_days]
    now = [found for day in asked for found in reader.read(slots_between(of_days[day][0], of_days[day][-1]))]
    return frozenset(
        found.day
        for found in now
        if recorded.get(found.day, found.origin).get("digest", found.origin["digest"]) != found.origin["digest"]
    )


def _odd_day(text: str | None, wanted: DatabaseRows, after: timedelta | None) -> date:
    start = day_at_start(text)
    return wanted.first_day if start is None else start + (after or timedelta(0))
