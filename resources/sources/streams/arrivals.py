"""The day, or the hour, of a message, from the time at which it says that it arrived.

Belongs here: which of these times are believed. Does not belong here: reading a stream (`stream_file.py`, `kafka.py`).

A producer's clock may be wrong, so the order of a stream is not the order of these times. Every message belongs to the
UTC day of its own time, wherever it stands: one whose clock is ahead ends no day. A time ahead of this machine's clock,
or before the product's first day, is not believed: such a message belongs to the day of the message before it, where
validation quarantines it with a reason. What is said of days holds for hours where hours are asked for.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from resources.slots import Slot, slot_holding

READ_TO = "read_to"
"""In the origin of a day: the end of the stream when the day was read."""
_AHEAD = timedelta(days=1)
"""How far a clock may be ahead of this machine's."""


def believed(arrived: datetime | None) -> datetime | None:
    """An arrival that is not ahead of this machine's clock; `None` for another."""
    return None if arrived is None or arrived > datetime.now(UTC) + _AHEAD else arrived


def is_ahead(arrived: datetime | None, now: datetime) -> bool:
    """Whether an arrival is not believed because it is ahead of this machine's clock; it may be believed later."""
    return arrived is not None and arrived > now + _AHEAD


def believed_slot(arrived: datetime | None, first: Slot, now: datetime) -> Slot | None:
    """The UTC day, or hour, of an arrival; `None` if it is missing or not believed.

    Args:
        first: The first day, or hour, of the product.
    """
    if arrived is None or is_ahead(arrived, now):
        return None
    slot = slot_holding(arrived, first)
    return slot if slot >= first else None


def slots_of(believed: Iterable[Slot | None]) -> Iterator[Slot | None]:
    """The day, or hour, of each message in the order of its stream.

    Messages before the first with one belong to that of this first one; `None` while there is no such message.
    """
    waiting, before = 0, None
    for slot in believed:
        if before is None and slot is None:
            waiting += 1
            continue
        before = slot or before
        yield from [before] * waiting
        waiting = 0
        yield before
    yield from [None] * waiting
