"""The time of a row, read from its text.

Belongs here: texts as moments, the day to which a moment belongs, and writing a time without an offset as one with it.
Does not belong here: whether a row may be used (`assets.validation`), finding rows (`files`, `databases`).

A reader needs only the day of a row. A text that cannot be read here is no fault here: the row is delivered on a day
that the reader chooses, and validation says what is wrong with it.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from resources.slots import Hour, Slot, next_slot, slot_holding

MOMENT = pa.timestamp("us", tz="UTC")
EVENT_TIME, KNOWN_AT = "event_time", "known_at"
_NAIVE = pa.timestamp("us")
_HAS_OFFSET = r"\d[T ]?\d\d:?\d\d.*(Z|z|[+-]\d\d(:?\d\d)?)\s*$"
_FIRST = pa.scalar(datetime.min.replace(tzinfo=UTC), MOMENT)
_LAST = pa.scalar(datetime.max.replace(tzinfo=UTC), MOMENT)
FIRST_PLAUSIBLE, LAST_PLAUSIBLE = date(1970, 1, 2), date(2199, 12, 31)
"""Days outside of these are default dates of other systems (1900-01-01, 1970-01-01, 9999-12-31): no row became known
then, so a reader treats such a row as one whose time cannot be read."""


def moments(texts: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """Texts as moments in UTC (timestamp[us, UTC]); null where a text is null, cannot be read, or names no moment.

    Args:
        texts: Strings; ISO-8601, with or without an offset.
        zone: The zone of times without an offset.
    """
    with_offset = pc.fill_null(pc.match_substring_regex(texts, _HAS_OFFSET), False)
    try:
        if not pc.any(with_offset).as_py():
            return in_utc(pc.cast(texts, _NAIVE), zone)
        if pc.all(pc.or_kleene(with_offset, pc.is_null(texts))).as_py():
            return pc.cast(texts, MOMENT)
    except pa.ArrowInvalid:
        pass  # one text is not of the form that Arrow reads at once: each is read by itself
    found = {text: _moment(text, zone) for text in pc.unique(texts).to_pylist()}
    return pa.chunked_array([pa.array([found[text] for text in texts.to_pylist()], MOMENT)])


def days(known: pa.ChunkedArray) -> pa.ChunkedArray:
    """The UTC day of each moment (date32); null for a null, and for a day that no row became known on."""
    found = pc.cast(known, pa.date32(), safe=False)
    plausible = pc.and_(
        pc.greater_equal(found, pa.scalar(FIRST_PLAUSIBLE)), pc.less_equal(found, pa.scalar(LAST_PLAUSIBLE))
    )
    return pc.if_else(plausible, found, pa.scalar(None, pa.date32()))


def slots(known: pa.ChunkedArray, like: Slot) -> pa.ChunkedArray:
    """The slot of each moment, of the length of a given one: as `days`, or the start of its UTC hour (MOMENT)."""
    found = days(known)
    if not isinstance(like, Hour):
        return found
    return pc.if_else(pc.is_null(found), pa.scalar(None, MOMENT), pc.floor_temporal(known, unit="hour"))


def slot_type(like: Slot) -> pa.DataType:
    """The type of a column of slots of this length."""
    return MOMENT if isinstance(like, Hour) else pa.date32()


def slot_number(slot: Slot) -> int:
    """A slot as the number that a column of its type holds."""
    return int(pa.scalar(slot, slot_type(slot)).cast(pa.int64() if isinstance(slot, Hour) else pa.int32()).as_py())


def as_text(found: pa.ChunkedArray) -> pa.ChunkedArray:
    """Moments as ISO-8601 with an offset, `2026-03-01T12:00:00.000000Z`."""
    # As a time without a zone, of which Arrow writes many more in the same time.
    naive = pc.replace_substring(pc.cast(pc.cast(found, _NAIVE), pa.string()), " ", "T")
    return pc.binary_join_element_wise(naive, "Z", "")


def with_offsets(texts: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """Texts whose times without an offset are moments of the zone now; a text that cannot be read stays as it is.

    A time that the zone's clock skips gets the zone's name behind it: nobody reads it as a moment, of UTC for instance.
    """
    with_offset = pc.fill_null(pc.match_substring_regex(texts, _HAS_OFFSET), False)
    found = moments(texts, zone)
    if zone != "UTC" and found.null_count > texts.null_count:
        named = pc.and_(pc.is_null(found), pc.is_valid(days(moments(texts, "UTC"))))
        texts = pc.if_else(pc.and_(named, pc.invert(with_offset)), _of_zone(texts, zone), texts)
    return pc.if_else(with_offset, texts, pc.coalesce(as_text(found), texts))


def naive_as_text(naive: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """Times of a zone as text: as moments, or with the zone's name behind a time that its clock skips."""
    return pc.coalesce(as_text(in_utc(naive, zone)), _of_zone(pc.cast(naive, pa.string()), zone))


