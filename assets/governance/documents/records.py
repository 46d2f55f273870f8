"""The records from which documents are made.

Belongs here: a record as named data, and a figure as one value of a record with its path. Does not belong here: reading
records (`assets.registry.records`), what a document says (`risk.py`, `sections.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resources.errors import LooplineError

_EMPTY: tuple[object, ...] = (None, "", (), [], {})


class DocumentError(LooplineError):
    """A document would say what no record says; the message names the line or figure."""


@dataclass(frozen=True)
class Record:
    """Something that was recorded.

    Attributes:
        name: What it is, and of which version or time, for people.
        data: Its values; JSON values.
    """

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """A value and the record that it is from.

    Attributes:
        record: The record's key.
        path: Where in the record it is.
    """

    value: Any
    record: str
    path: tuple[str, ...]

    @property
    def source(self) -> str:
        """The record and the place in it, as documents print them."""
        return ": ".join((self.record, ".".join(self.path))) if self.path else self.record


Records = Mapping[str, Record]
"""The records by their keys: short words that documents print beside each figure."""


def figure(records: Records, record: str, *path: str) -> Figure | None:
    """A value of a record; `None` where it was not recorded: there is no such record or value, or it is empty."""
    if record not in records:
        return None
    value: Any = records[record].data
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    empty = any(value is one or (type(value) is type(one) and value == one) for one in _EMPTY)
    return None if empty else Figure(value, record, path)


def disagreement(records: Records, found: Figure) -> str:
    """Why a figure is not what its record says; empty if it is."""
    if found.record not in records:
        return f"the figure {found.value!r} names the record '{found.record}', which was not read"
    recorded = figure(records, found.record, *found.path)
    if recorded is None:
        return f"the figure {found.value!r} is not in the record: {found.source} was not recorded"
    return "" if recorded.value == found.value else (
        f"the figure {found.value!r} is not what was recorded: {found.source} is {recorded.value!r}"
    )  # fmt: skip
