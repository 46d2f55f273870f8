"""The online store in Redis, for services on several machines.

Belongs here: transactions, one script a fetch, and giving up quickly when Redis does not answer. Does not belong here:
the keys (`redis_layout.py`), the format of the values (`event_blocks.py`), the scripts (`redis_scripts.py`).
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pyarrow as pa
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from resources.online_store.event_blocks import (
    EventError,
    NewEvent,
    arrival_micros,
    blocks,
    decode,
    encode_event,
    identity,
    is_expired,
    is_superseded,
    key_text,
    micros,
    prepared,
)
from resources.online_store.protocol import (
    EntityEvents,
    Snapshot,
    SourceState,
    StoreError,
    StoreState,
    StoreUnavailable,
    StreamPosition,
    VersionReplaced,
    checked_name,
    checked_version,
)
from resources.online_store.redis_layout import MARK, RedisEraser, RedisKeys
from resources.online_store.redis_scripts import APPEND, DROP, FETCH, PUBLISH, STAGE
from resources.online_store.state import encode_posted, known_until, restart_needed

_TIMEOUT_SECONDS = 0.25
_REST_SECONDS = 1.0
_BATCH = 1000
_GONE = 0
"""What the script answers in the place of a block when the whole version is not there."""


class RedisStore:
    """One product's events in Redis; see `OnlineStore`.

    A call waits at most a quarter of a second for Redis. After a failure the store rests for a second, in which every
    call fails at once: a decision then takes its fallback without waiting.
    """

    def __init__(self, url: str, product: str) -> None:
        self._name = product
        self._keys = keys = RedisKeys(product)
        self._current, self._staged, self._token, self._stream = keys.current, keys.staged, keys.token, keys.stream
        quick = Retry(NoBackoff(), 1, supported_errors=(redis.exceptions.ConnectionError,))
        self._client: Any = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, retry=quick
        )
        self._patient: Any = redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=3)
        self._fetch_script = self._client.register_script(FETCH)
        self._append_script = self._client.register_script(APPEND)
        self._resting_until = 0.0
        self._lock = threading.Lock()
        self._known: StoreState | None = None
        self._writer = uuid.uuid4().hex
        self._filling: str | None = None

    # ------------------------------------------------------------------ filling

    def put_events(
        self,
        source: str,
        key_column: str,
        table: pa.Table,
        *,
        version: str,
        loaded_until: datetime,
        lookback: timedelta | None = None,
        table_version: int | None = None,
        corrected: bool = False,
    ) -> int:
        """See `OnlineStore.put_events`."""
        checked_name(source, "source")
        checked_name(key_column, "key column")
        table = prepared(table, source=source, key_column=key_column, loaded_until=loaded_until, lookback=lookback)
        with self._failures():
            staged = self._stage(checked_version(version))
            name = self._keys.data(staged.serial, source, key_column)
            with self._filling_step(staged) as (step, _):
                step.unlink(name).hset(name, MARK, b"")
            cut = blocks(table, key_column)
            while part := dict(islice(cut, _BATCH)):
                with self._filling_step(staged) as (step, _):
                    step.hset(name, mapping=part)
            loaded = SourceState({}, table.schema.remove_metadata(), loaded_until, table_version, lookback, corrected)
            with self._filling_step(staged) as (step, latest):
                filled = latest.with_source(source, key_column, rows=len(table), loaded=loaded)
                step.set(self._staged, filled.to_json())
        return len(table)

    def publish(self, version: str) -> StoreState:
        """See `OnlineStore.publish`."""
        with self._failures():
            raw = self._patient.get(self._staged)
            staged = StoreState.from_json(raw) if raw else None
            if staged is None or staged.version != version:
                found = f"'{staged.version}' is being filled" if staged else "none is being filled"
                raise StoreError(f"version '{version}' cannot be published: {found}; fill it with put_events")
            before = self._stored(self._current)
            again = [source for source in staged.sources if restart_needed(before, staged, source)]
            keys = (self._staged, self._current, self._token, self._stream)
            if staged.writer != self._writer or not self._patient.eval(PUBLISH, 4, *keys, raw, staged.token, *again):
                raise self._displaced(version)
            self._sweep(staged)
        return staged

    @contextmanager
    def _filling_step(self, staged: StoreState) -> Iterator[tuple[Any, StoreState]]:
        """A transaction on the version that is being filled, and its state: none when another load took its place."""
        with self._patient.pipeline(transaction=True) as step:
            step.watch(self._staged)
            latest = self._still_staged(staged, step)
            step.multi()
            yield step, latest
            try:
                step.execute()
            except redis.exceptions.WatchError as error:
                # The client says this of a lost connection too: whoever asks again learns which it was.
                self._still_staged(staged, self._patient)
                raise StoreUnavailable(
                    f"online store of {self._name}: the connection was lost while version '{staged.version}' was "
                    f"filled; load it again: loopline load {self._name}"
                ) from error

    def _still_staged(self, staged: StoreState, client: Any) -> StoreState:
        """The version that is being filled, as it is now; refused when another load took its place."""
        raw = client.get(self._staged)
        latest = StoreState.from_json(raw) if raw else None
        if latest is None or latest.token != staged.token:
            raise self._displaced(staged.version)
        return latest

    def _stage(self, version: str) -> StoreState:
        fresh = StoreState(version=version, serial=0, writer=self._writer).to_json()
        begun = "1" if self._filling == version else "0"
        raw = self._patient.eval(STAGE, 2, self._current, self._staged, version, fresh, self._writer, begun)
        if raw is None:
            raise self._displaced(version)
        self._filling = version
        return StoreState.from_json(raw)

    def _displaced(self, version: str) -> StoreError:
        return StoreError(f"another load took the place of version '{version}'; load one at a time")

    def _sweep(self, state: StoreState) -> None:
        """Removes what a published version replaces. Nobody sees that any more, so it may come late, or never.

        Blocks of a newer version are of a load that began since.
        """
        for serial, name in self._keys.data_hashes(self._patient):
            if serial < state.serial:
                self._patient.unlink(name)

        def gone(source: str, event: bytes) -> bool:
            loaded = state.sources.get(source)
            return loaded is None or is_superseded(event, loaded.schema, loaded_until=loaded.loaded_until)

        self._drop_events(state, gone)

    def _drop_events(self, state: StoreState, gone: Callable[[str, bytes], bool]) -> int:
        """Removes single events while the version is the one that is read; returns how many."""
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

    def fetch(self, source: str, key_column: str, key: str | int) -> pa.Table:
        """See `OnlineStore.fetch`."""
        wanted = EntityEvents(source, key_column, key)
        return self.fetch_all((wanted,)).tables[wanted]

    def fetch_all(self, wanted: Sequence[EntityEvents]) -> Snapshot:
        """See `OnlineStore.fetch_all`. One round trip, atomic; the state comes along where it is not known yet."""
        known = self._known
        arguments = [self._keys.prefix, known.token if known else ""]
        for entity in wanted:
            arguments += [f"{entity.source}:{entity.key_column}", key_text(entity.key), entity.source]
        with self._failures(quick=True):
            answer = self._fetch_script(keys=[self._token, self._stream, self._current], args=arguments)
        if answer[0] is None:
            raise StoreUnavailable(f"online store of {self._name} holds nothing; load it: loopline load {self._name}")
        _, raw, *found = answer
        state = known if known is not None and raw is None else StoreState.from_json(raw)
        self._known = state
        tables = {}
        for entity, block, rows in zip(wanted, found[0::3], found[1::3], strict=True):
            loaded = state.find(entity)
            if loaded is None:
                tables[entity] = pa.table({})
                continue
            if block == _GONE:
                raise StoreUnavailable(
                    f"online store of {self._name}: Redis no longer has version {state.version} of {entity.source} by "
                    f"{entity.key_column}; set its maxmemory-policy to noeviction, then: loopline load {self._name}"
                )
            try:
                tables[entity] = decode(block or None, rows, loaded.schema, since=loaded.loaded_until)
            except EventError as error:
                raise StoreUnavailable(f"online store of {self._name}: {entity}: {error}") from error
        positions = {entity.source: read for entity, read in zip(wanted, found[2::3], strict=True)}
        return Snapshot(version=state.version, tables=tables, known_until=known_until(state, positions))

    def state(self) -> StoreState | None:
        """See `OnlineStore.state`."""
        with self._failures(quick=True):
            return self._stored(self._current, self._client)

    def staged(self) -> StoreState | None:
        """See `OnlineStore.staged`."""
        with self._failures(quick=True):
            return self._stored(self._staged, self._client)

    def known_until(self) -> Mapping[str, datetime]:
        """See `OnlineStore.known_until`."""
        with self._failures(quick=True):
            raw, read = self._client.pipeline().get(self._current).hgetall(self._stream).execute()
        state = StoreState.from_json(raw) if raw else None
        return known_until(state, {s: read.get(s.encode()) for s in state.tables}) if state else {}

    def _stored(self, name: str, client: Any = None) -> StoreState | None:
        raw = (client or self._patient).get(name)
        return None if raw is None else StoreState.from_json(raw)

    def version(self) -> str | None:
        """See `OnlineStore.version`."""
        state = self.state()
        return state.version if state else None

    # ------------------------------------------------------------------ single events

    def append_event(self, source: str, row: Mapping[str, object], event_id: str | None = None) -> bool:
        """See `OnlineStore.append_event`. Durable as far as Redis is: `appendonly yes`."""
        event = NewEvent(row, event_id)
        while True:
            token, loaded = self._loaded(source)
            stored = encode_posted(event, loaded, source=source)
            with self._failures(quick=True):
                added = self._append(token, source, loaded, [(event, stored)], client=self._client)
            if added is not None:
                return added > 0
            # Another version was published meanwhile: the event has to fit that one.

    def append_stream(self, source: str, events: Sequence[NewEvent], position: StreamPosition, *, token: str) -> int:
        """See `OnlineStore.append_stream`."""
        found, loaded = self._loaded(source)
        added = None
        if found == token:
            encoded = [(event, encode_event(event, loaded.schema, source=source)) for event in events]
            since = micros(loaded.loaded_until)
            fresh = [(event, stored) for event, stored in encoded if arrival_micros(stored) >= since]
            with self._failures():
                added = self._append(token, source, loaded, fresh, position.to_json(), client=self._patient)
        if added is None:
            raise VersionReplaced(f"online store of {self._name}: another version was published meanwhile")
        return added

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
        """Adds encoded events in one step; how many were new, or None when another version is read than the token's."""
        arguments: list[str | bytes] = [token, json.dumps(loaded.schema.names), source, position]
        keys = []
        for event, stored in events:
            keyed = loaded.keyed(event.row)
            for key_column in keyed:
                name = self._keys.event(EntityEvents(source, key_column, event.row[key_column]))  # type: ignore[arg-type]
                arguments += [name, identity(stored, event.event_id, corrected=loaded.corrected), stored]
            keys.append(len(keyed))
        answer = self._append_script(keys=[self._token, self._stream], args=arguments, client=client)
        if answer is None:
            return None
        put = iter(answer)
        return sum(any(list(islice(put, number))) for number in keys)

    def position(self, source: str) -> StreamPosition | None:
        """See `OnlineStore.position`."""
        with self._failures(quick=True):
            raw = self._client.hget(self._stream, source)
        return None if raw is None else StreamPosition.from_json(raw)

    def expire(self, now: datetime) -> int:
        """See `OnlineStore.expire`."""
        with self._failures():
            state = self._stored(self._current)
            if state is None:
                return 0
            edges = state.expiry_edges(now)

            def gone(source: str, event: bytes) -> bool:
                return source in edges and is_expired(event, before=edges[source])

            return self._drop_events(state, gone)

    def _loaded(self, source: str) -> tuple[str, SourceState]:
        """The token of the version that is read, and what it has of a source."""
        state = self.state()
        if state is None or source not in state.sources:
            raise StoreUnavailable(
                f"online store of {self._name} has nothing of {source}; load it: loopline load {self._name}"
            )
        return state.token, state.sources[source]

    def erase(self, key_column: str, key: str | int) -> int:
        """See `OnlineStore.erase`. A reader may see a part of the erasure while it runs."""
        removed, eraser = 0, RedisEraser(self._patient, self._keys)
        with self._failures():
            for name in (self._current, self._staged):
                raw = self._patient.get(name)
                state = StoreState.from_json(raw) if raw else None
                for source, loaded in state.sources.items() if state else ():
                    if state is not None and key_column in loaded.rows:
                        removed += eraser.erase_entity(state, EntityEvents(source, key_column, key))
                    elif state is not None and key_column in loaded.schema.names:
                        removed += eraser.erase_everywhere(state, EntityEvents(source, key_column, key), loaded.rows)
        return removed

    def close(self) -> None:
        """See `OnlineStore.close`."""
        self._client.close()
        self._patient.close()

    # ------------------------------------------------------------------ failures

    @contextmanager
    def _failures(self, *, quick: bool = False) -> Iterator[None]:
        if quick and time.monotonic() < self._resting_until:
            raise StoreUnavailable(f"online store of {self._name}: Redis failed a moment ago; not asked again yet")
        try:
            yield
        except redis.exceptions.RedisError as error:
            if quick:
                with self._lock:
                    self._resting_until = time.monotonic() + _REST_SECONDS
            raise StoreUnavailable(f"online store of {self._name} cannot be used: {error}") from error
