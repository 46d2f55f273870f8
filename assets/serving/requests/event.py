"""Checks of an event that is posted over HTTP.

Belongs here: the times and the values of an event, held to what features can take and to the contract of its source.
Does not belong here: JSON, and the errors of a body (`parse.py`); a source's columns, which the store checks.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from assets.bundle.contract import SourceRules
from assets.serving.requests.parse import (
    LARGEST_NUMBER,
    RequestError,
    as_object,
    is_unicode,
    kind_of,
    moment,
    plain_text,
    shown,
)
from assets.validation.values import off_step
from assets.vocabulary.base import MAX_STEPS

_CLOCK_TOLERANCE = timedelta(minutes=1)


def parse_event(
    event: object,
    *,
    now: datetime,
    any_time: bool,
    resolutions: Mapping[str, float] | None = None,
    rules: SourceRules | None = None,
) -> dict[str, object]:
    """Checks the times and the values of a posted event; the store checks its columns.

    Args:
        event: The parsed JSON.
        now: The `known_at` of an event without one.
        any_time: Whether `known_at` may be after `now`.
        resolutions: The resolutions of the source's exact columns: a number of 2^53 steps or more would make every
            decision that reads it fail, and one between two steps is not in the lake.
        rules: The source's contract, which also names the two times; None where the bundle has none.

    Returns:
        The event with `event_time` and `known_at` as datetimes, UTC.

    Raises:
        RequestError: A time is missing or in the wrong order, or a value is not plain; every problem is named.
    """
    fields = dict(as_object(event, "'event'"))
    if rules is not None:
        times_of = {rules.event_time: "event_time", rules.known_at: "known_at"}
        fields = {times_of.get(name, name): value for name, value in fields.items()}
    problems: list[str] = []
    for name, value in fields.items():
        # An event may be posted before all of it is known: null is allowed in every column that is read.
        is_checked = rules is not None and value is not None and name not in ("event_time", "known_at")
        breach = rules.breach(name, value) if rules is not None and is_checked else None
        if breach is not None:
            problems.append(f"field '{name}' is {shown(value)} ({kind_of(value)}); {breach}")
            continue
        if isinstance(value, float) and not abs(value) <= LARGEST_NUMBER:
            problems.append(f"field '{name}' is {value}; it must be finite and within ±{LARGEST_NUMBER:g}")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            problems.append(f"field '{name}' is {shown(value)}; it must be within 64 bits")
        step = (resolutions or {}).get(name)
        if step is not None and isinstance(value, (int, float)):
            if abs(value) >= MAX_STEPS * step:
                problems.append(f"field '{name}' is {shown(value)}; it must be below 2^53 steps of its resolution")
            elif isinstance(value, float) and off_step(value, step):
                # The lake quarantines such a row: a decision would use an event that training never sees.
                problems.append(f"field '{name}' is {shown(value)}; it must be a whole number of steps of {step:g}")
        if isinstance(value, str) and not is_unicode(value):
            problems.append(f"field '{name}' is {shown(value)}, with half a surrogate pair; send whole characters")
        if isinstance(value, (dict, list)):
            problems.append(f"field '{name}' is a {type(value).__name__}; it must be a plain value")
    if "event_time" not in fields:
        problems.append("field 'event_time' is missing; write when the event happened, as 2026-03-01T12:00:00Z")
    times: dict[str, datetime] = {"known_at": now}
    for name in ("event_time", "known_at"):
        if name in fields:
            try:
                times[name] = moment(name, fields[name])
            except RequestError as error:
                problems += error.problems
    if problems:
        raise RequestError(*problems)
    if times["event_time"] > times["known_at"]:
        raise RequestError(
            f"'event_time' {times['event_time'].isoformat()} is after 'known_at' {times['known_at'].isoformat()}"
        )
    if not any_time and times["known_at"] > now + _CLOCK_TOLERANCE:
        raise RequestError(f"'known_at' {times['known_at'].isoformat()} is in the future; leave it out")
    return fields | times


def parse_event_id(value: object) -> str | None:
    """The id of a posted event, by which a second post is recognised; None for an event without one.

    Raises:
        RequestError: The id is no plain text.
    """
    return None if value is None else plain_text("event_id", value)
