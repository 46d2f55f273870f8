"""Filling versions of a Redis store: loads of everything, and updates of some entities.

Belongs here: the transactions that fill, publish, settle and sweep versions, with the patient client. Does not belong
here: reading and adding events (`store.py`), the keys (`layout.py`), the scripts (`scripts.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

import pyarrow as pa
import redis

from resources.online_store.base import StoreBase, load_displaced
from resources.online_store.errors import StoreUnavailable
from resources.online_store.event_blocks import blocks
from resources.online_store.redis.clients import RedisClients
from resources.online_store.redis.layout import MARK, RedisKeys
from resources.online_store.redis.scripts import DROP, EXCHANGE, PUBLISH, SETTLE, STAGE
from resources.online_store.source_state import SourceState
from resources.online_store.state import NewBlock, StoreState, restart_needed

_BATCH = 1000
_SETTLED = 200


class RedisFilling(StoreBase):
    """The part of a Redis store that fills versions."""

    def __init__(self, url: str, product: str) -> None:
        super().__init__(label=f"online store of {product}", product=product)
        self._keys = keys = RedisKeys(product)
        self._current, self._staged, self._token, self._stream = keys.current, keys.staged, keys.token, keys.stream
        self._clients = RedisClients(url, label=self._label)
        self._failures, self._quick, self._patient = self._clients.failures, self._clients.quick, self._clients.patient

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
            self._switch(raw, staged, self._stored(self._current))
            self._sweep(staged)
        return staged

    def _switch(self, raw: bytes, state: StoreState, before: StoreState | None, beneath: bytes = b"") -> None:
        """Publishes a state in the place of the staged one.

        Raises:
            StoreError: The staged one is not the one that was read, or the published one not the one beneath.
        """
        again = [source for source in state.sources if restart_needed(before, state, source)]
        keys = (self._staged, self._current, self._token, self._stream)
        if not self._patient.eval(PUBLISH, 4, *keys, raw, state.to_json(), state.token, beneath, *again):
            raise load_displaced(state.version)

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
            if serial < state.serial and serial not in state.places:
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

    def _stored(self, name: str, client: Any = None) -> StoreState | None:
        raw = (client or self._patient).get(name)
        return None if raw is None else StoreState.from_json(raw)

    # ------------------------------------------------------------------ updates

    def repair(self) -> str | None:
        """See `OnlineStore.repair`. Redis drops whole hashes, and nothing in them."""
        with self._failures():
            state = self._stored(self._current)
            for source, loaded in state.sources.items() if state else ():
                assert state is not None
                for key_column in loaded.rows:
                    names = [self._keys.data(serial, source, key_column) for serial in state.places]
                    if self._patient.exists(*names) < len(names):
                        return f"{self._label}: Redis no longer has version {state.version} of {source} by {key_column}"
        return None

    def _begin_update(self, version: str, upon: StoreState) -> StoreState:
        """See `StoreBase._begin_update`."""
        with self._failures(), self._patient.pipeline(transaction=True) as step:
            step.watch(self._current, self._staged)
            fresh = self._layered(version, upon, self._stored(self._current, step), self._stored(self._staged, step))
            step.multi()
            step.set(self._staged, fresh.to_json())
            try:
                step.execute()
            except redis.exceptions.WatchError as error:
                raise load_displaced(version) from error
        return fresh

    def _put_blocks(self, staged: StoreState, source: str, key_column: str, blocks: Sequence[NewBlock]) -> None:
        """See `StoreBase._put_blocks`."""
        name = self._keys.data(staged.serial, source, key_column)
        with self._failures(), self._filling_step(staged) as (step, _):
            step.hset(name, mapping={MARK: b"", **{one.key.encode(): one.block or b"" for one in blocks}})

    def _publish_update(self, filled: StoreState, upon: StoreState) -> None:
        """See `StoreBase._publish_update`."""
        with self._failures():
            staged, current = self._patient.get(self._staged), self._patient.get(self._current)
            if staged is None or StoreState.from_json(staged).token != filled.token:
                raise load_displaced(filled.version)
            if current is None or StoreState.from_json(current) != upon:
                raise self._replaced()
            self._switch(staged, filled, upon, current)
            self._sweep(filled)

    def settled(self) -> StoreState | None:
        """See `OnlineStore.settled`. What is copied twice is the same: a copy that was cut short begins again."""
        with self._failures():
            while True:
                raw = self._patient.get(self._current)
                state = StoreState.from_json(raw) if raw else None
                if state is None or len(state.places) == 1:
                    return state
                pairs = [
                    [self._keys.data(serial, source, key_column) for serial in state.places]
                    for source, loaded in state.sources.items()
                    for key_column in loaded.rows
                ]
                if all(self._copied(state, above, below) for above, below in pairs):
                    done = replace(state, layers=(state.base,))
                    names = [above for above, _ in pairs]
                    self._exchange(raw, done, *names)

    def _copied(self, state: StoreState, above: str, below: str) -> bool:
        """Copies the upper blocks of a source into the lower ones; False if the version was replaced meanwhile."""
        cursor: bytes | None = b"0"
        while True:
            cursor = self._patient.eval(SETTLE, 3, self._token, above, below, state.token, cursor, _SETTLED)
            if cursor is None:
                return False
            if cursor == b"0":
                return True

    def _exchange(self, raw: bytes, state: StoreState, *dropped: str) -> bool:
        """Puts a state in the place of the one that was read, and drops hashes; False if it is no longer there."""
        keys = (self._current, self._token, *dropped)
        return bool(self._patient.eval(EXCHANGE, len(keys), *keys, raw, state.to_json(), state.token))

    def _mark_erased(self) -> bool:
        """Marks the versions as ones from which events are erased; False if one was exchanged or is not settled."""
        raw, staged = self._patient.get(self._current), self._patient.get(self._staged)
        state = StoreState.from_json(raw) if raw else None
        if state is not None and not (len(state.places) == 1 and self._exchange(raw, replace(state, is_erased=True))):
            return False
        if staged is None:
            return True
        with self._patient.pipeline(transaction=True) as step:
            step.watch(self._staged)
            if step.get(self._staged) != staged:
                return False
            step.multi()
            step.set(self._staged, replace(StoreState.from_json(staged), is_erased=True).to_json())
            try:
                step.execute()
            except redis.exceptions.WatchError:
                return False
        return True

    def loaded_blocks(
        self, state: StoreState, source: str, key_column: str, keys: Sequence[str]
    ) -> Sequence[bytes | None]:
        """See `OnlineStore.loaded_blocks`."""
        with self._failures():
            found: list[bytes | None] = []
            name, rest = self._keys.data(state.base, source, key_column), iter(keys)
            while part := list(islice(rest, _BATCH)):
                found += self._patient.hmget(name, part)
        return found
