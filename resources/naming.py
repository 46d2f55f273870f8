"""What a name may look like.

Belongs here: the allow-lists for names, days and identifiers that come from outside and end up in a path, a table, a
partition key or a command. Does not belong here: anything that opens what is named.
"""

import re
from datetime import date, timedelta

from resources.errors import LooplineError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class BadName(LooplineError, ValueError):
    """A name or a day from outside is not of the allowed form."""


def checked_name(value: str, what: str) -> str:
    """The value, when it is a lower-case identifier of at most 63 characters.

    Raises:
        BadName: It is not; the message says what was expected.
    """
    if not _NAME.fullmatch(value):
        raise BadName(f"{what} {value!r} is not a name: write lower-case letters, digits and _, a letter first")
    return value


def checked_day(value: str) -> date:
    """The UTC day that an ISO-8601 date names.

    Raises:
        BadName: It is no date of the form YYYY-MM-DD.
    """
    if not _DAY.fullmatch(value):
        raise BadName(f"day {value!r} is not a date: write YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadName(f"day {value!r} is not in the calendar: {error}") from error


def days_between(first: date, last: date) -> tuple[date, ...]:
    """Every day from first to last, both included; empty when last is before first."""
    return tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
