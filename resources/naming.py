"""The allowed forms of names, versions, digests and days.

Belongs here: the allow-lists for names from outside that become part of a path, a table, a partition key or a command,
and of time zones.
Does not belong here: opening the named things; the errors of one stage, which wrap `BadName`.
"""

import re
from datetime import date, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from resources.errors import LooplineError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class BadName(LooplineError, ValueError):
    """A name, a version or a day from outside does not have the allowed form."""


def is_name(value: object) -> bool:
    """Whether the value is a lower-case identifier of at most 63 characters."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def is_version(value: object) -> bool:
    """Whether the value can name a version: at most 63 letters, digits, '.', '_' and '-', a letter or digit first."""
    return isinstance(value, str) and _VERSION.fullmatch(value) is not None


def is_digest(value: object) -> bool:
    """Whether the value is a SHA-256 in lower-case hexadecimal."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def is_day(value: object) -> bool:
    """Whether the value is written as a day, YYYY-MM-DD."""
    return isinstance(value, str) and _DAY.fullmatch(value) is not None


def checked_name(value: str, what: str) -> str:
    """Returns the value if `is_name` holds.

    Args:
        what: The kind of name, for the message: `product`, `source`, `key column`.

    Raises:
        BadName: It does not hold; the message gives the allowed form.
    """
    if not is_name(value):
        raise BadName(f"{what} {value!r} is not a name: write lower-case letters, digits and _, a letter first")
    return value


def checked_version(value: str) -> str:
    """Returns the value if `is_version` holds.

    Raises:
        BadName: It does not hold; the message gives the allowed form.
    """
    if not is_version(value):
        raise BadName(f"version {value!r} is not valid: write letters, digits, '.', '_' and '-'")
    return value


def checked_day(value: str) -> date:
    """The UTC day that an ISO-8601 date names.

    Raises:
        BadName: The value is not a date of the form YYYY-MM-DD.
    """
    if not _DAY.fullmatch(value):
        raise BadName(f"day {value!r} is not a date: write YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadName(f"day {value!r} is not in the calendar: {error}") from error


def checked_zone(value: str, where: str) -> str:
    """Returns the value if it names a time zone.

    Args:
        where: What has the zone, for the message.

    Raises:
        BadName: It does not.
    """
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadName(f"{where}: zone {value!r} is unknown; write a name such as Europe/Berlin") from error


def days_between(first: date, last: date) -> tuple[date, ...]:
    """Every day from first to last, both included; empty when last is before first."""
    return tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
