"""The online store in Redis, for services on several machines.

Belongs here: keys, one script a fetch, and giving up quickly when Redis does not answer. Does not belong here: the
format of the values (`event_blocks.py`).

Keys, after `loopline:{product}:` (the braces keep a product on one node of a cluster):

    current, staged                           the version that is read, and the one that is being filled
    data:serial:source:key column             hash: entity key -> block, in the version of that serial
    event:source:key column:key               hash: event id -> one event, as JSON
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from resources.event_blocks import (
    EventError,
    blocks,
    decode,
    encode_event,
    identity,
    key_text,
    known_at_micros,
    micros,
    prepared,
    without,
)
from resources.online_store import (
    EntityEvents,
    Snapshot,
    StoreError,
    StoreState,
    StoreUnavailable,
    checked_name,
    checked_version,
)

_TIMEOUT_SECONDS = 0.25
_REST_SECONDS = 1.0
_BATCH = 1000

_FETCH = """
local state = redis.call('GET', KEYS[1])
if not state then return {false} end
local serial = string.format('%d', cjson.decode(state).serial)
local answer = {state}
for i = 2, #ARGV, 2 do
  answer[#answer + 1] = redis.call('HGET', ARGV[1] .. 'data:' .. serial .. ':' .. ARGV[i], ARGV[i + 1])
  answer[#answer + 1] = redis.call('HVALS', ARGV[1] .. 'event:' .. ARGV[i] .. ':' .. ARGV[i + 1])
end
return answer
"""

_STAGE = """
local staged = redis.call('GET', KEYS[2])
if staged and cjson.decode(staged).version == ARGV[1] then return staged end
local serial = 0
for i = 1, 2 do
  local state = redis.call('GET', KEYS[i])
  if state then serial = math.max(serial, cjson.decode(state).serial) end
end
local text = string.gsub(ARGV[2], '"serial": 0', '"serial": ' .. string.format('%d', serial + 1))
redis.call('SET', KEYS[2], text)
return text
"""

_REPLACE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('SET', KEYS[2], ARGV[1])
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2])
end
return 1
"""
"""Changes the staged state only if it is still the one that was read; an empty second argument publishes it."""


class RedisStore:
    """One product's events in Redis; see `OnlineStore`.

    A call waits at most a quarter of a second for Redis. After a failure the store rests for a second, in which every
    call fails at once: a decision then takes its fallback without waiting.
    """

    def __init__(self, url: str, product: str) -> None:
        self._name = product
        self._prefix = f"loopline:{{{product}}}:"
        self._current, self._staged = f"{self._prefix}current", f"{self._prefix}staged"
        quick = Retry(NoBackoff(), 1, supported_errors=(redis.exceptions.ConnectionError,))
        self._client: Any = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, retry=quick
        )
        self._patient: Any = redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=3)
        self._fetch_script = self._client.register_script(_FETCH)
        self._resting_until = 0.0
        self._lock = threading.Lock()
        self._known: tuple[bytes, StoreState] | None = None

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
    ) -> int:
        """See `OnlineStore.put_events`."""
        checked_name(source, "source")
        checked_name(key_column, "key column")
        table = prepared(table, source=source, key_column=key_column, loaded_until=loaded_until, lookback=lookback)
        with self._failures():
            staged = self._stage(checked_version(version), loaded_until)
            name = self._data(staged.serial, source, key_column)
            self._patient.unlink(name)
            cut = blocks(table, key_column)
            while part := dict(islice(cut, _BATCH)):
                self._patient.hset(name, mapping=part)
            raw = self._patient.get(self._staged) or b""
            latest = StoreState.from_json(raw) if raw else None
            if latest is None or latest.serial != staged.serial:
                raise self._displaced(version)
            schema = table.schema.remove_metadata()
            filled = latest.with_source(source, key_column, rows=len(table), schema=schema).to_json()
            if not self._patient.eval(_REPLACE, 2, self._staged, self._current, raw, filled):
                raise self._displaced(version)
        return len(table)

    def publish(self, version: str) -> StoreState:
        """See `OnlineStore.publish`."""
        with self._failures():
            raw = self._patient.get(self._staged)
            staged = StoreState.from_json(raw) if raw else None
            if staged is None or staged.version != version:
                found = f"'{staged.version}' is being filled" if staged else "none is being filled"
                raise StoreError(f"version '{version}' cannot be published: {found}; fill it with put_events")
            if not self._patient.eval(_REPLACE, 2, self._staged, self._current, raw, ""):
                raise self._displaced(version)
            self._drop_data_but(staged.serial)
            self._drop_events(before=micros(staged.loaded_until))
        return staged

    def _stage(self, version: str, loaded_until: datetime) -> StoreState:
        fresh = StoreState(version=version, serial=0, loaded_until=loaded_until).to_json()
        raw = self._patient.eval(_STAGE, 2, self._current, self._staged, version, fresh)
        staged = StoreState.from_json(raw)
        if staged.loaded_until != loaded_until:
            raise StoreError(
                f"version '{version}' is being filled until {staged.loaded_until}, now until {loaded_until}; "
                f"give the same moment for every source"
            )
        return staged

    def _displaced(self, version: str) -> StoreError:
        return StoreError(f"another load took the place of version '{version}'; load one at a time")

    def _drop_data_but(self, serial: int) -> None:
        kept = f"{self._prefix}data:{serial}:".encode()
        for name in self._names("data:*"):
            if not name.startswith(kept):
                self._patient.unlink(name)

    def _drop_events(self, *, before: int) -> None:
        for name in self._names("event:*"):
            for name_of_event, event in self._patient.hgetall(name).items():
                if known_at_micros(event) < before:
                    self._patient.hdel(name, name_of_event)

    def _names(self, pattern: str) -> list[bytes]:
        return list(self._patient.scan_iter(match=self._prefix + pattern, count=1000))

    # ------------------------------------------------------------------ reading

    def fetch(self, source: str, key_column: str, key: str | int) -> pa.Table:
        """See `OnlineStore.fetch`."""
        wanted = EntityEvents(source, key_column, key)
        return self.fetch_all((wanted,)).tables[wanted]

    def fetch_all(self, wanted: Sequence[EntityEvents]) -> Snapshot:
        """See `OnlineStore.fetch_all`. One round trip, atomic."""
        arguments = [self._prefix]
        for entity in wanted:
            arguments += [f"{entity.source}:{entity.key_column}", key_text(entity.key)]
        with self._failures(quick=True):
            raw, *found = self._fetch_script(keys=[self._current], args=arguments)
        state = self._read(raw)
        tables = {}
        for entity, block, rows in zip(wanted, found[0::2], found[1::2], strict=True):
            schema = state.source(entity.source, entity.key_column).schema
            try:
                tables[entity] = decode(block, rows, schema, since=state.loaded_until)
            except EventError as error:
                raise StoreUnavailable(f"online store of {self._name}: {entity}: {error}") from error
        return Snapshot(version=state.version, loaded_until=state.loaded_until, tables=tables)

    def state(self) -> StoreState | None:
        """See `OnlineStore.state`."""
        with self._failures(quick=True):
            raw = self._client.get(self._current)
        return None if raw is None else self._read(raw)

    def version(self) -> str | None:
        """See `OnlineStore.version`."""
        state = self.state()
        return state.version if state else None

    def _read(self, raw: bytes | None) -> StoreState:
        if raw is None:
            raise StoreUnavailable(f"online store of {self._name} was never loaded; run the product's pipeline")
        known = self._known
        if known is None or known[0] != raw:
            known = (raw, StoreState.from_json(raw))
            self._known = known
        return known[1]

    # ------------------------------------------------------------------ single events

    def append_event(self, source: str, row: Mapping[str, object], event_id: str | None = None) -> bool:
        """See `OnlineStore.append_event`. Durable as far as Redis is: `appendonly yes`."""
        state = self.state()
        if state is None or source not in state.sources:
            raise StoreUnavailable(f"online store of {self._name} has nothing of {source}; load it")
        event = encode_event(row, state.sources[source].schema, source=source)
        if known_at_micros(event) < micros(state.loaded_until):
            raise EventError(
                f"event of {source}: known_at is before {state.loaded_until.isoformat()}, up to which the store was "
                f"loaded from the lake; an older event comes in through the source itself"
            )
        with self._failures(quick=True):
            pipeline = self._client.pipeline(transaction=True)
            for key_column in state.sources[source].rows:
                name = self._event(EntityEvents(source, key_column, row[key_column]))  # type: ignore[arg-type]
                pipeline.hsetnx(name, identity(event, event_id), event)
            return any(pipeline.execute())

    def erase(self, key_column: str, key: str | int) -> int:
        """See `OnlineStore.erase`. A reader may see a part of the erasure while it runs."""
        removed = 0
        with self._failures():
            for name in (self._current, self._staged):
                raw = self._patient.get(name)
                state = StoreState.from_json(raw) if raw else None
                for source, loaded in state.sources.items() if state else ():
                    if state is not None and key_column in loaded.rows:
                        removed += self._erase(state, EntityEvents(source, key_column, key))
        return removed

    def _erase(self, state: StoreState, entity: EntityEvents) -> int:
        loaded = state.sources[entity.source]
        data = self._data(state.serial, entity.source, entity.key_column)
        block = self._patient.hget(data, key_text(entity.key))
        events = self._patient.hgetall(self._event(entity))
        own = decode(block, list(events.values()), loaded.schema, since=state.loaded_until)
        for other in set(loaded.rows) - {entity.key_column}:
            for key in pc.unique(own[other]).drop_null().to_pylist():
                holder = EntityEvents(entity.source, other, key)
                self._erase_within(state, holder, entity)
                if events:
                    self._patient.hdel(self._event(holder), *events)
        self._patient.hdel(data, key_text(entity.key))
        self._patient.unlink(self._event(entity))
        return len(own)

    def _erase_within(self, state: StoreState, holder: EntityEvents, erased: EntityEvents) -> None:
        data = self._data(state.serial, holder.source, holder.key_column)
        block = self._patient.hget(data, key_text(holder.key))
        if block is None:
            return
        kept = without(block, state.sources[holder.source].schema, erased.key_column, erased.key)
        if kept is None:
            self._patient.hdel(data, key_text(holder.key))
        else:
            self._patient.hset(data, key_text(holder.key), kept)

    def close(self) -> None:
        """See `OnlineStore.close`."""
        self._client.close()
        self._patient.close()

    # ------------------------------------------------------------------ names and failures

    def _data(self, serial: int, source: str, key_column: str) -> str:
        return f"{self._prefix}data:{serial}:{source}:{key_column}"

    def _event(self, entity: EntityEvents) -> str:
        return f"{self._prefix}event:{entity.source}:{entity.key_column}:{key_text(entity.key)}"

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
