"""What a sample says about a column.

Belongs here: type, missing values, range, set of values, steps and signs of personal data, from the texts of a column.
Does not belong here: reading a sample (`sample.py`), the role of a column in the product (`roles.py`).
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Column, ColumnType
from assets.validation.rules.typing import typed
from pipelines.drafting.plain_names import plain_letters

MOST_VALUES = 30
"""A text column with at most so many different values is proposed as a category."""
_TRIED: tuple[ColumnType, ...] = ("boolean", "integer", "number", "timestamp")
_LEADING_ZERO = r"^[+-]?0\d"
_MOST_DECIMALS = 4
_NOISE = 1e-9

Personal = Literal[
    "email", "telephone number", "IBAN", "address", "name", "birth date", "identity number", "IP address"
]
_FORMS: dict[Personal, str] = {
    "email": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "IBAN": r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$",
    "IP address": r"^\d{1,3}(\.\d{1,3}){3}$",
    "telephone number": r"^\+\d[\d ()/-]{6,}$",
}
_NAMES: dict[Personal, str] = {
    "email": r"e?mail",
    "telephone number": r"phone|mobile|telefon|handy",
    "IBAN": r"iban",
    "address": r"address|street|postcode|zip|adresse|strasse|postleitzahl|(^|_)plz(_|$)",
    "name": r"(first|last|full|sur|family|given|person|holder)_?name|^name$|(vor|nach)name",
    "birth date": r"birth|^dob$|geburt",
    "identity number": r"ssn|passport|national_id|tax_id|social_security",
    "IP address": r"(^|_)ip(_|$)",
}


Oddity = Literal["nested", "decimal comma", "times"]
_ODD: dict[Oddity, str] = {
    "nested": r"(?s)^\s*(\{.*\}|\[.*\])\s*$",
    "decimal comma": r"^\s*[+-]?\d{1,3}([. ]?\d{3})*,\d+\s*$",
    "times": r"^\s*\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})([ T,].*)?$",
}
_MOSTLY = 0.9


@dataclass(frozen=True)
class ColumnFacts:
    """One column of a sample.

    Attributes:
        original: Its name in the sample.
        name: The name proposed for it: lower-case letters, digits and underscores.
        required: Whether every row of the sample has a value.
        distinct: How many different values there are.
        is_unique: Whether no value is there twice, and none is missing.
        low, high: The least and the greatest value of a number or a time; `None` without a value.
        values: The different values, sorted, where there are few; empty otherwise.
        resolution: The smallest step of a number with at most four decimals; `None` otherwise.
        personal: The kind of personal data that name or values suggest; `None` where they suggest none.
        oddity: Why most values of a text are no mere text: JSON, numbers with a decimal comma, or times that are not
            ISO-8601; `None` otherwise.
    """

    original: str
    name: str
    type: ColumnType
    required: bool
    distinct: int
    is_unique: bool
    low: float | datetime | None
    high: float | datetime | None
    values: tuple[Any, ...]
    resolution: float | None
    personal: Personal | None
    oddity: Oddity | None = None

    @property
    def is_number(self) -> bool:
        """Whether a feature can take it as a number."""
        return self.type in ("integer", "number", "boolean")

    @property
    def is_binary(self) -> bool:
        """Whether its values are 0 and 1, or false and true."""
        return self.is_number and self.distinct == 2 and set(map(float, self.values)) == {0.0, 1.0}

    @property
    def is_category(self) -> bool:
        """Whether it is a text of which a model may distinguish every value."""
        return self.type == "string" and 0 < len(self.values) <= MOST_VALUES

    @property
    def title(self) -> str:
        """The name in words, for descriptions: as the sample spells it, if with other letters than a name may have."""
        return self.name.replace("_", " ") if self.original.isascii() else self.original.strip(" ?:.").replace("_", " ")


def facts_of(table: pa.Table) -> tuple[ColumnFacts, ...]:
    """The facts of each column of a sample.

    Args:
        table: All columns as text, as a reader delivers them.
    """
    names = _plain_names(table.column_names)
    return tuple(
        _facts(original, name, pc.if_else(pc.equal(column, ""), None, column))
        for original, name, column in zip(table.column_names, names, table.columns, strict=True)
    )


def _plain_names(originals: list[str]) -> list[str]:
    """A lower-case identifier for each name, different ones for different names."""
    found: list[str] = []
    for original in originals:
        words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", original)
        name = re.sub(r"[^a-z0-9]+", "_", plain_letters(words)).strip("_") or "column"
        name = (name if name[0].isalpha() else f"column_{name}")[:60].rstrip("_")
        while name in found or name == "day":
            name += "_2"
        found.append(name)
    return found


def _facts(original: str, name: str, text: pa.ChunkedArray) -> ColumnFacts:
    present = pc.drop_null(text)
    kind, values = _typed(name, present)
    different = pc.unique(values)
    low, high = _bounds(kind, values)
    return ColumnFacts(
        original=original,
        name=name,
        type=kind,
        required=len(present) == len(text),
        distinct=len(different),
        is_unique=len(different) == len(text) and len(text) > 0,
        low=low,
        high=high,
        values=tuple(sorted(different.to_pylist())) if len(different) <= MOST_VALUES else (),
        resolution=_resolution(values) if kind == "number" else None,
        personal=_personal(name, kind, present),
        oddity=_oddity(kind, present),
    )


def _typed(name: str, present: pa.ChunkedArray) -> tuple[ColumnType, pa.ChunkedArray]:
    """The narrowest type that every text has; whole numbers with leading zeros are texts."""
    if len(present) and not pc.any(pc.match_substring_regex(present, _LEADING_ZERO)).as_py():
        for kind in _TRIED:
            read = typed(Column(name, kind, ""), present)
            digits = kind == "boolean" and pc.all(pc.match_substring_regex(present, r"^[01]$")).as_py()
            if not read.unreadable.any() and not digits:  # 0 and 1 are numbers: they may be summed
                return kind, read.values
    return "string", present


def _bounds(kind: ColumnType, values: pa.ChunkedArray) -> tuple[Any, Any]:
    if kind not in ("integer", "number", "timestamp") or not len(values):
        return None, None
    bounds = pc.min_max(values).as_py()
    return bounds["min"], bounds["max"]


def _resolution(values: pa.ChunkedArray) -> float | None:
    """The largest step, of at most four decimals, that every number is a multiple of, but for the noise of a double."""
    numbers = np.asarray(values.to_numpy())
    for decimals in range(_MOST_DECIMALS + 1):
        steps = numbers * 10.0**decimals
        if np.all(np.abs(steps - np.rint(steps)) <= _NOISE * np.maximum(np.abs(steps), 1.0)):
            return 10.0**-decimals
    return None


def _personal(name: str, kind: ColumnType, present: pa.ChunkedArray) -> Personal | None:
    for what, pattern in _NAMES.items():
        if re.search(pattern, name):
            return what
    if kind == "string" and len(present):
        for what, pattern in _FORMS.items():
            if pc.mean(pc.match_substring_regex(present, pattern).cast(pa.float64())).as_py() > 0.5:
                return what
    return None


def _oddity(kind: ColumnType, present: pa.ChunkedArray) -> Oddity | None:
    if kind != "string" or not len(present):
        return None
    for what, pattern in _ODD.items():
        if pc.mean(pc.match_substring_regex(present, pattern).cast(pa.float64())).as_py() > _MOSTLY:
            return what
    return None


def ceiling(value: float) -> float:
    """A round bound well above the value: twice it, rounded up to one digit."""
    if value <= 0:
        return 0.0
    doubled = 2 * value
    step = 10.0 ** math.floor(math.log10(doubled))
    return math.ceil(doubled / step) * step
