"""The versions of an online store, the changes between two of them, and the events that a fetch returns.

Belongs here: these values, their JSON, and pure functions of them. Does not belong here: the methods of a store
(`protocol.py`), where it keeps the values, one loaded source (`source_state.py`), the positions of streams
(`positions.py`).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple, Self

import pyarrow as pa

from resources.errors import listed
from resources.online_store.errors import StoreError, StoreUnavailable
from resources.online_store.event_records import is_expired, is_superseded
from resources.online_store.source_state import EntityEvents, SourceState


@dataclass(frozen=True, kw_only=True)
class StoreState:
    """A version of the store, published or being filled.

    Attributes:
        version: The name that the loader gave it.
        serial: Increases with every version of this store.
        writer: Identifies the process that fills the version. A load stops when it finds another writer here: that
            process took the load over.
        layers: The serials whose blocks the version reads, the first that has a block of the entity counts; empty where
            they are all its own. A load of changes alone writes the blocks of the entities that it touches, above those
            of the version before, and then moves them there.
        is_erased: Whether events of an entity were removed since the load, which the lake may still have: changes alone
            cannot be loaded on top of it.
    """

    version: str
    serial: int
    writer: str = ""
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    layers: tuple[int, ...] = ()
    is_erased: bool = False

    @property
    def token(self) -> str:
        """Identifies the version; a version of a store that was emptied meanwhile has another token.

        Layers stand in front: code that knows none cannot read the token, instead of reading a part of the blocks.
        """
        own = f"{self.serial}:{self.writer}"
        return f"/{'+'.join(map(str, self.layers))}/{own}" if self.layers else own

    @property
    def places(self) -> tuple[int, ...]:
        """The serials whose blocks the version reads, in order."""
        return self.layers or (self.serial,)

    @property
    def base(self) -> int:
        """The serial that has the blocks of most entities."""
        return self.places[-1]

    @property
    def table_versions(self) -> dict[str, int | None]:
        """For each source with a table, the version of the lake's table that was loaded."""
        return {name: self.sources[name].table_version for name in self.tables}

    @property
    def tables(self) -> tuple[str, ...]:
        """The sources that have a table of their own; a name with two underscores is derived from another source."""
        return tuple(name for name in self.sources if "__" not in name)

    def supersedes(self, source: str, record: bytes) -> bool:
        """Whether publishing this version makes the record of a single event superfluous."""
        loaded = self.sources.get(source)
        return loaded is None or is_superseded(record, loaded.schema, watermark=loaded.watermark)

    def expiry(self, now: datetime) -> Callable[[str, bytes], bool]:
        """Returns a test of (source, record): whether the record is older, at `now`, than the source's lookback."""
        edges = {name: now - of.lookback for name, of in self.sources.items() if of.lookback is not None}

        def expired(source: str, record: bytes) -> bool:
            return source in edges and is_expired(record, before=edges[source])

        return expired

    def find(self, entity: EntityEvents) -> SourceState | None:
        """The loaded source of an entity; None if it is optional and was not loaded by the entity's key column.

        Raises:
            StoreUnavailable: The source was not loaded by that key column, and is not optional.
        """
        known = self.sources.get(entity.source)
        if entity.optional and (known is None or entity.key_column not in known.rows):
            return None
        return self.source(entity.source, entity.key_column)

    def with_source(self, source: str, key_column: str, *, rows: int, loaded: SourceState) -> "StoreState":
        """The state after one more source was loaded by one key column.

        Raises:
            StoreError: Another key column of the source was loaded from another table, or up to another moment.
        """
        before = self.sources.get(source)
        lookback = loaded.lookback
        if before is not None and set(before.rows) - {key_column}:
            same = (before.schema, before.watermark, before.table_version)
            if same != (loaded.schema, loaded.watermark, loaded.table_version):
                raise StoreError(
                    f"source {source} was loaded by {listed(sorted(before.rows))} until {before.watermark} with "
                    f"columns {listed(before.schema.names)} of table version {before.table_version}, now by "
                    f"{key_column} until {loaded.watermark} with {listed(loaded.schema.names)} of "
                    f"{loaded.table_version}; give the same table and the same moment for every key column"
                )
            unbounded = before.lookback is None or lookback is None
            lookback = None if unbounded else max(before.lookback, lookback)  # type: ignore[type-var]
        every = {**(before.rows if before else {}), key_column: rows}
        lookbacks = {**(before.lookbacks if before else {}), key_column: loaded.lookback}
        basis = loaded.basis
        if before is not None and set(before.rows) - {key_column}:
            basis = before.basis.with_other(basis) if before.basis and basis else None
        merged = replace(loaded, rows=every, lookback=lookback, lookbacks=lookbacks, basis=basis)
        return replace(self, sources={**self.sources, source: merged})

    def source(self, name: str, key_column: str) -> SourceState:
        """The loaded source of a name.

        Raises:
            StoreUnavailable: The source was not loaded by that key column.
        """
        state = self.sources.get(name)
        if state is None or key_column not in state.rows:
            raise StoreUnavailable(
                f"version {self.version} of the online store has no events of {name} by {key_column}; load it again"
            )
        return state

    def to_json(self) -> bytes:
        """The state as JSON text."""
        values: dict[str, Any] = {
            "version": self.version,
            "serial": self.serial,
            "writer": self.writer,
            "layers": list(self.layers),
            "is_erased": self.is_erased,
            "sources": {name: state.to_values() for name, state in self.sources.items()},
        }
        return json.dumps(values, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Reads `to_json`.

        Raises:
            StoreUnavailable: The bytes are damaged.
        """
        try:
            values = json.loads(data)
            sources = {name: SourceState.from_values(state) for name, state in values["sources"].items()}
            return cls(
                version=values["version"],
                serial=values["serial"],
                writer=values["writer"],
                sources=sources,
                # Stores in use were written when every load was of everything.
                layers=tuple(values.get("layers", ())),
                is_erased=values.get("is_erased", False),
            )
        except (ValueError, KeyError, TypeError, pa.ArrowInvalid, OSError) as error:
            raise StoreUnavailable(f"the online store's state is damaged: {error!r}; load it again") from error


def restart_needed(before: StoreState | None, now: StoreState, source: str) -> bool:
    """Whether the stream of a source must be read again from the end of a new version's load.

    It must if the new load ends before the old one, or has columns or keys that the events read so far lack.
    """
    old, new = (before.sources.get(source) if before else None), now.sources.get(source)
    if old is None or new is None:
        return True
    fewer = set(new.schema.names) <= set(old.schema.names) and set(new.rows) <= set(old.rows)
    return new.watermark < old.watermark or not fewer


@dataclass(frozen=True)
class Snapshot:
    """Events of some entities, all read from one version.

    Attributes:
        tables: For each wanted entity its events, in no particular order; empty for an entity that was never seen.
        watermarks: For each wanted source, the moment until which its events are known.
        loaded: For each wanted source that was loaded, what was loaded of it.
    """

    version: str
    tables: Mapping[EntityEvents, pa.Table]
    watermarks: Mapping[str, datetime]
    loaded: Mapping[str, SourceState] = field(default_factory=dict)


class NewBlock(NamedTuple):
    """The block of one entity in place of the one before; `None` removes it.

    Attributes:
        key: The text of the entity's key.
        more: How many events more than before it has; fewer are negative.
    """

    key: str
    block: bytes | None
    more: int


@dataclass(frozen=True)
class Change:
    """A source by one key column in a version that takes over what it does not name.

    Attributes:
        loaded: The state of the source for this key column alone, with its rows in the version before.
        blocks: The entities whose blocks are others, each once; read once.
    """

    source: str
    key_column: str
    loaded: SourceState
    blocks: Iterable[NewBlock]
