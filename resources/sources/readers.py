"""What every reader of a source shares.

Belongs here: the rows of a UTC day as text, exactly as they arrived; the two errors of a source; values, messages and
objects as text. Does not belong here: a reader (`files`, `databases`, `lake_tables`, `http`, `streams`),
the meaning of columns, the lake.

Every reader returns `DayRows`: all columns as strings, because a raw table holds data as delivered; types are checked
later. A day that cannot be read raises `SourceUnavailable` if a retry may succeed, and `SourceBroken` if a person must
act first.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, Self

import pyarrow as pa

from resources.errors import LooplineError
from resources.slots import Slot

_BYTE_ORDER_MARK = "\ufeff"
_DIGESTED_AT_A_TIME = 10_000


class SourceError(LooplineError):
    """A source did not deliver a day; the message names source, day and remedy."""


class SourceUnavailable(SourceError):
    """The source is down or slow; the same call may succeed later."""


class SourceBroken(SourceError):
    """The day is missing, or breaks the agreed form; a retry does not help."""


@dataclass(frozen=True)
class DayRows:
    """The rows of one day, or hour, of a source.

    Attributes:
        rows: All columns of type string; the rows in the order in which they arrived.
        malformed: Lines that could not be read as a row, as text.
        origin: Where the rows came from (file, query, offsets) and a digest of them, for the commit's metadata.
    """

    day: Slot
    rows: pa.Table
    malformed: tuple[str, ...] = ()
    origin: dict[str, Any] = field(default_factory=dict)


class Reader(Protocol):
    """Reads the rows of days, or hours, in order; a context manager, because a reader may hold a connection."""

    def read(self, days: Sequence[Slot]) -> Iterator[DayRows]: ...

    def changed(self, recorded: Mapping[Slot, Mapping[str, Any]]) -> frozenset[Slot]:
        """Those of the days of which the source has other rows now than when they were read.

        Args:
            recorded: The origin of each day, as `read` gave it.

        Raises:
            SourceError: As `read`.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class SampledReader(Reader, Protocol):
    """A reader that can also show rows of a source of which nothing is known yet."""

    def sample(self, most: int) -> pa.Table:
        """At most so many rows of any days, all columns as text; of more rows half are the first, half the last ones.

        Raises:
            SourceError: As `read`.
        """
        ...


class Closing:
    """A reader that holds nothing open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None


def as_text(value: Any) -> str | None:
    """A value as text, as its source would print it; numbers without loss."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def text_table(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})


def in_one_order(rows: pa.Table, first: str) -> pa.Table:
    """Rows sorted by a column, then by the others: where they are kept, and in which order, must not show.

    Args:
        first: The column that counts first.
    """
    names = [first, *(name for name in rows.column_names if name != first)]
    return rows.sort_by([(name, "ascending") for name in names]).combine_chunks()


def table_digest(table: pa.Table) -> str:
    """A digest of a table's rows, for the origin of a day; a null differs from an empty text.

    It is that of `repr((names, columns))`, of which a part at a time is in memory.
    """
    found = hashlib.sha256(f"({table.column_names!r}, [".encode())
    for place, name in enumerate(table.column_names):
        found.update(b", [" if place else b"[")
        for start in range(0, table.num_rows, _DIGESTED_AT_A_TIME):
            values = table[name].slice(start, _DIGESTED_AT_A_TIME).to_pylist()
            found.update(((", " if start else "") + repr(values)[1:-1]).encode())
        found.update(b"]")
    found.update(b"])")
    return found.hexdigest()


def message_text(content: bytes) -> str:
    """A message as text; a byte that is not UTF-8 becomes `\\xe4`, which JSON does not have, so it is no row."""
    return content.decode("utf-8", errors="backslashreplace")


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object in a text; `None` if it is not an object, names a key twice, or is not text that UTF-8 can hold.

    Numbers with a point or an exponent stay text, because a float would change their digits.
    """
    try:
        item = json_value(text.removeprefix(_BYTE_ORDER_MARK))
        if "\\u" in text:  # may be half a surrogate pair, which cannot be stored
            json.dumps(item, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return item if isinstance(item, dict) else None


def json_value(text: str | bytes) -> Any:
    """A JSON text as a value, its numbers with a point or an exponent as text.

    Raises:
        ValueError: It is not JSON, or an object names a key twice.
        RecursionError: It is nested too deeply.
    """
    return json.loads(text, parse_float=str, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = sorted({name for name, count in Counter(name for name, _ in pairs).items() if count > 1})
        raise ValueError(f"an object names {', '.join(map(repr, twice))} more than once")
    return found


def objects_table(items: Sequence[dict[str, Any]]) -> pa.Table:
    """JSON objects as a table of text; a key that an object lacks is null in its row."""
    names = list(dict.fromkeys(name for item in items for name in item))
    return text_table(names, [[as_text(item.get(name)) for name in names] for item in items])
