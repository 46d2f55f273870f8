"""What the online store is loaded with.

Belongs here: which version of which table is loaded up to which moment, the name of such a load, and what of an event
features see. Does not belong here: the store (`resources.online_store`), the run that loads it
(`assets.features.assets`), streams (`assets.streaming`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa

from assets.features.kernel.group_events import SEQUENCE
from assets.features.kernel.kernel import Kernel, Need
from assets.features.online.tiles import CHUNK, Tiling
from assets.product import Product
from assets.product.names import validated_table
from resources.lake import Lake
from resources.online_store.protocol import OnlineStore, StoreState


@dataclass(frozen=True)
class SourceLoad:
    """One source by one entity key, as it is to be loaded.

    Attributes:
        table: The lake's name of its validated table.
        table_version: The version that is read, for every key of the source.
        days: The days of it that a decision can see.
        loaded_until: The end of the last day that is known with all before it, midnight UTC.
        lookback: How far back events matter; None for all history.
        lacking: The day at which it ends, not made though later ones were; None when it ends with the last.
        corrected: Whether its facts are corrected: each version of one is an event.
    """

    source: str
    key: str
    table: str
    table_version: int
    days: tuple[date, ...]
    loaded_until: datetime
    lookback: timedelta | None
    lacking: date | None = None
    corrected: bool = False


def planned_loads(
    product: Product, kernel: Kernel, lake: Lake, *, made: Mapping[str, Set[date]], now: datetime
) -> tuple[SourceLoad, ...]:
    """What is loaded for a product, all of a source from one version of its table.

    A source is known until the end of its last day, which is one that has rows or, on a quiet day, one that was made
    without any. Where a day before it was not made, and a decision could see it, the source ends there: what came later
    is left to the stream, and without one the source grows old, since a feature over it would lack that day in silence.
    Today is left out: it is not over.

    Args:
        made: For each source the days that were validated. Read it before the versions, which then have them.

    Raises:
        LakeError: A table does not exist.
    """
    pinned: dict[str, tuple[int, datetime, date | None, tuple[date, ...]]] = {}
    for source in dict.fromkeys(need.source for need in kernel.needs):
        table = validated_table(product.name, source)
        version = lake.version(table)
        days = lake.days(table, version)
        known = {day for day in (*days, *made[source]) if day < now.date()}
        lacking = _lacking(known, [lookback_of(need) for need in kernel.needs if need.source == source])
        end = lacking or max((day + timedelta(days=1) for day in known), default=product.start)
        seen = tuple(day for day in days if day < end and day in known)
        pinned[source] = version, datetime.combine(end, time(), UTC), lacking, seen
    corrected = {group.source for group in kernel.groups if group.fact is not None}
    loads = []
    for need in kernel.needs:
        version, until, lacking, days = pinned[need.source]
        lookback = lookback_of(need)
        first = date.min if lookback is None else (until - lookback).date() - timedelta(days=1)
        seen = tuple(day for day in days if day >= first)
        table = validated_table(product.name, need.source)
        loads.append(
            SourceLoad(need.source, need.key, table, version, seen, until, lookback, lacking, need.source in corrected)
        )
    return tuple(loads)


def lookback_of(need: Need) -> timedelta | None:
    """How far back its events matter; None for all history."""
    return None if need.reach is None else timedelta(microseconds=need.reach)


def _lacking(known: Set[date], lookbacks: Sequence[timedelta | None]) -> date | None:
    """The first day between known ones that is not known itself, and that windows ending after the last one reach."""
    if not known:
        return None
    day, last = min(known), max(known)
    finite = [lookback for lookback in lookbacks if lookback is not None]
    if len(finite) == len(lookbacks):
        day = max(day, last - max(finite) - timedelta(days=1))
    while day < last and day in known:
        day += timedelta(days=1)
    return day if day < last else None


def load_name(product: Product, loads: Sequence[SourceLoad]) -> str:
    """The same for the same content: a load that was interrupted is known by it, and gone on with."""
    content = [
        [load.source, load.key, load.table_version, load.loaded_until.isoformat(), str(load.lookback)] for load in loads
    ]
    digest = hashlib.sha256(json.dumps([product.features.digest, content]).encode()).hexdigest()
    last = max((load.loaded_until for load in loads), default=datetime.combine(product.start, time(), UTC))
    return f"until-{last.date()}-{digest[:12]}"


def is_loaded(staged: StoreState | None, version: str, load: SourceLoad) -> bool:
    """Whether an interrupted load of this name has the source by this key already."""
    if staged is None or staged.version != version or load.source not in staged.sources:
        return False
    return load.key in staged.sources[load.source].rows


def put_source(store: OnlineStore, version: str, load: SourceLoad, tiling: Tiling | None, events: pa.Table) -> int:
    """Puts one source by one key, entities with very many events in tiles; returns how many these are.

    The events of the others come last: where they are, everything is.

    Raises:
        StoreError: The store does not take them.
    """

    def put(source: str, key: str, table: pa.Table) -> None:
        store.put_events(
            source, key, table, version=version, loaded_until=load.loaded_until, lookback=load.lookback,
            table_version=load.table_version, corrected=load.corrected,
        )  # fmt: skip

    split = None if tiling is None else tiling.split(events, loaded_until=load.loaded_until, lookback=load.lookback)
    if split is None or tiling is None:
        put(load.source, load.key, events)
        return 0
    put(tiling.tiles_source, tiling.key, split.tiles)
    put(tiling.chunks_source, CHUNK, split.chunks)
    put(load.source, load.key, split.events)
    return split.entities


def as_stored(product: Product, needs: Sequence[Need], source: str, events: pa.Table) -> pa.Table:
    """What features see of a source by any of its keys, and its order where requests are events of it."""
    mine = [need for need in needs if need.source == source]
    seen = [need.key for need in mine] + [column for need in mine for column in need.columns]
    stored = events.select(list(dict.fromkeys(["event_time", "known_at", *seen])))
    if product.spine.sequence and any(need.includes_request for need in mine):
        return stored.append_column(SEQUENCE, events[product.spine.sequence])
    return stored
