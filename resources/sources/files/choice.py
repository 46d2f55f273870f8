"""The days of the rows of a file; of a product by the hour, their hours.

Belongs here: which files may hold rows of a day, the day of each row, and the times that a source adds to its rows.
Does not belong here: reading a file (`formats.py`), finding it (`places.py`).

Every row belongs to exactly one day, whatever days are asked for. A row whose time cannot be read belongs to the first
day that its file covers, or to the product's first day where files are not split by time: validation quarantines it
there with a reason. So does a row that is dated outside of the hour, day, week or month in its file's name. What is
said of days holds for hours where hours are asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.slots import Hour, Slot, day_of, first_of, hours_of
from resources.sources.files.form import FileForm
from resources.sources.files.parsed import FileRows, Unreadable
from resources.sources.times import (
    MOMENT,
    as_text,
    covered_slots,
    day_start,
    moments,
    slot_number,
    slot_type,
    slots,
    with_offsets,
)

EVENT_TIME, KNOWN_AT = "event_time", "known_at"
_ONE = timedelta(days=1)


@dataclass(frozen=True)
class Unit:
    """The files of one name, once hour, day, week or month is filled in.

    Attributes:
        name: The pattern with the hour, the day, the week or the month.
        first, last: The days, or the hour, of its name in the form's zone; both are `None` for files that are not split
            by time.
        covered: The UTC days on which its rows became known; `None` for every day.
        odd_day: The day of its rows whose time cannot be read, or is outside of the covered days.
    """

    name: str
    first: Slot | None
    last: Slot | None
    covered: tuple[Slot, Slot] | None
    odd_day: Slot

    def asked(self, asked: Sequence[Slot]) -> tuple[Slot, ...]:
        """Those of the asked days that its rows may belong to."""
        if self.covered is None:
            return tuple(asked)
        return tuple(day for day in asked if self.covered[0] <= day <= self.covered[1])


def is_plain(form: FileForm, like: Slot) -> bool:
    """Whether all rows of a file are of the UTC day in its name or, where hours are asked for, of the UTC hour.

    Args:
        like: A slot that is asked for.
    """
    by_name = form.period == "hour" or (form.period == "day" and not isinstance(like, Hour))
    return by_name and form.known_after is None and (form.zone == "UTC" or form.day_column is None)


def units(form: FileForm, asked: Sequence[Slot]) -> Iterator[Unit]:
    """The units that may hold rows of consecutive days, or hours, in the order of time."""
    first_of_all = first_of(form.first_day, asked[0])
    if form.is_whole:
        yield Unit(form.pattern, None, None, None, first_of_all)
        return
    after = form.known_after or timedelta(0)
    for first, last in _periods(form, day_of(asked[0] - after) - 2 * _ONE, day_of(asked[-1] - after) + 2 * _ONE):
        covered = covered_slots(first, last, "UTC" if is_plain(form, asked[0]) else form.zone, after, asked[0])
        unit = Unit(form.named(first), first, last, covered, max(covered[0], first_of_all))
        if unit.asked(asked):
            yield unit


def _periods(form: FileForm, day: date, end: date) -> Iterator[tuple[Slot, Slot]]:
    """The first and the last slot of the name of each file whose name holds one of the days from one to another."""
    while day <= end:
        first, last = _period_of(form, day)
        yield from ((hour, hour) for hour in hours_of(day)) if form.period == "hour" else [(first, last)]
        day = last + _ONE


def _period_of(form: FileForm, day: date) -> tuple[date, date]:
    """The first and the last day of the files that have the day in their name."""
    if form.period == "month":
        first = day.replace(day=1)
        return first, (first + 31 * _ONE).replace(day=1) - _ONE
    if form.period == "week":
        first = day - day.weekday() * _ONE
        return first, first + 6 * _ONE
    return day, day


def with_times(form: FileForm, unit: Unit, rows: FileRows) -> tuple[FileRows, pa.ChunkedArray | None]:
    """The rows with the times that the form adds, and the UTC day, or hour, of each (null where it is the odd one).

    Returns:
        `None` in the place of the days where all rows are of the unit's odd day.

    Raises:
        Unreadable: The rows lack the day column.
    """
    table = rows.table
    if not table.num_columns:
        return rows, None
    if form.day_column is not None and form.day_column not in table.column_names:
        raise Unreadable(
            f"has no column '{form.day_column}', which day_column names; it has {', '.join(table.column_names)}"
        )
    if form.zone != "UTC":
        for name in dict.fromkeys([*form.times, *([form.day_column] if form.day_column else [])]):
            if name in table.column_names:
                at = table.column_names.index(name)
                table = table.set_column(at, name, with_offsets(table[name], form.zone))
    if form.day_column is None:
        if is_plain(form, unit.odd_day):
            return FileRows(table, rows.malformed), None
        start = _start(form, unit)
        moment = pa.chunked_array([pa.repeat(pa.scalar(start, MOMENT), table.num_rows)])
        texts = as_text(moment)
    else:
        texts = with_offsets(table[form.day_column], form.zone)
    happened = moments(texts, form.zone)
    known = happened if not form.known_after else pc.add(happened, pa.scalar(form.known_after, pa.duration("us")))
    if form.known_after is not None or form.day_column is None:
        for name, text in ((EVENT_TIME, texts), (KNOWN_AT, pc.coalesce(as_text(known), texts))):
            if name not in table.column_names:
                table = table.append_column(name, text)
    rows = FileRows(table, rows.malformed)
    if is_plain(form, unit.odd_day) or (form.day_column is None and form.is_whole):
        return rows, None
    found, kind = slots(known, unit.odd_day), slot_type(unit.odd_day)
    if unit.covered is not None:
        first, last = (pa.scalar(day, kind) for day in unit.covered)
        within = pc.and_(pc.greater_equal(found, first), pc.less_equal(found, last))
        found = pc.if_else(within, found, pa.scalar(None, kind))
    return rows, found


def _start(form: FileForm, unit: Unit) -> datetime:
    """The moment at which the time of a unit's name begins, or the product."""
    if unit.first is None:
        return day_start(form.first_day, "UTC")
    return unit.first if isinstance(unit.first, Hour) else day_start(unit.first, form.zone)


def parted(unit: Unit, rows: FileRows, found: pa.ChunkedArray | None, asked: Sequence[Slot]) -> Mapping[Slot, FileRows]:
    """The rows of each of the asked days, in the order of the file; days without rows are left out."""
    table = rows.table
    if found is None:
        return {unit.odd_day: rows} if unit.odd_day in asked else {}
    odd = pa.scalar(unit.odd_day, slot_type(unit.odd_day))
    numbers = pc.fill_null(found, odd).cast(pa.int64() if isinstance(unit.odd_day, Hour) else pa.int32()).to_numpy()
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    parts: dict[Slot, FileRows] = {}
    for day in asked:
        number = slot_number(day)
        low, high = np.searchsorted(ordered, [number, number + 1])
        malformed = rows.malformed if day == unit.odd_day else ()
        if high > low or malformed:
            parts[day] = FileRows(table.take(pa.array(order[low:high])), malformed)
    return parts
