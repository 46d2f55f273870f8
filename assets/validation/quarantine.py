"""The quarantine: rows that break a rule, with the rule and the value.

Belongs here: the columns of the quarantine, and its rows. Does not belong here: the rules, reasons in sentences
(`rules/reasons.py`).
"""

import json
from collections.abc import Collection, Sequence

import pyarrow as pa

from assets.ingestion.landing import MALFORMED, ROW_NUMBER
from assets.product import Contract
from assets.validation.rules.day_rules import DayFailure
from assets.validation.rules.row_rules import Failure
from resources.lake.partitioning import slot_at, slot_columns
from resources.lake.values import DAY, HOUR, HOUR_TYPE
from resources.slots import day_of

QUARANTINE_SCHEMA = pa.schema(
    [
        ("row_ref", pa.string()),
        ("rule", pa.string()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("row", pa.string()),
        (DAY, pa.date32()),
    ]
)
"""The columns of the quarantine; of a product by the hour also `utc_hour` (`quarantine_schema`)."""
HIDDEN = "(personal)"
"""Stands for a personal value."""


def quarantine_schema(columns: Collection[str]) -> pa.Schema:
    """The columns of the quarantine of rows with these partition columns."""
    return QUARANTINE_SCHEMA.append(pa.field(HOUR, HOUR_TYPE)) if HOUR in columns else QUARANTINE_SCHEMA


def quarantined_rows(contract: Contract, raw: pa.Table, failures: Sequence[Failure]) -> pa.Table:
    """A row for each raw row and rule that it breaks, in the order of the failures; personal values are hidden."""
    personal = {column.name for column in contract.columns if column.personal}
    if personal:  # an unreadable line may hold personal values
        personal.add(MALFORMED)
    tables, shown_columns = [], (*contract.names, MALFORMED)
    schema = quarantine_schema(raw.column_names)
    for failure in failures:
        rows = raw.take(failure.rows)
        shown = [
            {k: HIDDEN if k in personal and v is not None else v for k, v in row.items()} for row in rows.to_pylist()
        ]
        values = [row.get(failure.column, row[MALFORMED]) for row in shown]
        tables.append(
            pa.table(
                {
                    "row_ref": [f"{slot_at(row)}#{row[ROW_NUMBER]}" for row in shown],
                    "rule": [failure.rule] * len(shown),
                    "column": [failure.column] * len(shown),
                    "value": values,
                    "row": [json.dumps({k: row[k] for k in shown_columns}) for row in shown],
                    **slot_columns(rows),
                },
                schema=schema,
            )
        )
    return pa.concat_tables(tables) if tables else schema.empty_table()


def quarantined_days(failures: Sequence[DayFailure], schema: pa.Schema) -> pa.Table:
    """A row for each rule that a whole day, or hour, breaks, in the columns of `quarantine_schema`."""
    rows = [
        {
            "row_ref": str(failure.day),
            "rule": failure.rule,
            "column": failure.column,
            "value": failure.observed,
            "row": None,
            DAY: day_of(failure.day),
            HOUR: failure.day,
        }
        for failure in failures
    ]
    return pa.Table.from_pylist([{name: row[name] for name in schema.names} for row in rows], schema=schema)