def _of_zone(texts: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(texts, zone, " ")


def table_with_offsets(table: pa.Table, names: Iterable[str], zone: str) -> pa.Table:
    """A table of text with the times of some columns as `with_offsets` writes them; it may lack some of these."""
    if zone == "UTC":
        return table
    for name in dict.fromkeys(names):
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, with_offsets(table[name], zone))
    return table


def with_known(table: pa.Table, column: str, after: timedelta | None, zone: str) -> tuple[pa.Table, pa.ChunkedArray]:
    """When each row became known, and the rows with both times where `after` says it.

    Args:
        column: The time at which a row became known or, with `after`, of its event.
        after: How long after that time a row became known; `None` where the column itself says it.

    Returns:
        The rows, with `event_time` and `known_at` as text unless they have columns of these names; the moments, null
        where a time cannot be read.
    """
    happened = moments(table[column], zone)
    if after is None:
        return table, happened
    known = pc.add(happened, pa.scalar(after, pa.duration("us")))
    known = pc.if_else(pc.is_null(days(happened)), pa.scalar(None, MOMENT), known)  # a default date stays one
    for name, text in ((EVENT_TIME, table[column]), (KNOWN_AT, pc.coalesce(as_text(known), table[column]))):
        if name not in table.column_names:
            table = table.append_column(name, text)
    return table, known


def day_start(day: date, zone: str) -> datetime:
    """The moment at which a day begins in a zone."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def covered_slots(first: Slot, last: Slot, zone: str, after: timedelta, like: Slot) -> tuple[Slot, Slot]:
    """The first and the last UTC day, or hour, in which rows of these slots of a zone became known, `after` later.

    Args:
        like: A slot of the wanted length.
    """
    start = _slot_start(first, zone) + after
    end = _slot_start(next_slot(last), zone) + after - timedelta(microseconds=1)
    return slot_holding(start, like), slot_holding(end, like)


def _slot_start(slot: Slot, zone: str) -> datetime:
    return slot if isinstance(slot, Hour) else day_start(slot, zone)


def in_utc(naive: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """Times of a zone as moments; null where the zone's clock skips the time, as in spring.

    An hour that the clock shows twice is the first of both.
    """
    moved = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest")
    found = moved.cast(MOMENT)
    if zone == "UTC":
        return found
    shown = pc.equal(pc.local_timestamp(moved), naive)
    # Python's calendar ends where Arrow's goes on, and a moment must not depend on which of them read it.
    named = pc.and_(pc.greater_equal(found, _FIRST), pc.less_equal(found, _LAST))
    return pc.if_else(pc.and_(shown, named), found, pa.scalar(None, MOMENT))


def _moment(text: str | None, zone: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.strip())
        if found.tzinfo:
            return found.astimezone(UTC)
        moment = found.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        return moment if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == found else None
    except (ValueError, OverflowError):  # an overflow: the moment in UTC is before the year 1 or after 9999
        return None
