"""The columns of a product's requests, events and posted rows as JSON schemas, with examples that the service accepts.

Belongs here: kinds, ranges and allowed values of columns in the words of JSON Schema. Does not belong here: the
document around them (`openapi.py`), holding a request to them (`assets.serving.requests.parse`).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from assets.bundle.contract import ColumnRule, PostedRules, Route, SourceRules
from assets.serving.live.product import LiveProduct
from assets.serving.requests.event import parse_event
from assets.serving.requests.parse import LARGEST_NUMBER, LONGEST_TEXT, RequestError, parse_request
from assets.serving.requests.posted import parse_posted, posted_fields
from assets.serving.requests.shape import RequestShape
from assets.vocabulary.times import SEQUENCE, TIMES

_TIME = {"type": "string", "format": "date-time"}
PLAIN_TEXT: Mapping[str, int] = {"minLength": 1, "maxLength": LONGEST_TEXT}
"""Of a text that no contract describes; without control characters, and of so many bytes at most."""
_KINDS = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "timestamp": "string"}


def request_schema(shape: RequestShape) -> dict[str, Any]:
    """The schema of a product's request."""
    properties = {name: _column(name, shape) for name in sorted(shape.columns - {"as_of"})}
    properties["as_of"] = {**_TIME, "description": "As-of time of the decision; in `local` alone"}
    ordering = [] if shape.sequence is None else [shape.sequence]
    required = dict.fromkeys([*shape.keys, *shape.values, *ordering])
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def event_schema(live: LiveProduct, source: str) -> dict[str, Any]:
    """The schema of an event of a source: the columns that features read, each of them needed, if only as null."""
    rules = live.rules(source)
    names = {SEQUENCE: live.champion.shape.sequence or SEQUENCE}
    properties: dict[str, Any] = {name: dict(_TIME) for name in TIMES}
    for column in sorted(live.event_columns[source] - set(TIMES)):
        name = names.get(column, column)
        rule = None if rules is None else rules.read_rule(name)
        is_key = column in live.event_keys(source)
        # An event may be posted before all of it is known, but not without its entity.
        properties[name] = {} if rule is None else _key(rule) if is_key else _ruled(replace(rule, required=False))
    needed = [name for name in properties if name not in TIMES]
    return {"type": "object", "properties": properties, "required": ["event_time", *needed]}


def posted_schema(live: LiveProduct, route: Route) -> dict[str, Any] | None:
    """The schema of a posted outcome or review; `None` where the product takes none."""
    found = live.taking(route)
    if found is None:
        return None
    _, rules, posted = found
    names = posted_fields(rules, posted, any_time=True)
    properties = {"product": {"const": live.product}} | {name: _posted(rules, column) for name, column in names.items()}
    required = [name for name, column in names.items() if _is_needed(rules, column)]
    if route == "reviews":
        policy = live.champion.bundle.policy
        properties["outcome"] = {"enum": [policy.accept, policy.refuse]}
        return _closed(properties, required)
    # The row may be named by a decision on it.
    properties.setdefault("decision_id", {"type": "string", "format": "uuid"})
    either = [{"required": ["row_id"]}, {"required": ["decision_id"]}]
    required = ["product", *(name for name in required if name != "row_id"), "event_time"]
    return _closed(properties, required) | {"anyOf": either}


def example_outcome(live: LiveProduct) -> dict[str, Any] | None:
    """An invented outcome of a product; `None` where the service would refuse it."""
    found, now = live.taking("outcomes"), datetime.now(UTC).replace(microsecond=0)
    if found is None:
        return None
    _, rules, posted = found
    names = posted_fields(rules, posted, any_time=False)
    invented = {name: _plain(rules.columns[column]) for name, column in names.items() if _is_needed(rules, column)}
    outcome = {**invented, "event_time": now.isoformat()}
    return outcome if _is_taken(outcome, rules, posted, now) else None


def example_request(live: LiveProduct) -> dict[str, Any] | None:
    """The product's example, or else an invented one; `None` where the service would refuse both."""
    shape, contract = live.champion.shape, live.champion.bundle.parts.contract
    declared = {} if contract is None else {k: v for k, v in contract.example.items() if k in shape.columns}
    return next((one for one in (declared, _invented(shape)) if one and _is_accepted(one, shape)), None)


def example_event(live: LiveProduct, source: str) -> dict[str, Any] | None:
    """An invented event of a source; `None` where the service would refuse it, or has no contract of the source."""
    rules, now = live.rules(source), datetime.now(UTC).replace(microsecond=0)
    if rules is None:
        return None
    event: dict[str, Any] = {"event_time": now.isoformat()}
    for name in event_schema(live, source)["properties"]:
        if name not in TIMES:
            rule = rules.read_rule(name)
            event[name] = None if rule is None else _value(rule)
    try:
        parse_event(
            event, now=now, any_time=True, resolutions=live.resolutions(source), rules=rules,
            read=live.event_columns[source], keys=live.event_keys(source),
        )  # fmt: skip
    except RequestError:
        return None
    return event


