"""One load of an online store: the changes alone where the store follows from them, else everything.

Belongs here: the choice between the two, and doing it. Does not belong here: which rows have changed (`changes.py`),
the blocks that follow (`renewal.py`), which loads there are (`load.py`), the asset (`assets.features.assets`).

Both end with the same store. Changes alone are loaded upon the version that decisions read, if its name proves what it
was loaded with; a reason against it is no error, and is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from assets.features.kernel.kernel import Kernel
from assets.features.online.changes import LoadsWhole, changed_rows
from assets.features.online.load import (
    SourceLoad,
    as_stored,
    basis_of,
    is_loaded,
    load_name,
    loads_of,
    put_source,
)
from assets.features.online.renewal import Renewal
from assets.features.online.tiles import Tiling
from assets.product import Product
from resources.lake import Lake
from resources.online_store.protocol import Basis, OnlineStore, StoreState, VersionReplaced
from resources.slots import Slot


@dataclass(frozen=True)
class StoreLoad:
    """A load that was published.

    Attributes:
        loaded: What was loaded, and why, if it was everything.
        gone_on_with: The number of sources by key that an interrupted load had finished.
        tiled: By source, the number of tiled entities among those that were loaded.
    """

    state: StoreState
    loaded: str
    gone_on_with: int = 0
    tiled: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Loader:
    """What a product's loads are made with.

    Attributes:
        most: The share of a load's days beyond which reading days for their changes costs more than loading everything.
    """

    product: Product
    kernel: Kernel
    tilings: Mapping[tuple[str, str], Tiling]
    lake: Lake
    store: OnlineStore
    most: float = 0.5

    def load(self, loads: Sequence[SourceLoad], *, whole: str = "") -> StoreLoad:
        """Publishes the loads as one version.

        Args:
            whole: Why everything is to be loaded; empty if there is no reason.

        Raises:
            LakeError: A table is damaged.
            StoreError: The store refuses the load.
        """
        if not whole:
            try:
                return StoreLoad(self._load_changes(loads), "changes alone")
            except (LoadsWhole, VersionReplaced) as error:
                whole = str(error)
        return self._load_everything(loads, whole)

    def _load_everything(self, loads: Sequence[SourceLoad], why: str) -> StoreLoad:
        version, staged, tiled = load_name(self.product, loads), self.store.staged(), dict[str, int]()
        missing = [load for load in loads if not is_loaded(staged, version, load)]
        for load in missing:
            rows = self.lake.read(load.table, days=load.days, version=load.table_version)
            basis, tiling = basis_of(self.kernel, self.lake, load, rows), self.tilings.get((load.source, load.key))
            tiled[load.source] = put_source(self.store, version, load, tiling, self._as_stored(load, rows), basis)
        return StoreLoad(self.store.publish(version), f"everything: {why}", len(loads) - len(missing), tiled)

    def _load_changes(self, loads: Sequence[SourceLoad]) -> StoreState:
        upon, version, staged = self.store.settled(), load_name(self.product, loads), self.store.staged()
        if upon is None:
            raise LoadsWhole("the store was empty")
        if upon.is_erased:
            raise LoadsWhole("events of an entity were erased from the store since it was loaded")
        if upon.version == version:
            raise LoadsWhole("the store has this load")
        if staged is not None and staged.version == version and not staged.layers:
            raise LoadsWhole("an interrupted load of everything is gone on with")
        before = loads_of(self.product, self.lake, loads, upon)
        if before is None:
            raise LoadsWhole("the store was loaded for other features, windows or tables")
        changes = []
        for was, load in zip(before, loads, strict=True):
            reader = _Reader(self, load, self._basis(upon, load))
            rows = changed_rows(self.lake, was, load, reader.basis, reader.read, most=self.most)
            tiling = self.tilings.get((load.source, load.key))
            changes += Renewal(self.store, upon, load, tiling, rows, reader.basis).changes()
        return self.store.update(version, changes, upon=upon)

    def _basis(self, upon: StoreState, load: SourceLoad) -> Basis:
        """The basis of the loaded events of a source, if the lake's table and the resolutions are still the same."""
        found = upon.sources[load.source].basis
        nothing = self.lake.read(load.table, days=(), version=load.table_version)
        now = basis_of(self.kernel, self.lake, load, nothing)
        if found is None or found != now._replace(used_from=found.used_from, known_until=found.known_until):
            raise LoadsWhole(f"{load.source} was loaded from another table, with other resolutions or by other code")
        return found

    def _as_stored(self, load: SourceLoad, rows: pa.Table) -> pa.Table:
        return as_stored(self.product, self.kernel.needs, load.source, rows)


class _Reader:
    """Reads days for a comparison, and extends the basis by what they tell."""

    def __init__(self, loader: Loader, load: SourceLoad, basis: Basis) -> None:
        self._loader, self._load = loader, load
        self.basis = basis

    def read(self, version: int, days: Sequence[Slot]) -> pa.Table:
        """The stored columns of the rows of days of a version."""
        load, loader = replace(self._load, table_version=version), self._loader
        rows = loader.lake.read(load.table, days=days, version=version)
        if len(rows):
            self.basis = self.basis.with_other(basis_of(loader.kernel, loader.lake, load, rows))
        return loader._as_stored(load, rows)
