"""The table `fingerprints`: a row for each day, set of rows and column, and one for each set as a whole.

Belongs here: the form of the table, and fingerprints from and to it. Does not belong here: computing fingerprints
(`fingerprint.py`).
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from assets.monitoring.faults.fingerprint import ColumnPrint, Fingerprint
from resources.lake import DAY

FINGERPRINT_SCHEMA = pa.schema(
    [
        pa.field(DAY, pa.date32(), nullable=False),
        pa.field("rows_of", pa.string(), nullable=False),
        pa.field("column", pa.string()),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("missing", pa.int64()),
        pa.field("distinct", pa.int64()),
        pa.field("commonest", pa.int64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("counts", pa.string()),
        pa.field("steps", pa.string()),
        pa.field("repeated_keys", pa.int64()),
        pa.field("copies", pa.int64()),
    ]
)
"""`column` is null in the row of a whole set; `counts` and `steps` are JSON."""
_WHOLE = "rows"

Days = Mapping[date, Mapping[str, Fingerprint]]
"""For each day its fingerprints, by the name of the set of rows."""


def fingerprint_table(days: Days) -> pa.Table:
    """The fingerprints as a table of FINGERPRINT_SCHEMA, in the order given."""
    rows = [row for day, sets in days.items() for name, found in sets.items() for row in _rows(day, name, found)]
    return pa.Table.from_pylist(rows, schema=FINGERPRINT_SCHEMA)


def fingerprints_of(table: pa.Table) -> Days:
    """The fingerprints in a table of FINGERPRINT_SCHEMA, by day."""
    wholes: dict[date, dict[str, dict[str, Any]]] = {}
    columns: dict[tuple[date, str], dict[str, ColumnPrint]] = {}
    for row in table.to_pylist():
        if row["column"] is None:
            wholes.setdefault(row[DAY], {})[row["rows_of"]] = row
        else:
            columns.setdefault((row[DAY], row["rows_of"]), {})[row["column"]] = _column(row)
    return {
        day: {
            name: Fingerprint(row["rows"], row["repeated_keys"], row["copies"], columns.get((day, name), {}))
            for name, row in sets.items()
        }
        for day, sets in sorted(wholes.items())
    }


def _rows(day: date, name: str, found: Fingerprint) -> list[dict[str, Any]]:
    whole = {
        DAY: day, "rows_of": name, "column": None, "kind": _WHOLE, "rows": found.rows,
        "repeated_keys": found.repeated_keys, "copies": found.copies,
    }  # fmt: skip
    return [whole, *(_row(day, name, column, of) for column, of in found.columns.items())]


def _row(day: date, name: str, column: str, found: ColumnPrint) -> dict[str, Any]:
    return {
        DAY: day, "rows_of": name, "column": column, "kind": found.kind, "rows": found.rows, "missing": found.missing,
        "distinct": found.distinct, "commonest": found.commonest, "low": found.low, "high": found.high,
        "counts": json.dumps(dict(found.cells or found.values)), "steps": json.dumps(found.steps),
    }  # fmt: skip


def _column(row: Mapping[str, Any]) -> ColumnPrint:
    counts = json.loads(row["counts"])
    is_text = row["kind"] == "text"
    return ColumnPrint(
        kind=row["kind"], rows=row["rows"], missing=row["missing"], distinct=row["distinct"],
        commonest=row["commonest"], low=row["low"], high=row["high"],
        cells={} if is_text else {int(cell): count for cell, count in counts.items()},
        values=counts if is_text else {}, steps=tuple(json.loads(row["steps"])),
    )  # fmt: skip
