"""The quarantine: rows that break a rule, with the rule and the value.

Belongs here: the columns of the quarantine, and its rows. Does not belong here: the rules, reasons in sentences
(`rules/reasons.py`).
"""

import json
from collections.abc import Sequence

import pyarrow as pa

from assets.ingestion.landing import MALFORMED, ROW_NUMBER
from assets.product import Contract
from assets.validation.rules.day_rules import DayFailure
from assets.validation.rules.row_rules import Failure

QUARANTINE_SCHEMA = pa.schema(
    [
        ("row_ref", pa.string()),
        ("rule", pa.string()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("row", pa.string()),
        ("day", pa.date32()),
    ]
)
HIDDEN = "(personal)"
"""Stands for a personal value."""


def quarantined_rows(contract: Contract, raw: pa.Table, failures: Sequence[Failure]) -> pa.Table:
    """A row for each raw row and rule that it breaks, in the order of the failures; personal values are hidden."""
    personal = {column.name for column in contract.columns if column.personal}
    if personal:  # an unreadable line may hold personal values
        personal.add(MALFORMED)
    tables, shown_columns = [], (*contract.names, MALFORMED)
    for failure in failures:
        rows = raw.take(failure.rows)
        shown = [
            {k: HIDDEN if k in personal and v is not None else v for k, v in row.items()} for row in rows.to_pylist()
        ]
        values = [row.get(failure.column, row[MALFORMED]) for row in shown]
        tables.append(
            pa.table(
                {
                    "row_ref": [f"{row['day']}#{row[ROW_NUMBER]}" for row in shown],
                    "rule": [failure.rule] * len(shown),
                    "column": [failure.column] * len(shown),
                    "value": values,
                    "row": [json.dumps({k: row[k] for k in shown_columns}) for row in shown],
                    "day": rows["day"],
                },
                schema=QUARANTINE_SCHEMA,
            )
        )
    return pa.concat_tables(tables) if tables else QUARANTINE_SCHEMA.empty_table()


def quarantined_days(failures: Sequence[DayFailure]) -> pa.Table:
    """A row for each rule that a whole day breaks."""
    rows = [
        {
            "row_ref": str(failure.day),
            "rule": failure.rule,
            "column": failure.column,
            "value": failure.observed,
            "row": None,
            "day": failure.day,
        }
        for failure in failures
    ]
    return pa.Table.from_pylist(rows, schema=QUARANTINE_SCHEMA)
