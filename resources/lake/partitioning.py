"""How a table's rows and files are divided by slot: the partition columns `day` and, where slots are hours, `utc_hour`.

Belongs here: the values and the folder of a slot, the files of some slots, the rows of each. Does not belong here:
slots themselves (`resources.slots`), reading and writing files (`lake.py`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from resources.lake.errors import LakeError
from resources.lake.values import DAY, HOUR, HOUR_TYPE, DataFile
from resources.slots import Hour, Slot, day_of


def slot_column(columns: Collection[str]) -> str:
    """The column that says of which slot a row is, in a table with these columns."""
    return HOUR if HOUR in columns else DAY


def partition_columns(slot: Slot) -> tuple[str, ...]:
    """The partition columns of a table with such slots."""
    return (DAY, HOUR) if isinstance(slot, Hour) else (DAY,)


def partition_values(slot: Slot) -> dict[str, str]:
    """The values of the partition columns of a slot, as a Delta log writes them."""
    day = {DAY: day_of(slot).isoformat()}
    return day | {HOUR: slot.strftime("%Y-%m-%d %H:%M:%S")} if isinstance(slot, Hour) else day


def range_of(first: Slot, last: Slot) -> list[tuple[str, str, str]]:
    """The filter of partitions that selects consecutive slots: by their last partition column, which names each."""
    column = partition_columns(first)[-1]
    return [(column, ">=", partition_values(first)[column]), (column, "<=", partition_values(last)[column])]


def partition_folder(slot: Slot) -> str:
    """The folder of a slot's files within its table, `day=2026-03-01/` or `day=2026-03-01/utc_hour=13/`."""
    day = f"{DAY}={day_of(slot).isoformat()}/"
    return f"{day}{HOUR}={slot.hour:02}/" if isinstance(slot, Hour) else day


def partition_expression(slot: Slot) -> pc.Expression:
    """The partition columns of a slot, for a reader of its files, which do not have them."""
    of_day = ds.field(DAY) == pa.scalar(day_of(slot), pa.date32())
    return of_day & (ds.field(HOUR) == pa.scalar(slot, HOUR_TYPE)) if isinstance(slot, Hour) else of_day


def slot_of(partition: Mapping[str, object]) -> Slot | None:
    """The slot of the values of partition columns; `None` where there are none."""
    hour, day = partition.get(HOUR), partition.get(DAY)
    return Hour.holding(hour) if isinstance(hour, datetime) else day if isinstance(day, date) else None


def with_slot(rows: pa.Table, slot: Slot) -> pa.Table:
    """Rows with the partition columns of a slot behind the others."""
    rows = rows.append_column(DAY, pa.array([day_of(slot)] * rows.num_rows, pa.date32()))
    if not isinstance(slot, Hour):
        return rows
    return rows.append_column(HOUR, pa.array([slot] * rows.num_rows, HOUR_TYPE))


def slot_columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """The partition columns that a table has, by name."""
    return {name: table[name] for name in (DAY, HOUR) if name in table.column_names}


def of_slot(rows: pa.Table, slot: Slot) -> pa.ChunkedArray:
    """Whether each row is of a slot: bool."""
    if isinstance(slot, Hour):
        return pc.equal(rows[HOUR], pa.scalar(slot, HOUR_TYPE))
    return pc.equal(rows[DAY], pa.scalar(slot, pa.date32()))


def rows_of(rows: pa.Table, slot: Slot) -> pa.Table:
    """Those of the rows that are of a slot."""
    return rows.filter(of_slot(rows, slot))


def slot_texts(rows: pa.Table) -> pa.ChunkedArray:
    """The slot of each row as text, as `str` writes it."""
    return pc.strftime(rows[HOUR], "%Y-%m-%d-%H:00") if HOUR in rows.column_names else rows[DAY].cast(pa.string())


def slot_at(row: Mapping[str, object]) -> Slot:
    """The slot of a row with partition columns, as a mapping."""
    found = slot_of(row)
    assert found is not None
    return found


class DataFiles:
    """The data files of a version, in the order of their slot; they are listed once, when they are first asked for.

    Args:
        actions: The files of the log, one a row.
    """

    def __init__(self, actions: pa.Table) -> None:
        self._actions = actions

    def of(self, days: Iterable[Slot] | None) -> list[DataFile]:
        """The files of all slots, or of the given ones; a day stands for its hours too."""
        if days is None:
            return [*self._all]
        found = {file.path: file for day in set(days) for file in self._by_slot.get(day, ())}
        return sorted(found.values(), key=_order)

    @cached_property
    def _all(self) -> tuple[DataFile, ...]:
        columns = self._actions.column_names
        names = {name: f"partition.{name}" for name in (DAY, HOUR) if f"partition.{name}" in columns}
        parts = {name: self._actions[column].to_pylist() for name, column in names.items()}
        paths, rows, sizes = (self._actions[name].to_pylist() for name in ("path", "num_records", "size_bytes"))
        found = [
            DataFile(path, slot_of({name: values[at] for name, values in parts.items()}), count, size)
            for at, (path, count, size) in enumerate(zip(paths, rows, sizes, strict=True))
        ]
        return tuple(sorted(found, key=_order))

    @cached_property
    def _by_slot(self) -> Mapping[Slot, Sequence[DataFile]]:
        """By slot its files, and by day those of its hours."""
        found: dict[Slot, list[DataFile]] = {}
        for file in self._all:
            for slot in () if file.day is None else {file.day, day_of(file.day)}:
                found.setdefault(slot, []).append(file)
        return found


def _order(file: DataFile) -> tuple[str, str]:
    return "" if file.day is None else str(file.day), file.path


def contents_of(files: Sequence[DataFile], days: Sequence[Slot]) -> dict[str, str]:
    """The hash of each slot's content, empty for one without rows; a slot whose files have no hash is left out."""
    hashes: dict[Slot | None, list[str]] = {day: [] for day in days}
    for file in files:
        hashes.setdefault(file.day, []).append(file.content)
    # A slot usually has one file; of several the hashes stand side by side, whatever the files are called.
    return {str(day): "+".join(sorted(found)) for day, found in hashes.items() if all(found)}


def by_slot(table: str, data: pa.Table, days: Sequence[Slot]) -> list[tuple[Slot | None, pa.Table]]:
    """For each slot with rows, its rows without the partition columns."""
    wanted = set(days)
    name = slot_column(data.column_names)
    column = data[name].combine_chunks()
    body = data.drop_columns([column for column in (DAY, HOUR) if column in data.column_names])
    order = pc.array_sort_indices(column)
    ordered, column = body.take(order), column.take(order)
    runs = pc.run_end_encode(column)
    parts: list[tuple[Slot | None, pa.Table]] = []
    start = 0
    for value, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        day = Hour.holding(value) if name == HOUR else value
        if day not in wanted:
            raise LakeError(f"table {table}: rows of {name} {day} in a write of {days[0]} to {days[-1]}")
        parts.append((day, ordered.slice(start, end - start)))
        start = end
    return parts
