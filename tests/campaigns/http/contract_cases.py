"""Values that a contract allows and values that it forbids, and what an answer to a forbidden one must name.

Belongs here: reading a product's contract file, making values within and outside it. Does not belong here: HTTP,
products' code; the contract files alone say what is allowed.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

_PIPELINES = Path(__file__).parents[3] / "pipelines"
_NUMBER = re.compile(r"-?\d(?:[\d,_]*\d)?(?:\.\d+)?(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Column:
    """What a contract says of one column.

    Attributes:
        low: The least allowed value of a number; None without one.
        members: The allowed values; empty when any is.
        shortest: The least allowed length of a text; so `longest`.
        generated: Whether the service gives it a value when a request has none, as it does for a row's name.
    """

    name: str
    type: str
    required: bool
    low: float | None = None
    high: float | None = None
    members: tuple[str, ...] = ()
    shortest: int | None = None
    longest: int | None = None
    generated: bool = False

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.type in ("number", "integer")


@dataclass(frozen=True)
class Breach:
    """A value that a contract forbids in a field.

    Attributes:
        value: The value; `MISSING` when the field is left out.
        what: Which rule it breaks: range, set, length, null, missing, type.
        bounds: What the answer must name beside field and value: numbers, or members of a set.
    """

    field: str
    value: Any
    what: str
    bounds: tuple[float | str, ...] = ()

    def unnamed(self, text: str) -> list[str]:
        """What of field, value and range a text does not name."""
        missing = [] if self.field in text else [f"the field {self.field!r}"]
        if self.what not in ("type", "missing") and not _is_named(self.value, text):
            missing.append(f"the value {self.value!r:.60}")
        return missing + [f"the bound {bound!r}" for bound in self.bounds if not _is_named(bound, text, dash=True)]


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


@cache
def _content(product: str, source: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((_PIPELINES / product / "contracts" / f"{source}.yaml").read_text())
    return content


def read_contract(product: str, source: str) -> dict[str, Column]:
    """The columns of a source by name, from its contract file."""
    content = _content(product, source)
    said: dict[str, dict[str, Any]] = {name: {} for name in content["columns"]}
    for expectation in content.get("expectations", ()):
        kwargs = expectation["kwargs"]
        rules = said[kwargs["column"]]
        match expectation["type"]:
            case "expect_column_values_to_be_between":
                rules |= {"low": kwargs.get("min_value"), "high": kwargs.get("max_value")}
            case "expect_column_values_to_be_in_set":
                rules["members"] = tuple(kwargs["value_set"])
            case "expect_column_value_lengths_to_be_between":
                rules |= {"shortest": kwargs.get("min_value"), "longest": kwargs.get("max_value")}
    return {
        name: Column(name, column["type"], column.get("required", True), **said[name])
        for name, column in content["columns"].items()
    }


def allowed(column: Column, random: Random) -> Any:
    """A value that the contract allows; of a moment, None: its caller knows which."""
    if column.is_number:
        low = column.low if column.low is not None else 1
        high = min(column.high if column.high is not None else 1000, low + 10_000)
        return random.randint(int(low), int(high)) if column.type == "integer" else round(random.uniform(low, high), 2)
    if column.members:
        return random.choice(column.members)
    if column.type == "string":
        return f"{column.name[:1].upper()}{random.randint(1, 999)}"
    return random.random() < 0.5 if column.type == "boolean" else None


def edges(column: Column) -> list[Any]:
    """The outermost values that the contract allows, each member of a set, and null where that is allowed."""
    found: list[Any] = [bound for bound in (column.low, column.high) if bound is not None]
    return found + list(column.members) + ([] if column.required or column.generated else [None])


def breaches(column: Column, random: Random) -> list[Breach]:
    """Values that the contract forbids, of each kind that applies."""
    found = _out_of_range(column, random) + _not_in_set(column, random) + _wrong_length(column)
    if column.required and not column.generated:
        found.append(Breach(column.name, None, "null"))
        found.append(Breach(column.name, MISSING, "missing"))
    wrong: list[Any] = [True, [], {}, [1], {"a": None}]
    wrong += ["36", "", "a"] if column.is_number else [5, -1.5, 0]
    wrong += [12.5, 36.000001] if column.type == "integer" else []
    return [*found, *(Breach(column.name, value, "type") for value in wrong)]


def _out_of_range(column: Column, random: Random) -> list[Breach]:
    bounds = tuple(bound for bound in (column.low, column.high) if bound is not None)
    values: list[float] = []
    if column.low is not None:
        values += [column.low - 1, column.low - random.randint(2, 10**6), -(10**12), -(2**63) - 1]
        values += [] if column.type == "integer" else [column.low - 0.01, -5e-324 if column.low == 0 else -1e300]
    if column.high is not None:
        values += [column.high + 1, column.high + random.randint(2, 10**6), 10**12, 2**63, 10**30]
        values += [] if column.type == "integer" else [column.high + 0.01, 1e12, 1.7e308]
    return [Breach(column.name, value, "range", bounds) for value in values]


def _not_in_set(column: Column, random: Random) -> list[Breach]:
    if not column.members:
        return []
    member = random.choice(column.members)
    values = [
        "yacht",
        "",
        member.upper(),
        f" {member}",
        f"{member}\x00",
        f"{member}s",
        "ｃａｒ",
        "null",
        "None",
        "\u0130",
    ]
    return [Breach(column.name, value, "set", column.members) for value in values]


def _wrong_length(column: Column) -> list[Breach]:
    bounds = tuple(float(bound) for bound in (column.shortest, column.longest) if bound is not None)
    values = ["x" * (column.shortest - 1)] if column.shortest else []
    values += ["x" * (column.longest + 1), "x" * 100_000] if column.longest is not None else []
    return [Breach(column.name, value, "length", bounds) for value in values]


def _is_named(value: Any, text: str, *, dash: bool = False) -> bool:
    """Whether a text names a value, in whichever of the usual forms; the dash of a range, as in 100-200, is no sign."""
    if value is None:
        return "null" in text or "None" in text
    if isinstance(value, int | float):
        numbers = {float(found.replace(",", "").replace("_", "")) for found in _NUMBER.findall(text)}
        return float(value) in numbers or (dash and -float(value) in numbers)
    forms = (value, repr(value).strip("'\""), json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    return any(form[:20] in text for form in forms) and (value != "" or bool(re.search(r"''|\"\"|``|empty", text)))
