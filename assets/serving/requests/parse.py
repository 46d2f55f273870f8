"""Checks of the bodies that come in over HTTP.

Belongs here: strict JSON, the checks of a request's values, errors that name field, value and remedy. Does not belong
here: HTTP (`assets.serving.http`), the columns of a request (`shape.py`), posted events (`event.py`), deciding
(`assets.serving.engine`).
"""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from assets.serving.requests.shape import DecisionRequest, RequestShape
from assets.serving.requests.wording import field_is, kind_of, shown
from resources.errors import LooplineError

LARGEST_BODY = 64 * 1024
LARGEST_NUMBER = 1e12
LONGEST_TEXT = 255
_PLAIN = f"a text of 1 to {LONGEST_TEXT} bytes without control characters"
_LONGEST_CATEGORY = 1000
_DEEPEST = 16
_TOO_DEEP = "the body is nested too deeply; send a flat object"
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)

Scalar = str | float | int | bool | None


class RequestError(LooplineError):
    """The request is invalid.

    Attributes:
        problems: One sentence for each fault, with its remedy.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class StaleEvents(LooplineError):
    """The request is valid, but a source's watermark is too old, and the product then refuses to decide."""


class NotRolledOut(LooplineError):
    """Nobody rolled out a product of this name; the message names those that are known."""


class NoChampion(LooplineError):
    """No champion of the product is loaded; the message names the product and the remedy."""


def parse_json(body: bytes) -> Mapping[str, object]:
    """The JSON object of a body, parsed strictly: no NaN or Infinity, no name twice.

    Raises:
        RequestError: The body is not such an object, or is larger than 64 KiB.
    """
    if len(body) > LARGEST_BODY:
        raise RequestError(f"the body has {len(body)} bytes; at most {LARGEST_BODY} are read")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise RequestError(_TOO_DEEP) from None
    except ValueError as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    _check_depth(value)
    if b"\\u" in body:
        _check_texts(value)
    return as_object(value, "the body")


def _check_depth(value: object) -> None:
    """Refuses what is nested so deeply that code which walks through it, as messages do, would fail."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise RequestError(_TOO_DEEP)


def _check_texts(value: object, field: str = "the body") -> None:
    """Refuses halves of surrogate pairs, in names and values: JSON can escape them, but UTF-8 cannot hold them."""
    if isinstance(value, str) and not is_unicode(value):
        raise RequestError(f"{field} has half a surrogate pair; send whole characters")
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_texts(name, "a field's name")
            _check_texts(inner, f"field '{name}'")
    if isinstance(value, list):
        for inner in value:
            _check_texts(inner, field)


def parse_request(
    request: object,
    shape: RequestShape,
    *,
    now: datetime,
    as_of_allowed: bool,
    also_known: frozenset[str] = frozenset(),
) -> DecisionRequest:
    """Checks a request against its product's shape.

    Args:
        request: The parsed JSON.
        now: The decision time; also the as-of time, unless the request sets `as_of` and is allowed to.
        as_of_allowed: Whether a request may set `as_of`.
        also_known: Names that only other live bundles use; they are ignored.

    Raises:
        RequestError: The request does not fit the shape; every problem is named.
    """
    fields = as_object(request, "'request'")
    problems = [
        f"unknown field {shown(name)}; known: {', '.join(sorted(shape.columns))}"
        for name in fields
        if name not in shape.columns and name not in also_known
    ]
    problems += [
        f"field '{name}' is missing; write null when its value is unknown"
        for name in shape.values
        if name not in fields
    ]
    required = [*shape.keys, *([] if shape.sequence is None else [shape.sequence])]
    problems += [f"field '{name}' is missing; every request needs it" for name in required if name not in fields]
    checked: dict[str, str | float | int | datetime | None] = {}
    for name in shape.columns & set(fields):
        try:
            checked[name] = _checked(name, fields[name], shape, as_of_allowed=as_of_allowed)
        except RequestError as error:
            problems += error.problems
    if problems:
        raise RequestError(*sorted(problems))
    return DecisionRequest(
        row_id=checked.get(shape.row_id, str(uuid.uuid4())),  # type: ignore[arg-type]
        keys=shape.all_keys({name: checked[name] for name in shape.keys}),  # type: ignore[misc]
        as_of=checked.get("as_of", now),  # type: ignore[arg-type]
        values={name: checked[name] for name in shape.values},  # type: ignore[misc]
        sequence=None if shape.sequence is None else checked[shape.sequence],  # type: ignore[arg-type]
    )


def _checked(
    name: str, value: object, shape: RequestShape, *, as_of_allowed: bool
) -> str | float | int | datetime | None:
    if name == "as_of":
        return _as_of(value, allowed=as_of_allowed)
    rule = shape.rules.get(name)
    # The contract comes first: what it says of a column is narrower than what holds for every column.
    breach = None if rule is None else rule.breach(value)
    if breach is None and name == shape.sequence and (isinstance(value, bool) or not isinstance(value, int)):
        breach = "it must be an integer"
    if breach is None and name in shape.numbers:
        value = float(value) if rule is not None and isinstance(value, bool) else value
        breach = _number_breach(value)
    elif breach is None and name in shape.categories:
        breach = _category_breach(value, shape.categories[name]) if rule is None else _text_breach(value)
    elif breach is None and not (name in shape.labels and value is None):
        breach = _key_breach(value)
    if breach is not None:
        raise RequestError(f"{field_is(name, value, private=name in shape.private)}; {breach}")
    if name in shape.numbers and value is not None:
        return float(value)  # type: ignore[arg-type]
    return value  # type: ignore[return-value]


def as_object(value: object, what: str) -> Mapping[str, object]:
    """The value, if it is a JSON object; raises RequestError."""
    if not isinstance(value, dict):
        raise RequestError(f"{what} is a {kind_of(value)}; it must be a JSON object")
    return value


def _number_breach(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "it must be a number or null"
    return None if abs(value) <= LARGEST_NUMBER else f"it must be finite and within ±{LARGEST_NUMBER:g}"


def _category_breach(value: object, allowed: tuple[str, ...]) -> str | None:
    if value is None or (isinstance(value, str) and (value in allowed if allowed else _is_plain(value))):
        return None
    return f"it must be one of {', '.join(allowed)}, or null" if allowed else f"it must be {_PLAIN}, or null"


def _text_breach(value: object) -> str | None:
    """A category whose contract was kept: rows with such texts have trained, so a request may have them too."""
    if value is None or (isinstance(value, str) and len(value) <= _LONGEST_CATEGORY and is_unicode(value)):
        return None
    return f"it must be a text of at most {_LONGEST_CATEGORY} characters"


def plain_text(name: str, value: object) -> str:
    """The value, if it is a short text without control characters; raises RequestError, without quoting the value."""
    if isinstance(value, str) and _is_plain(value):
        return value
    raise RequestError(f"{field_is(name, value, private=True)}; it must be {_PLAIN}, or null")


def _is_plain(value: str) -> bool:
    return bool(value) and value.isprintable() and len(value.encode()) <= LONGEST_TEXT


def is_unicode(value: str) -> bool:
    """Whether the text can be encoded: JSON lets half a surrogate pair through."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _key_breach(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return None
    return None if isinstance(value, str) and _is_plain(value) else f"it must be an integer, or {_PLAIN}"


