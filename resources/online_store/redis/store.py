"""The online store in Redis, for services on several machines.

Belongs here: adding and erasing events, and one script for each fetch. Does not belong here: filling versions
(`filling.py`), connections (`clients.py`), the keys (`layout.py`), the scripts (`scripts.py`), the format of the values
(`resources.online_store.event_blocks`, `resources.online_store.event_records`).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from resources.online_store.erasure import erase
from resources.online_store.errors import StoreUnavailable
from resources.online_store.event_records import NewEvent, identity, key_text
from resources.online_store.positions import StreamPosition, watermarks
from resources.online_store.redis.filling import RedisFilling
from resources.online_store.redis.layout import RedisEntries
from resources.online_store.redis.scripts import APPEND, FETCH
from resources.online_store.source_state import EntityEvents, SourceState, encode_posted, encode_streamed
from resources.online_store.state import Snapshot, StoreState

_GONE = 0
"""The script's answer instead of a block when Redis no longer has the whole version."""


class RedisStore(RedisFilling):
    """One product's events in Redis; see `OnlineStore`. Decisions use the quick client, loads the patient one."""

    def __init__(self, url: str, product: str) -> None:
        super().__init__(url, product)
        self._fetch_script = self._quick.register_script(FETCH)
        self._append_script = self._quick.register_script(APPEND)
        self._known: StoreState | None = None

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
            # From the mark on no update is published, which would bring blocks back from before.
            while not self._mark_erased():
                self.settled()
            states = (self._stored(name) for name in (self._current, self._staged))
            whole = (state for state in states if state is not None and len(state.places) == 1)
            return erase(RedisEntries(self._patient, self._keys), whole, key_column, key)

    def is_resting(self) -> bool:
        """See `OnlineStore.is_resting`."""
        return self._clients.breaker.is_open

    def close(self) -> None:
        """See `OnlineStore.close`."""
        self._clients.close()
