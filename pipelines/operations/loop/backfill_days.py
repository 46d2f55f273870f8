"""The result of a backfill, by day and by partition: unchanged, changed, or failed.

Belongs here: comparing the tables before and after the backfill's runs. Does not belong here: counting rows
(`resources.lake.differences`), running (`backfill.py`), the form for people (`pipelines.cli`).

The version before the backfill is the one before the first commit of its runs, so that the rows that an interrupted
backfill had changed are counted too.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import pyarrow as pa

from assets.ingestion.landing import ROW_NUMBER
from assets.product import Partitions, Product
from assets.product.names import raw_name, table_name, validated_name
from pipelines.operations.loop.backfill_plan import Days
from resources.lake import Lake
from resources.lake.differences import RowChanges, row_changes
from resources.lake.origins import changed_days, version_before
from resources.lake.partitioning import slot_columns
from resources.slots import Slot, day_of, slots_between

State = Literal["unchanged", "changed", "failed"]


@dataclass(frozen=True)
class DayResult:
    """What a backfill did of a day, or an hour.

    Attributes:
        changes: For each table whose rows of the day are others now, how many.
        reason: Why the day failed; empty if it did not.
    """

    day: Slot
    changes: Mapping[str, RowChanges]
    reason: str = ""

    @property
    def state(self) -> State:
        """Failed, changed or unchanged; of a failed day some tables may have changed."""
        return _state(self.reason, self.changes)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        changes = {name: vars(found) for name, found in self.changes.items()}
        return {"day": str(self.day), "state": self.state, "reason": self.reason or None, "changes": changes}


@dataclass(frozen=True)
class PartitionResult:
    """What a backfill did of a partition.

    Attributes:
        name: The partition, for people.
        changes: For each table whose rows of the partition are others now, how many.
        reason: Why the partition failed; empty if it did not.
    """

    name: str
    changes: Mapping[str, RowChanges]
    reason: str = ""

    @property
    def state(self) -> State:
        """Failed, changed or unchanged; of a failed partition some tables may have changed."""
        return _state(self.reason, self.changes)


def by_partition(partitions: Partitions, days: Sequence[DayResult]) -> tuple[PartitionResult, ...]:
    """The results of days, in order, as those of their partitions."""
    found = []
    for name, together in groupby(days, key=lambda result: partitions.name(result.day)):
        changes: dict[str, RowChanges] = {}
        reason = ""
        for result in together:
            reason = reason or result.reason
            for table, change in result.changes.items():
                changes[table] = changes[table] + change if table in changes else change
        found.append(PartitionResult(name, changes, reason))
    return tuple(found)


def _state(reason: str, changes: Mapping[str, RowChanges]) -> State:
    if reason:
        return "failed"
    return "changed" if changes else "unchanged"


def day_results(
    product: Product, lake: Lake, names: Sequence[str], days: Days, runs: Collection[str], failed: Mapping[Slot, str]
) -> tuple[DayResult, ...]:
    """The result of each day, or hour; what changed of a whole day counts for the last of its hours.

    Args:
        names: The daily assets of the backfill.
        runs: The ids of its runs.
        failed: For each failed day its reason.

    Raises:
        DamagedPartition: A table cannot be read.
    """
    changes: dict[Slot, dict[str, RowChanges]] = {day: {} for day in slots_between(*days)}
    last = {day_of(day): day for day in changes}
    for name in names:
        for day, found in _changes(product, lake, name, frozenset(changes), runs).items():
            changes[day if day in changes else last[day]][name] = found
    return tuple(DayResult(day, found, failed.get(day, "")) for day, found in changes.items())


def _changes(
    product: Product, lake: Lake, name: str, days: Collection[Slot], runs: Collection[str]
) -> dict[Slot, RowChanges]:
    table = table_name(product.name, name)
    if not lake.exists(table):
        return {}
    before, now, held = version_before(lake, table, runs), lake.version(table), lake.slots_holding(table, days)
    wanted = sorted(held if before is None else set(held) & set(changed_days(lake, table, before)))
    found = {}
    for day in wanted:  # one day at a time, so that a long backfill is compared in little memory
        new = _rows(lake, table, day, now)
        old = _rows(lake, table, day, before) if before is not None else new.slice(0, 0)
        difference = row_changes(old, new, _key(product, name))
        if difference.any:
            found[day] = difference
    return found


def _rows(lake: Lake, table: str, day: Slot, version: int) -> pa.Table:
    rows = lake.read(table, days=[day], version=version)
    rows = rows.drop_columns([*slot_columns(rows)])
    # A row that is inserted would give all that follow another number.
    return rows.drop_columns([ROW_NUMBER]) if ROW_NUMBER in rows.column_names else rows


def _key(product: Product, name: str) -> tuple[str, ...]:
    """The columns that identify a row of a day; rows as they arrived, and figures, have none."""
    for source in product.sources:
        if name == raw_name(source.name):
            return ()
        if name == validated_name(source.name):
            contract = product.contract(source.name)
            return (*contract.key, "known_at") if contract.corrections else contract.key
    return (product.spine.row_id,)
