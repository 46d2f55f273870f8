"""Loads of the online store.

Belongs here: which version and days of which table are loaded, the name of a load, the stored columns of an event. Does
not belong here: the store (`resources.online_store`), the run that loads it (`assets.features.assets`), streams
(`assets.streaming`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa

from assets.features.columns.arrow import read_micros
from assets.features.columns.columns import with_whole
from assets.features.kernel.kernel import Kernel, Need
from assets.features.online.tiles import CHUNK, Tiling
from assets.product import Product
from assets.product.names import validated_table
from assets.vocabulary.base import WHOLE
from assets.vocabulary.times import SEQUENCE, TIMES
from resources.lake import Lake
from resources.lake.origins import changed_days
from resources.lake.partitioning import slot_column
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.protocol import Basis, OnlineStore, StoreState
from resources.slots import Slot, day_of, end_of, next_slot, slot_before, start_of


@dataclass(frozen=True)
class SourceLoad:
    """The planned load of one source by one entity key.

    Attributes:
        table: The lake's name of the source's validated table.
        table_version: The version that is read, the same for every key of the source.
        days: The days, or hours, whose events a decision can use.
        watermark: The end of the last day of the load, midnight UTC, or of the last hour.
        lookback: The longest time before a decision at which an event can count; None for all history.
        lacking: The first missing day, or hour, where the load ends because one before the last was not validated.
        corrected: Whether the source sends revisions of records; each revision is an event.
    """

    source: str
    key: str
    table: str
    table_version: int
    days: tuple[Slot, ...]
    watermark: datetime
    lookback: timedelta | None
    lacking: Slot | None = None
    corrected: bool = False


def planned_loads(
    product: Product, kernel: Kernel, lake: Lake, *, validated: Mapping[str, Set[Slot]], now: datetime
) -> tuple[SourceLoad, ...]:
    """The loads of a product; every source is read from one version of its table.

    A source is loaded until the end of its last day, with rows or validated without any. If an earlier day was not
    validated and a decision could use its events, the load ends before that day: a feature over the source must not
    miss a day silently. Later events then come from the stream only; without a stream the source becomes stale. Today
    is left out because it is not over. Of a product by the hour all this holds for hours, and the present hour is out.

    Args:
        validated: For each source the validated days, or hours. Read them before the table versions, which then contain
            them.

    Raises:
        LakeError: A table does not exist.
    """
    pinned: dict[str, tuple[int, datetime, Slot | None, tuple[Slot, ...]]] = {}
    for source in dict.fromkeys(need.source for need in kernel.needs):
        table = validated_table(product.name, source)
        version = lake.version(table)
        days = lake.slots(table, version)
        known = {day for day in (*days, *validated[source]) if end_of(day) <= now}
        lacking = _lacking(known, [lookback_of(need) for need in kernel.needs if need.source == source])
        end = start_of(lacking or max((next_slot(day) for day in known), default=product.start))
        pinned[source] = version, end, lacking, days
    corrected = {group.source for group in kernel.groups if group.record_key is not None}
    loads = []
    for need in kernel.needs:
        version, until, lacking, days = pinned[need.source]
        lookback = lookback_of(need)
        table, usable = validated_table(product.name, need.source), days_within(days, until, lookback)
        loads.append(
            SourceLoad(
                need.source, need.key, table, version, usable, until, lookback, lacking, need.source in corrected
            )
        )
    return tuple(loads)


def days_within(days: Iterable[Slot], watermark: datetime, lookback: timedelta | None) -> tuple[Slot, ...]:
    """Those of a table's days, or hours, that a load up to a watermark reads.

    A watermark is the end of a slot, and no later than now: each earlier slot is over.
    """
    first = date.min if lookback is None else (watermark - lookback).date() - timedelta(days=1)
    return tuple(day for day in days if start_of(day) < watermark and day_of(day) >= first)


def lookback_of(need: Need) -> timedelta | None:
    """The lookback of a need as a length of time; None for all history."""
    return None if need.lookback is None else timedelta(microseconds=need.lookback)


def _lacking(known: Set[Slot], lookbacks: Sequence[timedelta | None]) -> Slot | None:
    """The first missing slot that lies before the last known one and within a lookback of its end; None for none."""
    if not known:
        return None
    day, last = min(known), max(known)
    finite = [lookback for lookback in lookbacks if lookback is not None]
    if len(finite) == len(lookbacks):
        day = max(day, slot_before(last, max(finite)) - timedelta(days=1))
    while day < last and day in known:
        day = next_slot(day)
    return day if day < last else None


def load_name(product: Product, loads: Sequence[SourceLoad]) -> str:
    """The name of a load, equal for equal content: a run that finds an interrupted load of this name continues it."""
    content = [
        [load.source, load.key, load.table_version, load.watermark.isoformat(), str(load.lookback)] for load in loads
    ]
    digest = hashlib.sha256(json.dumps([product.features.digest, content]).encode()).hexdigest()
    last = max((load.watermark for load in loads), default=datetime.combine(product.start, time(), UTC))
    return f"until-{last.date()}-{digest[:12]}"


def is_current(product: Product, lake: Lake, loads: Sequence[SourceLoad], state: StoreState | None) -> bool:
    """Whether the store has what these loads would load: by this name, or from older versions with equal content.

    Raises:
        LakeError: The log of a table cannot be read.
    """
    if state is None:
        return False
    if state.version == load_name(product, loads):
        return True
    versions = {load.source: state.table_versions.get(load.source) for load in loads}
    older = [replace(load, table_version=version) for load in loads if (version := versions[load.source]) is not None]
    if len(older) < len(loads) or state.version != load_name(product, older):
        return False
    replaced = {(was.table, was.table_version) for was, load in zip(older, loads, strict=True) if was != load}
    return not any(changed_days(lake, table, version) for table, version in replaced)


def loads_of(
    product: Product, lake: Lake, loads: Sequence[SourceLoad], state: StoreState
) -> tuple[SourceLoad, ...] | None:
    """The loads that a version of the store was made by, one for each of these; None where it was made by others.

    Others are those of another set of features, of other lookbacks, or of a table that was removed since.

    Raises:
        LakeError: The log of a table cannot be read.
    """
    found = []
    for load in loads:
        loaded = state.sources.get(load.source)
        version = None if loaded is None else loaded.table_version
        if loaded is None or version is None or version > load.table_version:
            return None
        days = days_within(lake.slots(load.table, version), loaded.watermark, load.lookback)
        found.append(replace(load, table_version=version, watermark=loaded.watermark, days=days, lacking=None))
    return tuple(found) if state.version == load_name(product, found) else None


def basis_of(kernel: Kernel, lake: Lake, load: SourceLoad, rows: pa.Table) -> Basis:
    """What the rows of a load, with their partition columns, tell a later load of changes."""
    known = read_micros(rows, "known_at", "events")
    used = np.maximum(known, read_micros(rows, "event_time", "events"))
    slots = rows[slot_column(rows.column_names)].cast(TIMESTAMP)
    start = read_micros(pa.table({"start": slots}), "start", "events")
    least, most = (int((used - start).min()), int((known - start).max())) if len(rows) else (0, 0)
    resolutions = tuple(sorted(kernel.resolutions.get(load.source, {}).items()))
    return Basis(lake.identity(load.table), timedelta(microseconds=least), timedelta(microseconds=most), resolutions)


def is_loaded(staged: StoreState | None, version: str, load: SourceLoad) -> bool:
    """Whether an interrupted load of this name already has the source by this key."""
    if staged is None or staged.version != version or staged.layers or load.source not in staged.sources:
        return False
    return load.key in staged.sources[load.source].rows


def put_source(
    store: OnlineStore,
    version: str,
    load: SourceLoad,
    tiling: Tiling | None,
    events: pa.Table,
    basis: Basis | None = None,
) -> int:
    """Stores one source by one key, entities with very many events in tiles; returns the number of tiled entities.

    The events of the other entities are stored last and complete the load of the key.

    Raises:
        StoreError: The store refuses the events.
    """

    def put(source: str, key: str, table: pa.Table) -> None:
        store.put_events(
            source, key, table, version=version, watermark=load.watermark, lookback=load.lookback,
            table_version=load.table_version, corrected=load.corrected, basis=basis,
        )  # fmt: skip

    split = None if tiling is None else tiling.split(events, watermark=load.watermark, lookback=load.lookback)
    if split is None or tiling is None:
        put(load.source, load.key, events)
        return 0
    put(tiling.tiles_source, tiling.key, split.tiles)
    put(tiling.chunks_source, CHUNK, split.chunks)
    put(load.source, load.key, split.events)
    return split.entities


def as_stored(product: Product, needs: Sequence[Need], source: str, events: pa.Table) -> pa.Table:
    """The columns of a source that features read by any key, with its sequence where requests are its events."""
    needs = [need for need in needs if need.source == source]
    keys = [need.key for need in needs]
    read = [key for key in keys if key != WHOLE] + [column for need in needs for column in need.columns]
    stored = with_whole(events.select(list(dict.fromkeys([*TIMES, *read]))), keys)
    if product.spine.sequence and any(need.includes_request for need in needs):
        return stored.append_column(SEQUENCE, events[product.spine.sequence])
    return stored
