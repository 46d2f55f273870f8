"""Removing all events of an entity from an online store.

Belongs here: which entries hold events of an entity, and the order in which they are removed. Does not belong here: how
a store reads and removes one entry (`lmdb.layout`, `redis.layout`).

An event is stored under every entity that takes part in it: the events of a card also under its terminals. An entity's
own entries are removed last: they name the other holders, so that an interrupted erasure can be repeated.
"""

from collections.abc import Iterable, Set
from typing import Protocol

import pyarrow.compute as pc

from resources.online_store.errors import EventError
from resources.online_store.event_blocks import block_table, rows_with, without
from resources.online_store.event_records import entities_of, key_text
from resources.online_store.source_state import EntityEvents
from resources.online_store.state import StoreState

Place = tuple[bytes, bytes]
"""Where a store keeps one record: the place of the entity's records, and the id of the event."""


class Entries(Protocol):
    """The single entries of a store."""

    def block(self, serial: int, holder: EntityEvents) -> bytes | None:
        """An entity's block in the version of a serial; `None` without one."""
        ...

    def put_block(self, serial: int, holder: EntityEvents, block: bytes | None) -> None:
        """Replaces an entity's block; `None` removes it."""
        ...

    def blocks(self, serial: int, source: str, key_column: str) -> Iterable[tuple[str, bytes]]:
        """Each entity key of a source in the version of a serial, with its block."""
        ...

    def place(self, holder: EntityEvents, event_id: bytes) -> Place:
        """Where an entity's record of an event is stored."""
        ...

    def records(self, holder: EntityEvents) -> Iterable[tuple[bytes, bytes]]:
        """The id of each single event of an entity, with its record."""
        ...

    def records_of_source(self, source: str) -> Iterable[tuple[Place, bytes]]:
        """Where each single event of a source is stored, with its record."""
        ...

    def remove_record(self, place: Place) -> bool:
        """Removes a record; returns whether there was one."""
        ...

    def remove_records(self, holder: EntityEvents) -> None:
        """Removes all records of an entity."""
        ...


def erase(entries: Entries, states: Iterable[StoreState | None], key_column: str, key: str | int) -> int:
    """Removes an entity's events of every source in every version; returns how many.

    Args:
        states: The versions, of one layer each; each is read after the previous one was processed.

    Raises:
        EventError: The key cannot be the key of an entity, or events of other entities are damaged.
    """
    removed = 0
    for state in states:
        for source, loaded in state.sources.items() if state else ():
            assert state is not None
            erased = EntityEvents(source, key_column, key)
            if key_column in loaded.rows:
                removed += _erase_entity(entries, state, erased)
            elif key_column in loaded.schema.names:
                removed += _erase_everywhere(entries, state, erased, loaded.rows)
    return removed


def _erase_entity(entries: Entries, state: StoreState, erased: EntityEvents) -> int:
    """Removes the entity's events of a source that is loaded by the entity's key column."""
    loaded = state.sources[erased.source]
    others = set(loaded.rows) - {erased.key_column}
    removed = _erase_records(entries, erased, others)
    try:
        own = block_table(entries.block(state.base, erased), loaded.schema)
    except EventError:
        # A damaged block does not tell which other entities hold its events.
        removed += _erase_everywhere(entries, state, erased, others)
    else:
        removed += len(own)
        for other in others:
            for key in pc.unique(own[other]).drop_null().to_pylist():
                _erase_within(entries, state, EntityEvents(erased.source, other, key), erased)
    entries.put_block(state.base, erased, None)
    return removed


def _erase_records(entries: Entries, erased: EntityEvents, others: Set[str]) -> int:
    """Removes the entity's records, and the same events from the other entities that hold them."""
    found, unreadable = list(entries.records(erased)), set()
    for event_id, record in found:
        holders = entities_of(record, others)
        if holders is None:
            unreadable.add(event_id)
        for column, key in (holders or {}).items():
            entries.remove_record(entries.place(EntityEvents(erased.source, column, key), event_id))
    if unreadable:
        for place, _ in entries.records_of_source(erased.source):
            if place[1] in unreadable:
                entries.remove_record(place)
    entries.remove_records(erased)
    return len(found)


def _erase_everywhere(entries: Entries, state: StoreState, erased: EntityEvents, key_columns: Iterable[str]) -> int:
    """Removes the entity's events from all entities of its source by these key columns; returns how many."""
    loaded, removed = state.sources[erased.source], 0
    for key_column in key_columns:
        for key, block in entries.blocks(state.base, erased.source, key_column):
            found = rows_with(block, loaded.schema, erased.key_column, erased.key)
            if found:
                _erase_within(entries, state, EntityEvents(erased.source, key_column, key), erased)
            removed += found
    for place, record in entries.records_of_source(erased.source):
        if entities_of(record, (erased.key_column,)) == {erased.key_column: key_text(erased.key)}:
            removed += entries.remove_record(place)
    return removed


def _erase_within(entries: Entries, state: StoreState, holder: EntityEvents, erased: EntityEvents) -> None:
    """Removes the entity's rows from another entity's block."""
    block = entries.block(state.base, holder)
    if block is not None:
        schema = state.sources[holder.source].schema
        entries.put_block(state.base, holder, without(block, schema, erased.key_column, erased.key))
