"""The online store in Redis, for services on several machines.

Belongs here: the transactions of filling and adding, and one script for each fetch. Does not belong here: connections
(`clients.py`), the keys (`layout.py`), the scripts (`scripts.py`), the format of the values
(`resources.online_store.event_blocks`, `resources.online_store.event_records`).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

import pyarrow as pa
import redis

from resources.online_store.base import StoreBase, load_displaced
from resources.online_store.erasure import erase
from resources.online_store.errors import StoreUnavailable
from resources.online_store.event_blocks import blocks
from resources.online_store.event_records import NewEvent, identity, key_text
from resources.online_store.positions import StreamPosition, watermarks
from resources.online_store.redis.clients import RedisClients
from resources.online_store.redis.layout import MARK, RedisEntries, RedisKeys
from resources.online_store.redis.scripts import APPEND, DROP, FETCH, PUBLISH, STAGE
from resources.online_store.state import (
    EntityEvents,
    Snapshot,
    SourceState,
    StoreState,
    encode_posted,
    encode_streamed,
    restart_needed,
)

_BATCH = 1000
_GONE = 0
"""The script's answer instead of a block when Redis no longer has the whole version."""


class RedisStore(StoreBase):
    """One product's events in Redis; see `OnlineStore`. Decisions use the quick client, loads the patient one."""

    def __init__(self, url: str, product: str) -> None:
        super().__init__(label=f"online store of {product}", product=product)
        self._keys = keys = RedisKeys(product)
        self._current, self._staged, self._token, self._stream = keys.current, keys.staged, keys.token, keys.stream
        self._clients = RedisClients(url, label=self._label)
        self._failures, self._quick, self._patient = self._clients.failures, self._clients.quick, self._clients.patient
        self._fetch_script = self._quick.register_script(FETCH)
        self._append_script = self._quick.register_script(APPEND)
        self._known: StoreState | None = None

    # ------------------------------------------------------------------ filling

    def _fill(self, version: str, source: str, key_column: str, table: pa.Table, loaded: SourceState) -> None:
        with self._failures():
            staged = self._stage(version)
            name = self._keys.data(staged.serial, source, key_column)
            with self._filling_step(staged) as (step, _):
                step.unlink(name).hset(name, MARK, b"")
            cut = blocks(table, key_column)
            while part := dict(islice(cut, _BATCH)):
                with self._filling_step(staged) as (step, _):
                    step.hset(name, mapping=part)
            with self._filling_step(staged) as (step, latest):
                filled = latest.with_source(source, key_column, rows=len(table), loaded=loaded)
                step.set(self._staged, filled.to_json())

    def publish(self, version: str) -> StoreState:
        """See `OnlineStore.publish`."""
        with self._failures():
            raw = self._patient.get(self._staged)
            staged = self._publishable(StoreState.from_json(raw) if raw else None, version)
            before = self._stored(self._current)
            again = [source for source in staged.sources if restart_needed(before, staged, source)]
            keys = (self._staged, self._current, self._token, self._stream)
            if not self._patient.eval(PUBLISH, 4, *keys, raw, staged.token, *again):
                raise load_displaced(version)
            self._sweep(staged)
        return staged

    @contextmanager
    def _filling_step(self, staged: StoreState) -> Iterator[tuple[Any, StoreState]]:
        """A transaction on the version that is being filled, and its state as it is now.

        Raises:
            StoreError: Another load took its place.
        """
        with self._patient.pipeline(transaction=True) as step:
            step.watch(self._staged)
            latest = self._still_staged(staged, step)
            step.multi()
            yield step, latest
            try:
                step.execute()
            except redis.exceptions.WatchError as error:
                # The client raises this after a lost connection too; asking again tells the two apart.
                self._still_staged(staged, self._patient)
                raise StoreUnavailable(
                    f"{self._label}: the connection was lost while version '{staged.version}' was filled; "
                    f"load it again: loopline load {self._product}"
                ) from error

    def _still_staged(self, staged: StoreState, client: Any) -> StoreState:
        """The version that is being filled, as it is now.

        Raises:
            StoreError: Another load took its place.
        """
        raw = client.get(self._staged)
        latest = StoreState.from_json(raw) if raw else None
        if latest is None or latest.token != staged.token:
            raise load_displaced(staged.version)
        return latest

    def _stage(self, version: str) -> StoreState:
        fresh = StoreState(version=version, serial=0, writer=self._writer).to_json()
        begun = "1" if self._filling == version else "0"
        raw = self._patient.eval(STAGE, 2, self._current, self._staged, version, fresh, self._writer, begun)
        if raw is None:
            raise load_displaced(version)
        self._filling = version
        return StoreState.from_json(raw)

    def _sweep(self, state: StoreState) -> None:
        """Removes the blocks and records that a published version replaces.

        They are no longer read, so the removal may come late or never. Blocks of newer versions belong to a later load.
        """
        for serial, name in self._keys.data_hashes(self._patient):
            if serial < state.serial:
                self._patient.unlink(name)
        self._drop_records(state, state.supersedes)

    def _drop_records(self, state: StoreState, gone: Callable[[str, bytes], bool]) -> int:
        """Removes the records for which the test of source and record holds; returns how many.

        Stops as soon as another version is published.
        """
        removed = 0
        for source, name in self._keys.event_hashes(self._patient):
            found = [part for item in self._patient.hgetall(name).items() if gone(source, item[1]) for part in item]
            if found:
                dropped = self._patient.eval(DROP, 2, self._token, name, state.token, *found)
                if dropped is None:
                    return removed
                removed += dropped
        return removed

    # ------------------------------------------------------------------ reading

    def fetch_all(self, wanted: Sequence[EntityEvents]) -> Snapshot:
        """See `OnlineStore.fetch_all`. One atomic round trip, which returns the state too if it is not known yet."""
        known = self._known
        arguments = [self._keys.prefix, known.token if known else ""]
        for entity in wanted:
            arguments += [f"{entity.source}:{entity.key_column}", key_text(entity.key), entity.source]
        with self._failures(quick=True):
            answer = self._fetch_script(keys=[self._token, self._stream, self._current], args=arguments)
        if answer[0] is None:
            raise self._not_loaded()
        _, raw, *found = answer
        state = known if known is not None and raw is None else StoreState.from_json(raw)
        self._known = state
        entries = (
            (entity, self._block(state, entity, block), records)
            for entity, block, records in zip(wanted, found[0::3], found[1::3], strict=True)
        )
        positions = {entity.source: read for entity, read in zip(wanted, found[2::3], strict=True)}
        return self._snapshot(state, entries, positions)

    def _block(self, state: StoreState, entity: EntityEvents, answer: bytes | int | None) -> bytes | None:
        """The block in the script's answer.

        Raises:
            StoreUnavailable: Redis has dropped the hash in which it would be.
        """
        if answer == _GONE and state.find(entity) is not None:
            raise StoreUnavailable(
                f"{self._label}: Redis no longer has version {state.version} of {entity.source} by "
                f"{entity.key_column}; set its maxmemory-policy to noeviction, then: loopline load {self._product}"
            )
        return answer or None  # type: ignore[return-value]

    def state(self) -> StoreState | None:
        """See `OnlineStore.state`."""
        with self._failures(quick=True):
            return self._stored(self._current, self._quick)

    def staged(self) -> StoreState | None:
        """See `OnlineStore.staged`."""
        with self._failures(quick=True):
            return self._stored(self._staged, self._quick)

    def watermarks(self) -> Mapping[str, datetime]:
        """See `OnlineStore.watermarks`."""
        with self._failures(quick=True):
            raw, read = self._quick.pipeline().get(self._current).hgetall(self._stream).execute()
        state = StoreState.from_json(raw) if raw else None
        return watermarks(state, {s: read.get(s.encode()) for s in state.tables}) if state else {}

    def _stored(self, name: str, client: Any = None) -> StoreState | None:
        raw = (client or self._patient).get(name)
        return None if raw is None else StoreState.from_json(raw)

    # ------------------------------------------------------------------ single events

    def append_event(self, source: str, row: Mapping[str, object], event_id: str | None = None) -> bool:
        """See `OnlineStore.append_event`. Durable as far as Redis is: `appendonly yes`."""
        event = NewEvent(row, event_id)
        while True:
            state, loaded = self._current_with(source)
            record = encode_posted(event, loaded, source=source)
            with self._failures(quick=True):
                added = self._append(state.token, source, loaded, [(event, record)], client=self._quick)
            if added is not None:
                return added > 0
            # Another version was published meanwhile: the loop tries the event on that version.

    def append_stream(self, source: str, events: Sequence[NewEvent], position: StreamPosition, *, token: str) -> int:
        """See `OnlineStore.append_stream`."""
        state, loaded = self._current_with(source)
        added = None
        if state.token == token:
            fresh = list(encode_streamed(events, loaded, source=source))
            with self._failures():
                added = self._append(state.token, source, loaded, fresh, position.to_json(), client=self._patient)
        if added is None:
            raise self._replaced()
        return added

    def _current_with(self, source: str) -> tuple[StoreState, SourceState]:
        """The version that is read, and its state of a source.

        Raises:
            StoreUnavailable: There is no version, or the source was not loaded.
        """
        state = self.state()
        if state is None:
            raise self._not_loaded()
        return state, self._loaded(state, source)

    def _append(
        self,
        token: str,
        source: str,
        loaded: SourceState,
        events: Sequence[tuple[NewEvent, bytes]],
        position: bytes = b"",
        *,
        client: Any,
    ) -> int | None:
        """Adds events with their records in one step; how many were new, or None if the token's version is replaced."""
        arguments: list[str | bytes] = [token, json.dumps(loaded.schema.names), source, position]
        holders = []
        for event, record in events:
            names = [self._keys.event(holder) for holder in loaded.holders(source, event.row)]
            event_id = identity(record, event.event_id, corrected=loaded.corrected)
            for name in names:
                arguments += [name, event_id, record]
            holders.append(len(names))
        answer = self._append_script(keys=[self._token, self._stream], args=arguments, client=client)
        if answer is None:
            return None
        put = iter(answer)
        return sum(any(list(islice(put, number))) for number in holders)

    def position(self, source: str) -> StreamPosition | None:
        """See `OnlineStore.position`."""
        with self._failures(quick=True):
            raw = self._quick.hget(self._stream, source)
        return None if raw is None else StreamPosition.from_json(raw)

    def expire(self, now: datetime) -> int:
        """See `OnlineStore.expire`."""
        with self._failures():
            state = self._stored(self._current)
            if state is None:
                return 0
            return self._drop_records(state, state.expiry(now))

    def erase(self, key_column: str, key: str | int) -> int:
        """See `OnlineStore.erase`. A reader may see a part of the erasure while it runs."""
        with self._failures():
            states = (self._stored(name) for name in (self._current, self._staged))
            return erase(RedisEntries(self._patient, self._keys), states, key_column, key)

    def is_resting(self) -> bool:
        """See `OnlineStore.is_resting`."""
        return self._clients.breaker.is_open

    def close(self) -> None:
        """See `OnlineStore.close`."""
        self._clients.close()
