"""What a load has that the one before had not: the rows of a table that came, and those that are gone.

Belongs here: the comparison of two loads of one source, from the days and files of their table versions. Does not
belong here: the blocks that follow from it (`renewal.py`), which loads there are (`load.py`).

A day whose files are the same has the same rows in the same order. Of such days only those are read that may have rows
which fall out of the lookback, or which were known too late for the load before; `Basis` says how far an event's times
may be from its day. From the first day with other files on, all rows are taken as replaced: in a whole load they follow
those of the days before, so they come behind them here too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.online.load import SourceLoad, days_within
from resources.errors import LooplineError
from resources.lake import Lake
from resources.lake.errors import DamagedPartition
from resources.online_store.event_blocks import TIMESTAMP, is_within, prepared
from resources.online_store.protocol import Basis
from resources.slots import Slot, start_of


class LoadsWhole(LooplineError):
    """The changes alone cannot be loaded, or not sooner than everything; the message is the reason."""


@dataclass(frozen=True)
class Changed:
    """The rows in which two loads differ, each as its load keeps them.

    Attributes:
        gone: Loaded rows of days that have other files now.
        left: Loaded rows that are too old now.
        come: The rows that take the place of the gone ones, and new ones.
    """

    gone: pa.Table
    left: pa.Table
    come: pa.Table

    @property
    def more(self) -> int:
        """How many rows more the later load has."""
        return len(self.come) - len(self.gone) - len(self.left)


def kept(load: SourceLoad, rows: pa.Table) -> pa.Table:
    """Those of the rows that a load keeps, sorted as it stores them."""
    return prepared(rows, source=load.source, key_column=load.key, watermark=load.watermark, lookback=load.lookback)


def changed_rows(
    lake: Lake,
    was: SourceLoad,
    load: SourceLoad,
    basis: Basis,
    read: Callable[[int, Sequence[Slot]], pa.Table],
    *,
    most: float,
) -> Changed:
    """The rows in which a load differs from the one before.

    Args:
        read: The stored columns of the rows of days of a version.
        most: The share of the load's days that are read at most.

    Raises:
        LoadsWhole: The load is cheaper or simpler as a whole.
        LakeError: A table is damaged.
    """
    if load.watermark < was.watermark:
        raise LoadsWhole(f"{load.source} ends earlier than before: at {load.watermark.isoformat()}")
    old, new = _files(lake, was), _files(lake, load)
    front = [day for day in old if not days_within((day,), load.watermark, load.lookback)]
    other = {day for day in {*old, *new} - {*front} if old.get(day) != new.get(day)}
    replaced = [day for day in old if other and day >= min(other)]
    placed = [day for day in new if other and day >= min(other)]
    same = [day for day in old if day not in front and day not in replaced]
    checked = [day for day in same if _may_change(day, was, load, basis)]
    count = len(front) + len(replaced) + len(placed) + len(checked)
    if count > most * len(new):
        raise LoadsWhole(f"{count} days of {load.source} are to be read, of {len(new)}")
    gone, front_rows = (kept(was, _as_they_were(was, days, read)) for days in (replaced, front))
    if len(kept(load, front_rows)):
        raise LoadsWhole(f"{load.source} has events that are later than their day")
    aged = read(was.table_version, checked)
    known = kept(was, aged)
    # Their files are in both versions, which read them in the same order.
    late = aged.filter(pc.greater_equal(aged["known_at"], pa.scalar(was.watermark, TIMESTAMP)))
    come = kept(load, pa.concat_tables([late, read(load.table_version, placed)]))
    return Changed(gone, pa.concat_tables([front_rows, _too_old(load, known)]), come)


def _files(lake: Lake, load: SourceLoad) -> dict[Slot, list[str]]:
    """For each day of a load with rows, in order, its files."""
    found: dict[Slot, list[str]] = {day: [] for day in load.days}
    for file in lake.files(load.table, days=load.days, version=load.table_version):
        assert file.day is not None
        found[file.day].append(file.path)
    return found


def _may_change(day: Slot, was: SourceLoad, load: SourceLoad, basis: Basis) -> bool:
    """Whether a day whose files are the same may have rows that only one of the loads keeps."""
    if load.watermark == was.watermark:
        return False
    start = start_of(day)
    if start + basis.known_until >= was.watermark:
        return True
    return load.lookback is not None and start + basis.used_from <= load.watermark - load.lookback


def _too_old(load: SourceLoad, rows: pa.Table) -> pa.Table:
    if load.lookback is None:
        return rows.slice(0, 0)
    return rows.filter(pc.invert(is_within(rows, load.watermark - load.lookback)))


def _as_they_were(was: SourceLoad, days: Sequence[Slot], read: Callable[[int, Sequence[Slot]], pa.Table]) -> pa.Table:
    """Rows of days as the load before read them.

    Raises:
        LoadsWhole: Their files are no longer kept.
    """
    try:
        return read(was.table_version, days)
    except DamagedPartition as error:
        raise LoadsWhole(f"version {was.table_version} of {was.table} cannot be read ({error})") from error