def _is_accepted(request: Mapping[str, Any], shape: RequestShape) -> bool:
    try:
        parse_request(request, shape, now=datetime.now(UTC), as_of_allowed=True)
    except RequestError:
        return False
    return True


def _is_taken(body: Mapping[str, Any], rules: SourceRules, posted: PostedRules, now: datetime) -> bool:
    try:
        parse_posted(body, rules, posted, now=now, any_time=False)
    except RequestError:
        return False
    return True


def _is_needed(rules: SourceRules, column: str) -> bool:
    rule = rules.columns[column]
    return rule is not None and rule.required and column not in (rules.event_time, rules.known_at)


def _posted(rules: SourceRules, column: str) -> dict[str, Any]:
    """The schema of a posted column: the lake tokenises what is personal, so plain values are sent."""
    rule = rules.columns[column]
    if column == rules.known_at:
        return {**_TIME, "description": "When it became known; in `local` alone"}
    if column == rules.event_time:
        return dict(_TIME)
    if rule is None or not rule.tokenised:
        return {} if rule is None else _ruled(rule)
    return {"type": ["string", "integer", *([] if rule.required else ["null"])]}


def _plain(rule: ColumnRule | None) -> Any:
    return "text" if rule is None or rule.tokenised else _value(rule)


def _closed(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _invented(shape: RequestShape) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in (*shape.keys, *shape.values, *([] if shape.sequence is None else [shape.sequence])):
        rule = shape.rules.get(name)
        if rule is not None:
            found[name] = _value(rule)
        elif name in shape.categories:
            found[name] = next(iter(shape.categories[name]), None)
        else:
            found[name] = 1 if name in shape.numbers or name == shape.sequence else f"{name}-1"
    return found


def _value(rule: ColumnRule) -> Any:
    """A value that the rule allows, as far as it is easy to find one."""
    if rule.tokenised:
        return "tok:00000000:" + "0" * 32
    if rule.members:
        return next((member for member in rule.members if member not in rule.excluded), None)
    if rule.type in ("number", "integer"):
        low = rule.low if rule.low is not None else 0.0 if rule.high is None else rule.high - 2
        between = (low + (low + 2 if rule.high is None else rule.high)) / 2
        return int(between) if rule.type == "integer" else between
    if rule.type == "boolean":
        return True
    if rule.type == "timestamp":
        return "2026-03-01T12:00:00Z"
    text = "text"[: rule.longest]
    return text.ljust(rule.shortest or 0, "x")


def _column(name: str, shape: RequestShape) -> dict[str, Any]:
    rule = shape.rules.get(name)
    if rule is not None:
        return _ruled(rule) if name in shape.numbers or name in shape.categories else _key(rule)
    if name == shape.sequence:
        return {"type": "integer"}
    if name in shape.numbers:
        return {"type": ["number", "null"], "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}
    if name in shape.categories:
        values = shape.categories[name]
        return {"enum": [*values, None]} if values else {"type": ["string", "null"], **PLAIN_TEXT}
    kinds = ["string", "integer", "null"] if name in shape.labels else ["string", "integer"]
    return {"type": kinds, **PLAIN_TEXT}


def _key(rule: ColumnRule) -> dict[str, Any]:
    """A column by which something is named: a text of it is plain, whatever else its contract says."""
    ruled = _ruled(rule)
    return {**PLAIN_TEXT, **ruled} if rule.type == "string" and not rule.tokenised else ruled


def _ruled(rule: ColumnRule) -> dict[str, Any]:
    kind = _KINDS[rule.type]
    schema: dict[str, Any] = {"type": kind if rule.required else [kind, "null"]}
    if rule.tokenised:
        return schema | {"pattern": "^tok:[0-9a-f]{8}:[0-9a-f]{32}$", "description": "personal: send its token"}
    if rule.type == "timestamp":
        schema["format"] = "date-time"
    if rule.members:
        schema["enum"] = [*rule.members, *([] if rule.required else [None])]
    bounds = {
        "exclusiveMinimum" if rule.low_open else "minimum": rule.low,
        "exclusiveMaximum" if rule.high_open else "maximum": rule.high,
        "minLength": rule.shortest,
        "maxLength": rule.longest,
    }
    schema |= {name: bound for name, bound in bounds.items() if bound is not None}
    texts: list[dict[str, Any]] = [{"pattern": pattern} for pattern in rule.patterns]
    texts += [{"not": {"pattern": pattern}} for pattern in rule.excluded_patterns]
    if rule.excluded:
        texts.append({"not": {"enum": [*rule.excluded]}})
    return schema | ({"allOf": texts} if texts else {})
