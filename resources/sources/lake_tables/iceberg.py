"""An Iceberg table of others: its files and rows at a snapshot.

Belongs here: what the manifests of a snapshot say of its files, and the rows of files. Does not belong here: where a
table is (`iceberg_catalogs.py`), which rows are of a day (`reader.py`).

Columns are those of the snapshot's schema, whichever a file was written with: a column that was renamed has one name,
and one that was added is null in older files.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from resources.sources.lake_tables.iceberg_catalogs import explain_refusals, open_table, shown
from resources.sources.lake_tables.rows import DataFile, Needed, day_of_bound, midnight
from resources.sources.times import FIRST_PLAUSIBLE, LAST_PLAUSIBLE

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import FileScanTask, Table
    from pyiceberg.types import NestedField

_ONE = timedelta(days=1)
_EPOCH = date(1970, 1, 1)
_IN_A_DAY = {"date": 1, "timestamp": 86_400 * 10**6, "timestamptz": 86_400 * 10**6,
             "timestamp_ns": 86_400 * 10**9, "timestamptz_ns": 86_400 * 10**9}  # fmt: skip
"""Units in a day of the types of times, as a bound counts them from 1970 on."""


class IcebergFormat:
    """An Iceberg table, in a catalog or at a file of metadata.

    Args:
        address: See `iceberg_catalogs`.
        table: `namespace.table`, or the path below the address.
        secret, variable: The secret of a REST catalog, and the variable that gives it.
    """

    def __init__(self, address: str, table: str, *, secret: str | None, variable: str) -> None:
        self._address, self._table, self._secret, self._variable = address, table, secret, variable
        self.shown = shown(address, table)

    def explained(self, where: str) -> AbstractContextManager[None]:
        """See `LakeFormat.explained`."""
        return explain_refusals(where, self.shown, self._variable)

    def at(self, version: int | None) -> "IcebergVersion":
        """See `LakeFormat.at`."""
        return IcebergVersion(open_table(self._address, self._table, self._secret), version)


class IcebergVersion:
    """A snapshot of an Iceberg table; see `Version`.

    Raises:
        ValueError: The table has no such snapshot.
    """

    def __init__(self, table: "Table", snapshot: int | None) -> None:
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        newest = table.current_snapshot()
        self.number = snapshot if snapshot is not None or newest is None else newest.snapshot_id
        if self.number is not None and table.snapshot_by_id(self.number) is None:
            raise ValueError(f"no snapshot {self.number}, or no longer; {newest and newest.snapshot_id} is the newest")
        self._table = table
        self._columns = table.scan(snapshot_id=self.number).projection()
        self.schema = schema_to_pyarrow(self._columns, include_field_ids=False)
        self._tasks: dict[str, FileScanTask] = {}

    def files(self, column: str) -> list[DataFile]:
        """The files of the snapshot, as its manifests describe them."""
        field = self._columns.find_field(column)
        self._tasks = {_name(task): task for task in self._table.scan(snapshot_id=self.number).plan_files()}
        return [_file(name, task, field) for name, task in self._tasks.items()]

    def rows(self, files: Sequence[str], column: str, needed: Needed | None) -> Iterator[pa.Table]:
        """See `Version.rows`. One file at a time is in memory, of it the rows that may be needed."""
        from pyiceberg.io.pyarrow import ArrowScan

        scan = ArrowScan(self._table.metadata, self._table.io, self._columns, self._needed(column, needed))
        for name in files:
            for batch in scan.to_record_batches([self._tasks[name]]):
                if batch.num_rows:
                    # Files differ in the width of a type's offsets (string, large_string).
                    yield pa.Table.from_batches([batch]).cast(self.schema)

    def _needed(self, column: str, needed: Needed | None) -> "BooleanExpression":
        """The condition of rows that may be needed; files' row groups are left out by it."""
        from pyiceberg import expressions as ice
        from pyiceberg.expressions.literals import literal

        field = self._columns.find_field(column)
        # A condition is read by the newest schema, in which the column may have another name.
        name = self._table.schema().find_column_name(field.field_id)
        if needed is None or name is None or str(field.field_type) not in _IN_A_DAY:
            return ice.AlwaysTrue()
        kind = self.schema.field(column).type
        low, high, start, end = (
            midnight(day, kind).isoformat()
            for day in (needed.first, needed.last + _ONE, FIRST_PLAUSIBLE, LAST_PLAUSIBLE + _ONE)
        )
        term = ice.Reference(name)
        within = ice.And(
            ice.GreaterThanOrEqual(term=term, value=literal(low)),
            ice.LessThan(term=term, value=literal(high)),
        )
        if not needed.with_odd:
            return within
        return ice.Or(
            within,
            ice.IsNull(term=term),
            ice.LessThan(term=term, value=literal(start)),
            ice.GreaterThanOrEqual(term=term, value=literal(end)),
        )


def _name(task: "FileScanTask") -> str:
    """The paths of a data file and of the files that delete rows of it."""
    return " ".join([task.file.file_path, *sorted(file.file_path for file in task.delete_files)])


def _file(name: str, task: "FileScanTask", field: "NestedField") -> DataFile:
    file, at = task.file, field.field_id
    first, last = (_day(bounds.get(at), field) for bounds in (file.lower_bounds or {}, file.upper_bounds or {}))
    is_time = str(field.field_type) in _IN_A_DAY
    nulls = (file.null_value_counts or {}).get(at)
    return DataFile(name, first, last, not is_time or nulls != 0, file.record_count)


def _day(bound: bytes | None, field: "NestedField") -> date | None:
    """The day of a bound, which may be that of a text; `None` where the manifest does not tell.

    A day outside of the calendar is the first or the last one.
    """
    if bound is None:
        return None
    kind = str(field.field_type)
    if kind == "string":
        return day_of_bound(bound.decode(errors="replace"))
    if kind not in _IN_A_DAY:
        return None
    # A date that became a time keeps the bounds of older files, which are shorter.
    units = _IN_A_DAY["date" if len(bound) == 4 else kind]
    days = int.from_bytes(bound, "little", signed=True) // units
    low, high = (date.min - _EPOCH).days, (date.max - _EPOCH).days
    return _EPOCH + timedelta(days=min(max(days, low), high))
