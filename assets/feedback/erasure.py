"""Erasing a person from the tables that are made from decisions and from posted rows.

Belongs here: which rows of these tables are about a person, and writing their days again without them. Does not belong
here: the logs (`assets.serving.log.decision_log`, `assets.serving.log.posted_erasure`), the tables of other sources.

Versions before the erasure stay readable until `loopline vacuum` removes their files.
"""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa

from assets.feedback.decisions import answered_of
from assets.product import Posted, PostedOutcomes, Product
from assets.product.names import DECISIONS, EXPOSED, quarantine_name, raw_name, table_name, validated_name
from assets.serving.log.decision_log import ERASED
from assets.serving.log.posted_erasure import Subject, row_column_of
from resources.lake import DAY, Lake
from resources.lake.origins import recorded_origin
from resources.slots import Slot


def erase_exposed(lake: Lake, product: str, subject: Subject) -> int:
    """Removes a person from the table of those whom a rolled-back version decided for; returns how many rows.

    Raises:
        LakeError: The table is damaged.
    """
    name = table_name(product, EXPOSED)
    if not lake.exists(name):
        return 0
    rows = lake.read(name)
    named = [one in subject.decisions for one in rows["decision_id"].to_pylist()]
    if any(named):
        lake.replace(name, rows.filter(pa.array([not one for one in named])), days=None)
    return sum(named)


def erase_posted_tables(lake: Lake, product: Product, subject: Subject) -> Mapping[str, int]:
    """Erases a person from the tables of posted rows: raw, quarantined and validated; returns how many rows of each.

    A quarantined row is removed, be it a review: the raw row stays as the log has it.

    Raises:
        LakeError: A table is damaged.
    """
    found = {}
    for source in product.posted:
        for name in (raw_name(source.name), validated_name(source.name)):
            table = table_name(product.name, name)
            if lake.exists(table):
                found[table] = sum(_erase_in(lake, table, slot, source, subject) for slot in lake.slots(table))
        refused = table_name(product.name, quarantine_name(source.name))
        if lake.exists(refused):
            found[refused] = sum(_release(lake, refused, slot, source, subject) for slot in lake.slots(refused))
    return {table: count for table, count in found.items() if count}


def erase_decisions(lake: Lake, product: Product, log: Path, subject: Subject) -> tuple[date, ...]:
    """Makes the days of `decisions` that have a person again, from a log without the person; returns these days.

    The table says which days they are, because the log no longer knows the person. Outcomes of these decisions are
    then out of date, and made again by the next run.

    Raises:
        DecisionLogError, LakeError: The log or the table is damaged.
    """
    name = table_name(product.name, DECISIONS)
    if not lake.exists(name):
        return ()
    rows = lake.read(name, columns=["keys", DAY])
    texts = zip(rows[DAY].to_pylist(), rows["keys"].to_pylist(), strict=True)
    days = sorted({day for day, keys in texts if subject.has_key(json.loads(keys))})
    for day in days:
        rows = answered_of(product, lake, log, day)
        lake.replace(name, rows, days=[day], metadata=recorded_origin(lake, name, day))
    return tuple(days)


def _erase_in(lake: Lake, table: str, slot: Slot, source: Posted, subject: Subject) -> int:
    rows, column = lake.read(table, days=[slot]), row_column_of(source)
    wanted = [name for name in (subject.column, "decision_id", column) if name in rows.column_names]
    named = [subject.is_named(row, column) for row in rows.select(wanted).to_pylist()]
    if not any(named):
        return 0
    if isinstance(source, PostedOutcomes):
        rows = rows.filter(pa.array([not one for one in named]))
    else:
        texts = [ERASED if is_named else text for is_named, text in zip(named, rows["reason"].to_pylist(), strict=True)]
        rows = _with(rows, "reason", texts)
        if subject.column in rows.column_names:
            keys = rows[subject.column].to_pylist()
            rows = _with(rows, subject.column, [None if gone else key for gone, key in zip(named, keys, strict=True)])
    lake.replace(table, rows, days=[slot], metadata=recorded_origin(lake, table, slot))
    return sum(named)


def _release(lake: Lake, table: str, slot: Slot, source: Posted, subject: Subject) -> int:
    """Removes the quarantined rows about a person; each is kept as a JSON text, that of a whole day has none."""
    rows, column = lake.read(table, days=[slot]), row_column_of(source)
    named = [text is not None and subject.is_named(json.loads(text), column) for text in rows["row"].to_pylist()]
    if any(named):
        kept = rows.filter(pa.array([not one for one in named]))
        lake.replace(table, kept, days=[slot], metadata=recorded_origin(lake, table, slot))
    return sum(named)


def _with(rows: pa.Table, name: str, values: list[object]) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, pa.array(values, rows.schema.field(name).type))
