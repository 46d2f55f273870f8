"""The time and order columns of events and of rows to be decided.

Belongs here: the names of these columns. Does not belong here: any other column (contracts declare those), reading a
column (`assets.features.columns.arrow`).
"""

from typing import Literal, get_args

TimeAxis = Literal["event_time", "known_at"]
"""A time of an event: when it happened, or when it could first be known."""
TIMES: tuple[str, ...] = get_args(TimeAxis)
AS_OF = "as_of"
"""The time of a row: its decision time."""
SEQUENCE = "sequence"
"""Order of events and rows within a microsecond."""


def other_time(axis: str) -> str:
    """The other time axis of an event."""
    event_time, known_at = TIMES
    return known_at if axis == event_time else event_time
