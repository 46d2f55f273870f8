"""The quarantine: rows that break a rule, with the rule and the value.

Belongs here: the columns of the quarantine, and its rows. Does not belong here: the rules, reasons in sentences
(`rules/reasons.py`).
"""

import json
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingestion.landing import MALFORMED, ROW_NUMBER
from assets.product import Contract
from assets.validation.rules.day_rules import DayFailure
from assets.validation.rules.row_rules import Failure
from resources.lake.partitioning import slot_columns, slot_texts
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
_AT_ONCE = 200_000
"""Rows whose texts are made at once."""
_PLAIN = r"^[ !#-\[\]-~]*$"
"""Texts of which JSON escapes no character: printable ASCII without quotation marks and backslashes."""


def quarantine_schema(columns: Collection[str]) -> pa.Schema:
    """The columns of the quarantine of rows with these partition columns."""
    return QUARANTINE_SCHEMA.append(pa.field(HOUR, HOUR_TYPE)) if HOUR in columns else QUARANTINE_SCHEMA


def quarantined_rows(contract: Contract, raw: pa.Table, failures: Sequence[Failure]) -> pa.Table:
    """A row for each raw row and rule that it breaks, in the order of the failures; personal values are hidden."""
    personal = {column.name for column in contract.columns if column.personal}
    if personal:  # an unreadable line may hold personal values
        personal.add(MALFORMED)
    tables = [
        _entries(contract, raw.take(failure.rows[first : first + _AT_ONCE]), failure, personal)
        for failure in failures
        for first in range(0, len(failure.rows), _AT_ONCE)
    ]
    return pa.concat_tables(tables) if tables else quarantine_schema(raw.column_names).empty_table()


def _entries(contract: Contract, rows: pa.Table, failure: Failure, personal: Collection[str]) -> pa.Table:
    for name in personal:
        hidden = pc.if_else(pc.is_valid(rows[name]), HIDDEN, pa.scalar(None, pa.string()))
        rows = rows.set_column(rows.column_names.index(name), name, hidden)
    return pa.table(
        {
            "row_ref": pc.binary_join_element_wise(slot_texts(rows), rows[ROW_NUMBER].cast(pa.string()), "#"),
            "rule": [failure.rule] * len(rows),
            "column": [failure.column] * len(rows),
            "value": rows[failure.column if failure.column in rows.column_names else MALFORMED].cast(pa.string()),
            "row": _objects(rows.select([*contract.names, MALFORMED])),
            **slot_columns(rows),
        },
        schema=quarantine_schema(rows.column_names),
    )


def _objects(rows: pa.Table) -> pa.ChunkedArray:
    """Each row of texts as a JSON object, as `json.dumps` writes it."""
    parts: list[pa.ChunkedArray | str] = []
    for name in rows.column_names:
        parts += [f"{', ' if parts else '{'}{json.dumps(name)}: ", _quoted(rows[name])]
    return pc.binary_join_element_wise(*parts, "}", "")


def _quoted(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Each text as a JSON value."""
    quoted = pc.fill_null(pc.binary_join_element_wise('"', texts, '"', ""), "null")
    plain = np.asarray(pc.fill_null(pc.match_substring_regex(texts, _PLAIN), True).to_numpy())
    if plain.all():
        return quoted
    escaped = pa.array([json.dumps(text) for text in texts.filter(pa.array(~plain)).to_pylist()], pa.string())
    place = pa.array(np.cumsum(~plain) - 1, mask=plain)
    return pc.coalesce(escaped.take(place), quoted)


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
