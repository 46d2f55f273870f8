"""Checks of an event that is posted over HTTP.

Belongs here: the times and the values of an event, held to what features can take and to the contract of its source.
Does not belong here: JSON, and the errors of a body (`parse.py`); a source's columns, which the store checks.
"""

import math
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from assets.bundle.contract import SourceRules
from assets.serving.requests.parse import (
    LARGEST_NUMBER,
    RequestError,
    as_object,
    is_unicode,
    moment,
    plain_text,
)
from assets.serving.requests.wording import field_is
from assets.validation.rules.values import off_step, summable_below
from assets.vocabulary.times import TIMES

_CLOCK_TOLERANCE = timedelta(minutes=1)


def parse_event(
    event: object,
    *,
    now: datetime,
    any_time: bool,
    resolutions: Mapping[str, float] | None = None,
    rules: SourceRules | None = None,
    read: Collection[str] = (),
    keys: Collection[str] = (),
) -> dict[str, object]:
    """Checks the times and the values of a posted event; the store checks its columns.

    Args:
        event: The parsed JSON.
        now: The `known_at` of an event without one.
        any_time: Whether `known_at` may be after `now`.
        resolutions: The resolutions of the source's exact columns: a number too large for them would make every
            decision that reads it fail, and one between two steps is not in the lake.
        rules: The source's contract, which also names the two times; None where the bundle has none.
        read: The columns that features read. A tokenised one of them must hold a token; another is left out anyway.
        keys: The columns of entity keys. Messages quote no value of them, nor of a column that is personal or unknown.

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
        rule = None if rules is None else rules.read_rule(name) if name in read else rules.columns.get(name)
        is_private = rule is None or rule.tokenised or name in keys
        breach = None
        # An event may be posted before all of it is known: null is allowed in every column that is read.
        if rule is not None and value is not None and name not in TIMES and (name in read or not rule.tokenised):
            breach = rule.breach(value)
        breach = breach or plain_breach(value, (resolutions or {}).get(name, math.inf))
        if breach is not None and name not in TIMES:
            problems.append(f"{field_is(name, value, private=is_private)}; {breach}")
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


def plain_breach(value: object, resolution: float = math.inf) -> str | None:
    """What a value of any column must be, if it is not that; None if it is."""
    if isinstance(value, (dict, list)):
        return "it must be a plain value"
    if isinstance(value, str):
        return None if is_unicode(value) else "it has half a surrogate pair; send whole characters"
    if isinstance(value, float) and not abs(value) <= LARGEST_NUMBER:
        return f"it must be finite and within ±{LARGEST_NUMBER:g}"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "it must be within 64 bits"
    if isinstance(value, (int, float)) and abs(value) >= summable_below(resolution):
        return f"it must be below {summable_below(resolution):.6g}, to be exact to a step of its resolution"
    if isinstance(value, float) and math.isfinite(resolution) and off_step(value, resolution):
        # The lake quarantines such a row: a decision would use an event that training never sees.
        return f"it must be a whole number of steps of {resolution:g}"
    return None


def parse_event_id(value: object) -> str | None:
    """The id of a posted event, by which a second post is recognised; None for an event without one.

    Raises:
        RequestError: The id is no plain text.
    """
    return None if value is None else plain_text("event_id", value)
