"""The difference between the columns of a contract and those that arrived, as a person reads it.

Belongs here: the difference, its lines, and the lines that a person writes into the contract. Does not belong here:
whether a difference stops the source (`landing.py`), values that are not of their column's type (`assets.validation`).

No value of a row is shown: nobody has said yet whether a new column is personal.
"""

import difflib
from collections.abc import Set
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Column, ColumnType, Contract
from resources.naming import is_name

_SAMPLED = 1000
"""From so many rows the type of a new column is guessed."""
_WORDS = pa.array(["true", "false"])
_ALIKE = 0.6
_GUESSED: tuple[tuple[ColumnType, pa.DataType], ...] = (
    ("integer", pa.int64()),
    ("number", pa.float64()),
    ("timestamp", pa.timestamp("us")),
    ("timestamp", pa.timestamp("us", tz="UTC")),
)


@dataclass(frozen=True)
class SchemaDiff:
    """What arrived, against the contract.

    Attributes:
        day: The day that arrived.
        missing: Columns of the contract that the source has on that day, and that did not arrive.
        added: Columns that arrived and are not in the contract, each with the type that its values look like.
    """

    contract: Contract
    day: date
    missing: tuple[Column, ...]
    added: tuple[tuple[str, ColumnType], ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """`-` for a missing column, `+` for a new one."""
        gone = (f"- {one.original or one.name}: {one.type}, {_need(one)}" for one in self.missing)
        return (*gone, *(f"+ {name}: looks like {kind}" for name, kind in self.added))

    @property
    def remedies(self) -> tuple[str, ...]:
        """What to write into the contract, a line for each possible meaning of each difference."""
        found = []
        for name, kind in self.added:
            old = self._former(name, kind)
            if old is not None:
                found.append(
                    f"if {name} is {old.name} under another name: {old.name}: {{..., original: {_yaml(name)}}}"
                )
            found.append(f"to take {name}: {_line(name, kind, self.day)}")
        found += [f"if {one.name} is gone for good: remove its line, and the features of it" for one in self.missing]
        return tuple(found)

    @property
    def text(self) -> str:
        """The difference and the remedies, a line each."""
        remedies = "\n".join(f"  {line}" for line in self.remedies)
        return "\n".join(f"  {line}" for line in self.lines) + f"\nIn contracts/{self.contract.file}:\n{remedies}"

    def _former(self, name: str, kind: ColumnType) -> Column | None:
        """The missing column that the new one probably was: the one of a similar name, or the only one of its type."""
        by_name = {(one.original or one.name).lower(): one for one in self.missing}
        alike = difflib.get_close_matches(name.lower(), by_name, 1, _ALIKE)
        if alike:
            return by_name[alike[0]]
        same = [one for one in self.missing if one.type == kind]
        return same[0] if len(same) == len(self.added) == 1 else None


def schema_diff(contract: Contract, rows: pa.Table, day: date, taken: Set[str] = frozenset()) -> SchemaDiff:
    """The difference of rows, all text, from a contract; without lines where there is none.

    Args:
        taken: Columns beside the contract's that are not new.
    """
    at_source, names = contract.at_source, rows.column_names
    # A column without a name has no place in a contract, and a new name may come twice.
    known = {*at_source.values(), *taken}
    new = {name: names.index(name) for name in names if name and name not in known}
    return SchemaDiff(
        contract,
        day,
        missing=tuple(c for c in contract.columns if at_source[c.name] not in names and c.expected_on(day)),
        added=tuple((name, _looks_like(rows.column(at))) for name, at in new.items()),
    )


def _looks_like(text: pa.ChunkedArray) -> ColumnType:
    """The narrowest type that all sampled texts have; `string` without any."""
    values = text.slice(0, _SAMPLED).drop_null()
    if not len(values):
        return "string"
    if pc.all(pc.is_in(pc.utf8_lower(values), value_set=_WORDS)).as_py():
        return "boolean"
    return next((kind for kind, wanted in _GUESSED if _can_be(values, wanted)), "string")


def _can_be(values: pa.ChunkedArray, wanted: pa.DataType) -> bool:
    try:
        values.cast(wanted)
    except pa.ArrowInvalid:
        return False
    return True


def _line(name: str, kind: ColumnType, day: date) -> str:
    """The line of a new column, which days before this one do not have."""
    parts = f"type: {kind}, description: ..., since: {day}"
    return f"{name}: {{{parts}}}" if is_name(name) else f"a_name: {{{parts}, original: {_yaml(name)}}}"


def _yaml(name: str) -> str:
    return name if is_name(name) else f"'{name}'"


def _need(column: Column) -> str:
    return "required" if column.required else "not required"