def _as_of(value: object, *, allowed: bool) -> datetime:
    if not allowed:
        raise RequestError("field 'as_of' is not allowed in this environment: decisions are as of now; leave it out")
    return moment("as_of", value)


def moment(name: str, value: object) -> datetime:
    """The time that a text names, UTC; raises RequestError."""
    remedy = "it must be an ISO-8601 time with a zone, as 2026-03-01T12:00:00Z"
    if not isinstance(value, str):
        raise RequestError(f"{field_is(name, value, private=False)}; {remedy}")
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise RequestError(f"field '{name}' is {shown(value)}; {remedy}") from None
    if found.tzinfo is None or not _EARLIEST <= found <= _LATEST:
        raise RequestError(f"field '{name}' is {shown(value)}; {remedy}, between 1970 and 2200")
    return found.astimezone(UTC)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = sorted({shown(name) for name in names if names.count(name) > 1})
        raise RequestError(f"field {', '.join(repeated)} is given twice; give each once")
    return fields


def _no_constant(text: str) -> object:
    raise RequestError(f"the body has {text}, which is no JSON number; write null for a missing value")


def call_fields(
    call: Mapping[str, object], *, needed: Mapping[str, type], optional: Mapping[str, type]
) -> dict[str, Any]:
    """The fields of a call, each of its declared type.

    Raises:
        RequestError: A field is unknown, missing or of another type; it names every problem.
    """
    kinds = {**needed, **optional}
    words = {str: "a text", dict: "an object", list: "a list", bool: "true or false"}
    problems = [f"unknown field {shown(name)}; known: {', '.join(kinds)}" for name in call if name not in kinds]
    problems += [
        f"field '{name}' is missing; it must be {words[kind]}" for name, kind in needed.items() if name not in call
    ]
    problems += [
        f"field '{name}' must be {words[kinds[name]]}"
        for name, value in call.items()
        if name in kinds and not isinstance(value, kinds[name])
    ]
    if problems:
        raise RequestError(*problems)
    return dict(call)
