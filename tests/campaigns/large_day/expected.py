"""What validation and scoring must make of a planted day, by the same formula, without reading the day.

Belongs here: the counts and the hashes of contents of the three tables, computed in pieces. Does not belong here: the
planted day (`planted.py`), running the product.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from assets.bundle.bundle import Bundle
from assets.monitoring.scoring import scored_rows
from resources.lake.content import streamed_hash
from tests.campaigns.large_day.planted import (
    ABSENT,
    AMOUNTS,
    BELOW,
    BETWEEN,
    CARDS,
    CYCLE,
    DAY,
    EARLY,
    KINDS,
    KNOWN,
    LATE,
    MINUTES,
    NEGATIVE,
    REPEATED,
    TERMINALS,
    TWICE,
    UNREADABLE,
    PlantedDay,
    kinds,
    with_id,
)

_MOMENT = pa.timestamp("us", tz="UTC")
_BETWEEN = "expect_column_values_to_be_between"
_RULES = (
    ("value_is_present", "card_id", (ABSENT, TWICE)),
    ("value_is_number", "amount", (UNREADABLE,)),
    ("known_at_is_not_before_event_time", "known_at", (EARLY,)),
    ("known_at_is_on_its_day", "known_at", (LATE, TWICE)),
    ("number_fits_resolution", "amount", (BETWEEN,)),
    ("key_is_unique", "transaction_id", (REPEATED,)),
    (_BETWEEN, "amount", (NEGATIVE,)),
    (_BETWEEN, "transaction_id", (BELOW,)),
)
"""The rules that rows of the day break, in the order of the quarantine, and the places of these rows in a cycle."""


@dataclass(frozen=True)
class Content:
    """A table's day: how many rows it has, and the hash of their content in their order."""

    rows: int
    digest: str


def quarantine(day: PlantedDay) -> Content:
    """The entries of the quarantine: rule after rule, row after row."""
    names = ("row_ref", "rule", "column", "value", "row")

    def entries() -> Iterator[pa.Table]:
        for rule, column, places in _RULES:
            for rows in day.pieces():
                broken = rows[np.isin(rows % CYCLE, places)]
                broken = broken[day.is_repeated(broken)] if rule == "key_is_unique" else broken
                texts = day.texts(broken).to_pylist()
                objects = [json.dumps({**text, "_malformed": None}) for text in texts]
                references = [f"{DAY}#{row}" for row in broken]
                columns = [references, [rule] * len(texts), [column] * len(texts), [t[column] for t in texts], objects]
                yield pa.table([pa.array(values, pa.string()) for values in columns], names=list(names))

    held = pa.concat_tables(entries())  # less than a hundredth of the rows
    digest = streamed_hash(held.schema, held.num_rows, lambda name: held[name].chunks)
    return Content(held.num_rows, digest)


def validated(day: PlantedDay) -> Content:
    """The valid rows, typed."""
    start = np.datetime64(DAY, "us").astype(np.int64)
    known = pa.scalar(KNOWN).cast(_MOMENT)

    columns: dict[str, tuple[pa.DataType, Callable[[np.ndarray], pa.Array]]] = {
        "transaction_id": (pa.int64(), pa.array),
        "card_id": (pa.string(), lambda rows: _numbered("c", rows % CARDS)),
        "terminal_id": (pa.string(), lambda rows: _numbered("t", rows % TERMINALS)),
        "event_time": (_MOMENT, lambda rows: pa.array(start + rows % MINUTES * 60_000_000).cast(_MOMENT)),
        "known_at": (_MOMENT, lambda rows: pa.repeat(known, len(rows))),
        "amount": (pa.float64(), lambda rows: pa.array(rows % AMOUNTS + 0.5)),
    }
    schema = pa.schema([(name, kind) for name, (kind, _) in columns.items()])
    rows = sum(int(day.is_valid(piece).sum()) for piece in day.pieces())

    def column(name: str) -> Iterator[pa.Array]:
        for piece in day.pieces():
            yield columns[name][1](piece[day.is_valid(piece)])

    return Content(rows, streamed_hash(schema, rows, column))


def scores(day: PlantedDay, bundle: Bundle, kept: list[str]) -> Content:
    """The scores: those of the different rows of features, repeated."""
    scored = scored_rows(bundle, with_id(kinds(), np.arange(KINDS)), kept).table.drop_columns(["day"])
    once = scored.combine_chunks()

    def column(name: str) -> Iterator[pa.Array]:
        for piece in day.pieces():
            values = pa.array(piece) if name == "transaction_id" else once[name].take(pa.array(piece % KINDS))
            yield from values.chunks if isinstance(values, pa.ChunkedArray) else [values]

    return Content(day.rows, streamed_hash(once.schema, day.rows, column))


def _numbered(letter: str, numbers: np.ndarray) -> pa.Array:
    known = pa.array([f"{letter}{n}" for n in range(int(numbers.max()) + 1)], pa.string())
    return known.take(pa.array(numbers))
