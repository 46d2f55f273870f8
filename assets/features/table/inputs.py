"""Inputs of a run of features: one pinned version of each table, and the days that the run reads.

Belongs here: pinning versions, choosing days by lookback. Does not belong here: reading files (`data_files.py`),
computation (`feature_table.py`), the run itself (`assets.features.assets`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.kernel.kernel import Kernel
from assets.features.online.load import lookback_of
from assets.features.table.data_files import DataFiles, TableVersion
from assets.product import Product, Spine
from assets.product.names import validated_table
from resources.lake import DAY, Lake
from resources.slots import Slot, day_of


@dataclass(frozen=True)
class Inputs:
    """Data files of the pinned versions only.

    Attributes:
        versions: For each source, the version of its validated table.
        before: For each source, how many days before the day of a row its events are read; `None` for all of them.
        spine: Files with the rows to be decided.
        events: For each source of events, the files within the lookback of these rows.
    """

    versions: Mapping[str, int]
    before: Mapping[str, int | None]
    spine: DataFiles
    events: Mapping[str, DataFiles]


def inputs_of(product: Product, kernel: Kernel, lake: Lake, days: tuple[Slot, ...]) -> Inputs:
    """The inputs for the rows of these days, or hours, all from the newest version of each table, pinned once.

    Raises:
        LakeError: A table does not exist, or the spine's rows of these days are damaged.
    """
    sources = dict.fromkeys((product.spine.source, *product.features.sources))
    tables = {source: _pinned(lake, validated_table(product.name, source)) for source in sources}
    spine, after = tables[product.spine.source], timedelta(days=product.spine.days_after)
    requested = [slot for slot in spine.slots() if days[0] - after <= slot <= days[-1]]
    earliest, latest_by = _lateness(spine, product.spine, requested, days)
    reach = {source: _reach(kernel, source) for source in product.features.sources}
    events = {
        source: tables[source].files(_history(reach[source], tables[source].slots(), earliest, days[-1]))
        for source in product.features.sources
    }
    before = {source: None if days_back is None else days_back + latest_by for source, days_back in reach.items()}
    versions = {source: table.version for source, table in tables.items()}
    of_spine = before.get(product.spine.source, 0)
    before[product.spine.source] = None if of_spine is None else max(of_spine, after.days)
    return Inputs(versions, before, spine.files(requested), events)


@dataclass(frozen=True)
class _Pinned:
    """One version of a table."""

    lake: Lake
    name: str
    version: int

    def slots(self) -> tuple[Slot, ...]:
        return self.lake.slots(self.name, self.version)

    def files(self, days: Sequence[Slot]) -> DataFiles:
        paths = self.lake.paths(self.name, days=days, version=self.version)
        return DataFiles(TableVersion(self.name, self.lake.schema(self.name, self.version)), tuple(paths))

    def rows(self, columns: Sequence[str], days: Sequence[Slot]) -> pa.Table:
        return self.lake.read(self.name, days=days, version=self.version, columns=columns)


def _pinned(lake: Lake, table: str) -> _Pinned:
    return _Pinned(lake, table, lake.version(table))


def _lateness(spine: _Pinned, declared: Spine, requested: Sequence[Slot], days: Sequence[Slot]) -> tuple[date, int]:
    """The earliest as-of day of the rows of these days, and the most days that one of them came late.

    A late row is decided as of an earlier day.

    Args:
        requested: The days, or hours, in which the rows may have arrived.
    """
    rows = spine.rows([declared.as_of, DAY], requested)
    requests = rows[declared.as_of].cast(pa.timestamp("us", tz="UTC"))
    decided = pc.add(requests, pa.scalar(declared.after, pa.duration("us"))).cast(pa.date32())
    earliest = pc.min(decided).as_py()
    if earliest is None:
        return day_of(days[0]), 0
    late = pc.max(pc.subtract(rows[DAY].cast(pa.int32()), decided.cast(pa.int32()))).as_py()
    return min(day_of(days[0]), earliest), max(0, late)


def _reach(kernel: Kernel, source: str) -> int | None:
    """How many days before the as-of day of a row a source's events can count; `None` for all of them."""
    lookbacks = [lookback_of(need) for need in kernel.needs if need.source == source]
    finite = [lookback for lookback in lookbacks if lookback is not None]
    if len(finite) < len(lookbacks):
        return None
    # A window may end at any time of the day, so it may begin a day earlier.
    return (max(finite) + timedelta(days=1)).days


def _history(reach: int | None, slots: Sequence[Slot], first: date, last: Slot) -> list[Slot]:
    """The slots of a source whose events can count for rows decided as of the days from `first` on, and up to `last`.

    Validation guarantees that no event becomes known before it happens, and that an event is in the partition of the
    day or hour in which it became known. Partitions older than the longest window therefore hold no event of a window,
    and no revision of such an event either, because a revision becomes known even later.
    """
    oldest = date.min if reach is None else first - timedelta(days=reach)
    return [slot for slot in slots if oldest <= day_of(slot) and slot <= last]
