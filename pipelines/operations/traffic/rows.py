"""The rows that become requests.

Belongs here: reading rows of a product's table with the fields of a request, their order. Does not belong here: the
fields that the service takes (`pipelines.operations.decisions.decide`), sending (`drive.py`).
"""

from collections.abc import Collection, Iterator
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns.columns import matching
from assets.product import Product
from assets.product.names import validated_name
from assets.vocabulary.times import AS_OF
from resources.errors import LooplineError
from resources.lake import DAY, Lake
from resources.naming import checked_name

_AT_ONCE = 64
"""Rows that become Python values at once: so few that no request is late for it."""


class NoRows(LooplineError):
    """There are no rows to send; the message names product and table, what is missing and what to do."""


def rows_to_send(
    lake: Lake, product: Product, fields: Collection[str], *, table: str | None = None, first: date | None = None
) -> pa.Table:
    """Rows of a table, with the fields of a request as columns.

    Args:
        fields: Every field of a request. `as_of` is left out: a live request is as of now.
        table: A table of the product; the valid rows of the spine's source by default, of which those are taken that
            the product decides.
        first: Only rows of this UTC day and later ones.

    Raises:
        NoRows: The table does not exist, has no such rows, or lacks a field.
        DamagedPartition: A file of the table is missing, truncated, or fails its checksums.
    """
    spine = validated_name(product.spine.source)
    name = checked_name(table or spine, "table")
    full = f"{product.name}/{name}"
    if not lake.exists(full):
        raise NoRows(
            f"product {product.name} has no table {name}; `loopline tables {product.name}` lists its tables, "
            f"`loopline run {product.name}` makes them"
        )
    columns = lake.schema(full).names
    wanted = sorted(set(fields) - {AS_OF})
    filters = product.spine.filters if name == spine else ()
    lacking = sorted(set(wanted) - set(columns))
    if lacking:
        remedy = f"make its days again: loopline run {product.name}" if name == spine else "leave --table out"
        raise NoRows(f"table {full} has no column {', '.join(lacking)}, which a request needs; {remedy}")
    if first is not None and DAY not in columns:
        raise NoRows(f"table {full} has no days; leave --from-day out")
    days = None if first is None else [day for day in lake.days(full) if day >= first]
    read = list(dict.fromkeys([*wanted, *(condition.column for condition in filters)]))
    rows = lake.read(full, days=days, columns=read)
    rows = rows.filter(pa.array(matching(rows, filters))).select(wanted).combine_chunks()
    if not rows.num_rows:
        since = "" if first is None else f" from {first} on"
        raise NoRows(f"table {full} has no rows{since}; `loopline run {product.name}` makes missing days")
    _check_values(full, rows)
    return rows


def requests_of(rows: pa.Table, *, seed: int, again: bool) -> Iterator[dict[str, Any]]:
    """The rows as requests, in an order that the seed decides.

    Args:
        again: Whether the rows are sent again, in another order, when all were sent.
    """
    random = np.random.default_rng(seed)
    while True:
        order = pa.array(random.permutation(rows.num_rows))
        for begin in range(0, len(order), _AT_ONCE):
            yield from rows.take(order.slice(begin, _AT_ONCE)).to_pylist()
        if not again:
            return


def _check_values(table: str, rows: pa.Table) -> None:
    """Checks that JSON has every value."""
    kinds = pa.types
    for column in rows.schema:
        kind = column.type
        plain = kinds.is_integer(kind) or kinds.is_boolean(kind) or kinds.is_null(kind)
        if not (plain or kinds.is_floating(kind) or kinds.is_string(kind) or kinds.is_large_string(kind)):
            raise NoRows(f"table {table}: column '{column.name}' is {kind}; a request has numbers, texts and booleans")
        if kinds.is_floating(kind) and not pc.all(pc.is_finite(rows[column.name])).as_py():
            raise NoRows(f"table {table}: column '{column.name}' has values that are not finite, which JSON lacks")
