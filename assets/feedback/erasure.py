"""Erasing a person from the tables that are made from decisions and from posted rows.

Belongs here: which rows of these tables are about a person, and writing their days again without them. Does not belong
here: the logs (`assets.serving.decision_log`, `assets.serving.posted_erasure`), the tables of other sources.

Versions before the erasure stay readable until `loopline vacuum` removes their files.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa

from assets.feedback.decisions import answered_of
from assets.product import Posted, PostedOutcomes, Product
from assets.product.names import DECISIONS, EXPOSED, raw_name, table_name, validated_name
from assets.serving.decision import day_of
from assets.serving.decision_log import ERASED
from assets.serving.posted_erasure import Subject, row_column_of
from resources.lake import Lake


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
    """Erases a person from the raw and the validated tables of posted rows; returns how many rows of each.

    Raises:
        LakeError: A table is damaged.
    """
    found = {}
    for source in product.posted:
        for name in (raw_name(source.name), validated_name(source.name)):
            table = table_name(product.name, name)
            if lake.exists(table):
                found[table] = sum(_erase_day(lake, table, day, source, subject) for day in lake.days(table))
    return {table: count for table, count in found.items() if count}


def erase_decisions(lake: Lake, product: Product, log: Path, subject: Subject) -> tuple[date, ...]:
    """Makes the days of `decisions` again from a log from which a person was erased; returns these days.

    Outcomes of these decisions are then out of date, and made again by the next run.

    Raises:
        DecisionLogError, LakeError: The log or the table is damaged.
    """
    name = table_name(product.name, DECISIONS)
    if not lake.exists(name):
        return ()
    days = sorted({day_of(decision) for decision in subject.decisions} & set(lake.days(name)))
    for day in days:
        lake.replace(name, answered_of(product, lake, log, day), days=[day])
    return tuple(days)


def _erase_day(lake: Lake, table: str, day: date, source: Posted, subject: Subject) -> int:
    rows, column = lake.read(table, days=[day]), row_column_of(source)
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
    lake.replace(table, rows, days=[day])
    return sum(named)


def _with(rows: pa.Table, name: str, values: list[object]) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, pa.array(values, rows.schema.field(name).type))
