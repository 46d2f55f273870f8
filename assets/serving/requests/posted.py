"""Checks of a row that is posted to the service: an outcome, or a review.

Belongs here: the fields of such a body, held to the contract of their source. Does not belong here: the decision that
it is about (`assets.serving.postings`), keeping the row (`assets.serving.log.posted_log`), JSON (`parse.py`).

A posted row is a row of a source: the lake tokenises what its contract calls personal, so plain values are taken here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from assets.bundle.contract import ColumnRule, PostedRules, SourceRules
from assets.serving.requests.event import plain_breach
from assets.serving.requests.parse import RequestError, moment, plain_text
from assets.serving.requests.wording import field_is, shown

_TIMES = ("event_time", "known_at")


@dataclass(frozen=True)
class PostedRow:
    """A row that keeps its contract.

    Attributes:
        id: Its id, as text.
        columns: What was said, by column, as JSON values; a time is ISO-8601 in UTC. Without the times of the post.
        known_at: When it became known, where the caller may say that; else None.
    """

    id: str
    columns: Mapping[str, object]
    known_at: datetime | None = None


def parse_posted(
    fields: Mapping[str, object], rules: SourceRules, posted: PostedRules, *, now: datetime, any_time: bool
) -> PostedRow:
    """The row that a body posts.

    Args:
        fields: The body without the product.
        now: When the row became known, unless it says so itself.
        any_time: Whether it may say so.

    Raises:
        RequestError: A field is unknown, missing or breaks the contract, or the times contradict each other.
    """
    names = posted_fields(rules, posted, any_time=any_time)
    problems = [
        f"unknown field {shown(name)}; known: {', '.join(sorted(names))}" for name in fields if name not in names
    ]
    given = {column: fields[name] for name, column in names.items() if name in fields}
    of_column = {column: name for name, column in names.items()}
    for column, rule in rules.columns.items():
        if column in (rules.event_time, rules.known_at) or rule is None:
            continue
        value, name = given.get(column), of_column[column]
        breach = _breach(rule, value) or plain_breach(value)
        if breach is not None:
            is_id = column == posted.id or name == "row_id"
            problems.append(f"{field_is(name, value, private=rule.tokenised or is_id)}; {breach}")
    if given.get(posted.id) is None:
        problems.append(f"field '{of_column[posted.id]}' is missing; by it a row that is sent twice counts once")
    times: dict[str, datetime] = {}
    for name in _TIMES:
        of_time = names.get(name)
        if of_time in given:
            try:
                times[name] = moment(name, given[of_time])
            except RequestError as error:
                problems += error.problems
        elif name == "event_time" and of_time is not None:
            problems.append("field 'event_time' is missing; write when it happened, as 2026-03-01T12:00:00Z")
    if problems:
        raise RequestError(*problems)
    known_at = times.get("known_at", now)
    if times.get("event_time", known_at) > known_at:
        raise RequestError(
            f"'event_time' {times['event_time'].isoformat()} is after {known_at.isoformat()}, when it "
            f"became known; correct it"
        )
    said = {column: value for column, value in given.items() if value is not None and column != rules.known_at}
    if "event_time" in times:
        said[rules.event_time] = times["event_time"].isoformat()
    return PostedRow(plain_text(of_column[posted.id], str(said[posted.id])), said, times.get("known_at"))


def posted_fields(rules: SourceRules, posted: PostedRules, *, any_time: bool) -> dict[str, str]:
    """The fields of a body, each with its column.

    Args:
        any_time: Whether a body may say when the row became known.
    """
    of_column = {column: name for name, column in posted.fields.items()}
    of_column |= {rules.event_time: "event_time", rules.known_at: "known_at"}
    names = {of_column.get(column, column): column for column in rules.columns}
    if posted.route == "reviews":
        del names["event_time"]  # a review happens when it is posted
    if not any_time:
        del names["known_at"]
    return names


def _breach(rule: ColumnRule, value: object) -> str | None:
    if not rule.tokenised or value is None:
        return rule.breach(value)
    return None if isinstance(value, str | int) and not isinstance(value, bool) else "it must be a text or an integer"
