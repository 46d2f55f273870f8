"""Requests that an OpenAPI document allows and forbids, and what it says of their answers.

Belongs here: bodies made from the document's schemas alone, the judgement of an answer by the document. Does not belong
here: HTTP, the code under test.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

Json = Any
_ODD: tuple[Json, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    -1e300,
    10**30,
    "",
    "x",
    "2026-13-45T99:00:00Z",
    "\x00",
    [],
    [1],
    {},
    {"a": 1},
)
_LARGEST = 1e12


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    document: "Document"
    method: str
    path: str
    record: Mapping[str, Any]

    @property
    def body(self) -> dict[str, Any] | None:
        """The schema of its body; `None` without one."""
        given = self.record.get("requestBody")
        return None if given is None else dict(given["content"]["application/json"]["schema"])

    @property
    def takes_key(self) -> bool:
        """Whether it has the header `Idempotency-Key`."""
        return any(one["name"] == "Idempotency-Key" for one in self.record.get("parameters", ()))

    def faults(self, status: int, content_type: str, text: str) -> list[str]:
        """What the document does not say of an answer."""
        said = self.record["responses"].get(str(status))
        if said is None:
            return [f"status {status} is not documented: {text[:200]}"]
        found = [f"status {status}: {text[:200]}"] if status >= 500 else []
        schema = said.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return found
        if not content_type.startswith("application/json"):
            return [*found, f"status {status} with the content type {content_type!r}"]
        errors = self.document.validator(schema).iter_errors(json.loads(text))
        return found + [f"status {status}: {error.json_path} {error.message[:200]}" for error in errors]


@dataclass(frozen=True)
class Document:
    """An OpenAPI 3.1 document."""

    record: Mapping[str, Any]

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation, in the order of the document."""
        return tuple(
            Operation(self, method, path, record)
            for path, item in self.record["paths"].items()
            for method, record in item.items()
        )

    def validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        """Judges values by a schema of the document, formats included."""
        return Draft202012Validator({**schema, "components": self.record["components"]}, format_checker=FormatChecker())

    def allowed(self, schema: Mapping[str, Any]) -> st.SearchStrategy[Json]:
        """Values that the schema allows."""
        return self._made(schema).filter(self.validator(schema).is_valid)

    def forbidden(self, schema: Mapping[str, Any]) -> st.SearchStrategy[Json]:
        """Values that were allowed until one thing was changed."""
        validator = self.validator(schema)
        return self._changed(self._made(schema)).filter(lambda value: not validator.is_valid(value))

    def _made(self, schema: Mapping[str, Any]) -> st.SearchStrategy[Json]:
        if "$ref" in schema:
            return self._made(self._referred(schema["$ref"]))
        for word in ("oneOf", "anyOf"):
            if word in schema and schema.get("type") != "object":
                return st.one_of([self._made(one) for one in schema[word]])
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(list(schema["enum"]))
        kinds = schema.get("type", ["string", "number", "boolean", "null"])
        return st.one_of([self._of_kind(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds)])

    def _referred(self, reference: str) -> Mapping[str, Any]:
        found: Any = self.record
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return dict(found)

    def _of_kind(self, kind: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Json]:
        match kind:
            case "object":
                return self._object(schema)
            case "array":
                most = min(schema.get("maxItems", 5), 5)
                return st.lists(self._made(schema.get("items", {})), min_size=schema.get("minItems", 0), max_size=most)
            case "string":
                return _text(schema)
            case "integer":
                low, high = (int(bound) for bound in _bounds(schema))
                return st.integers(low, high)
            case "number":
                low, high = _bounds(schema)
                return st.floats(low, high, allow_nan=False) | st.integers(int(low), int(high))
            case "boolean":
                return st.booleans()
            case _:
                return st.none()

    def _object(self, schema: Mapping[str, Any]) -> st.SearchStrategy[Json]:
        properties = schema.get("properties", {})
        needed = set(schema.get("required", ()))
        made = {name: self._made(one) for name, one in properties.items()}
        whole = st.fixed_dictionaries(
            {name: made[name] for name in properties if name in needed},
            optional={name: made[name] for name in properties if name not in needed},
        )
        if "anyOf" not in schema:
            return whole
        return whole.filter(
            lambda value: any(all(name in value for name in one["required"]) for one in schema["anyOf"])
        )

    def _changed(self, values: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
        @st.composite
        def change(draw: Callable[[st.SearchStrategy[Json]], Json]) -> Json:
            value = deepcopy(draw(values))
            places = list(_places(value))
            how = draw(st.sampled_from(("drop", "add", "replace", "whole")))
            if how == "whole" or not places:
                return draw(st.sampled_from(_ODD))
            holder, name = draw(st.sampled_from(places))
            if how == "drop":
                del holder[name]
            elif how == "add" and isinstance(holder, dict):
                holder[draw(st.sampled_from(("unknown", "", "Amount", "product ")))] = draw(st.sampled_from(_ODD))
            else:
                holder[name] = draw(st.sampled_from(_ODD))
            return value

        return change()


def _places(value: Json) -> Iterator[tuple[Any, Any]]:
    """Every place of a value that holds another one: the object or list, and the name or number in it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield value, name
        yield from _places(one)


def _bounds(schema: Mapping[str, Any]) -> tuple[float, float]:
    """A range within the schema's; open bounds are left to the filter."""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        low = -_LARGEST if high is None else min(-_LARGEST, high)
    return float(low), float(max(low, _LARGEST) if high is None else high)


def _text(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    match schema.get("format"):
        case "date-time":
            moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1))
            return moments.map(lambda moment: moment.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z"))
        case "uuid":
            return st.uuids().map(str)
    patterns = [one["pattern"] for one in (schema, *schema.get("allOf", ())) if "pattern" in one]
    if patterns:
        return st.from_regex(patterns[0], fullmatch=False)
    size = {"min_size": schema.get("minLength", 0), "max_size": schema.get("maxLength", 40)}
    # Most as a person would write them: what control characters and lone surrogates get is seldom a decision.
    plain = st.text("abcXYZ019-", **{**size, "min_size": max(1, size["min_size"])})
    return st.one_of(plain, plain, plain, st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), **size))
