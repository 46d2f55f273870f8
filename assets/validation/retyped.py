"""Columns that changed their type: most of a day's texts are not of the contract's type.

Belongs here: finding them in an audit, and what to write. Does not belong here: missing and new columns
(`assets.ingestion.schema_diff`), single values that cannot be read (`audit.py`).
"""

import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Contract
from assets.validation.audit import DayVerdict
from resources.lake.partitioning import rows_of

_MOST = 0.5
"""From this share of a day's rows on, it is the column that changed, and not some of its values."""
_RULE = "value_is_"


def retyped_text(contract: Contract, quarantine: pa.Table, day: DayVerdict) -> str:
    """The columns of a quarantined day that changed their type, a line each, and what to write; empty without any."""
    rows = rows_of(quarantine, day.day)
    lines, remedies = [], []
    for column in contract.columns:
        rule = pc.equal(rows["rule"], f"{_RULE}{column.type}")
        broken = pc.sum(pc.and_(rule, pc.equal(rows["column"], column.name))).as_py() or 0
        if not day.rows or broken / day.rows < _MOST:
            continue
        lines.append(f"  ~ {column.name}: {column.type} in the contract, {broken:,} of {day.rows:,} texts are none")
        remedies.append(
            f"  if the new form of {column.name} is right: {column.name}: {{type: string, ...}}, and change the "
            f"features that read it; if not, {contract.owner} delivers the day again"
        )
    return "\n".join([*lines, f"In contracts/{contract.file}:", *remedies]) if lines else ""
