"""Running the jobs of one product over missing days or over given days.

Belongs here: the choice of a job's assets and days. Does not belong here: one run (`run_job.py`), the order of the jobs
(`run_loop.py`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import dagster as dg

from assets.materialising import materialised_days
from assets.monitoring.windows import JUDGED_BY
from assets.product import Partitions, Product
from assets.product.names import DEPLOYMENT, MODEL_DOCUMENTS, ONLINE_STORE, table_name
from pipelines.jobs import DATA, MODEL, STAGES, WATCH, Stage, daily_name, retrain_name
from pipelines.operations.loop.run_job import run_job
from pipelines.products import load_definitions
from resources.errors import LooplineError
from resources.lake import Lake
from resources.lake.origins import days_made_with_another, stale_days
from resources.slots import Slot, slots_between


class UnknownAsset(LooplineError):
    """A product has no daily asset of that name; the message lists its daily assets."""


class ProductJobs:
    """The jobs of one product in one instance over one lake, limited to some stages.

    Each method `run_…` returns the names of the assets that it ran. Its days are rounded outwards to whole partitions.

    Args:
        definitions: Those of the product; by default of its code location.

    Attributes:
        partitions: Those of the product.
    """

    def __init__(
        self,
        product: Product,
        partitions: Partitions,
        instance: dg.DagsterInstance,
        lake: Lake,
        stages: Sequence[Stage] = STAGES,
        *,
        definitions: dg.Definitions | None = None,
    ) -> None:
        self.partitions = partitions
        self._product, self._instance, self._lake, self._stages = product, instance, lake, stages
        self._definitions = definitions or load_definitions(product.name)
        self._graph = self._definitions.resolve_asset_graph()

    def run_days(
        self,
        stages: Sequence[Stage],
        days: tuple[Slot, Slot],
        *,
        again: bool,
        stale_from: Slot | None = None,
        judge: str | None = None,
        changed: Mapping[str, Collection[Slot]] | None = None,
        only: Callable[[str], bool] = lambda name: True,
    ) -> tuple[str, ...]:
        """Materialises the missing and the stale days of these stages, or all the days again.

        Of an interrupted run only the rest is done: an asset that has every day runs only if one before it runs. If a
        run changed the content of days that others were made from, those are stale, and another run follows.

        Args:
            days: The days that must be there.
            stale_from: From which day on stale days are materialised, if that is before `days`.
            judge: Digest of the champion; days that another one has judged are materialised again. `None` for any.
            changed: For assets by name, days of which the source has changed; they are materialised again.
            only: Whether an asset of that name is wanted.

        Raises:
            RunFailed: A step or a blocking check failed.
        """
        keys = [key for key in self.keys(stages) if only(key.path[-1])]
        if again:
            return self._run_daily(keys, days) if keys else ()
        ran: list[str] = []
        for _ in keys:  # each run may make stale what comes after its last asset, so there are no more runs than assets
            chosen, wanted = self._to_do(keys, days, min(days[0], stale_from or days[0]), judge, changed or {})
            if not chosen:
                break
            ran += self._run_daily(chosen, wanted)
            changed = None  # they have been read again
        return tuple(dict.fromkeys(ran))

    def run_first_load(self) -> tuple[str, ...]:
        """Loads the online store if it was never loaded: a run was killed after its days and before its load.

        Raises:
            RunFailed: The load failed.
        """
        keys = [key for key in self.keys(DATA) if key.path[-1] == ONLINE_STORE]
        if not keys or self._instance.get_latest_materialization_event(keys[0]) is not None:
            return ()
        run_job(self._definitions, self._instance, daily_name(self._product), selection=keys)
        return (ONLINE_STORE,)

    def run_assets(self, names: Sequence[str], days: tuple[Slot, Slot]) -> tuple[str, ...]:
        """Materialises the days of the named assets again.

        Raises:
            RunFailed: A step or a blocking check failed.
            UnknownAsset: The product has no daily asset of that name.
        """
        return self._run_daily(self.named(names), days)

    def run_named(self, names: Sequence[str], days: tuple[Slot, Slot], tags: Mapping[str, str]) -> None:
        """Materialises assets of the daily job, with days or without, in one run with these tags.

        Raises:
            RunFailed: A step or a blocking check failed.
        """
        keys = [key for key in self.keys((*DATA, *WATCH)) if key.path[-1] in names]
        starts = self._starts(days)
        run_job(self._definitions, self._instance, daily_name(self._product), days=starts, selection=keys, tags=tags)

    def named(self, names: Sequence[str]) -> list[dg.AssetKey]:
        """The daily assets of these names, in the order of the loop.

        Raises:
            UnknownAsset: The product has no daily asset of that name.
        """
        known = {key.path[-1]: key for key in self.keys((*DATA, *WATCH)) if self.is_daily(key)}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UnknownAsset(f"{self._product.name} has no daily asset {unknown[0]!r}; it has {', '.join(known)}")
        return [key for name, key in known.items() if name in names]

    def run_model(self, tags: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Trains, evaluates, registers and deploys a model, limited to this object's stages.

        Args:
            tags: Further tags of the run.

        Raises:
            RunFailed: A step or a gate failed.
        """
        keys = self.keys(MODEL)
        if keys:
            run_job(self._definitions, self._instance, retrain_name(self._product), selection=keys, tags=tags)
        return tuple(key.path[-1] for key in keys)

    def run_deployment(self, version: str) -> tuple[str, ...]:
        """Deploys a registered version, if deployment is one of this object's stages.

        Raises:
            RunFailed: The version may not be promoted; the message says why.
        """
        wanted = [key for key in self.keys(MODEL) if key.path[-1] in (DEPLOYMENT, MODEL_DOCUMENTS)]
        keys = [key for key in wanted if key.path[-1] == DEPLOYMENT]
        for key in keys:
            run_job(
                self._definitions, self._instance, retrain_name(self._product), selection=wanted,
                config={key: {"version": version}},
            )  # fmt: skip
        return tuple(key.path[-1] for key in keys)

    def keys(self, stages: Sequence[Stage]) -> list[dg.AssetKey]:
        """The assets of these stages that are also stages of this object, in the order of the loop."""
        wanted = [stage for stage in stages if stage in self._stages]
        executable = self._graph.executable_asset_keys
        return [key for key in self._graph.toposorted_asset_keys if key in executable and self._group(key) in wanted]

    def is_daily(self, key: dg.AssetKey) -> bool:
        """Whether an asset has days."""
        return self._graph.get(key).partitions_def is not None

    def read_by(self, key: dg.AssetKey) -> frozenset[str]:
        """The names of the assets that an asset reads."""
        return frozenset(parent.path[-1] for parent in self._graph.get(key).parent_keys)

    def whole_after(self, names: Collection[str]) -> tuple[str, ...]:
        """The assets without days that are made from these assets, directly or not, in the order of the loop."""
        after = set(names)
        for key in self.keys(STAGES):
            if self.read_by(key) & after:
                after.add(key.path[-1])
        return tuple(key.path[-1] for key in self.keys(STAGES) if key.path[-1] in after and not self.is_daily(key))

    def _run_daily(self, keys: Sequence[dg.AssetKey], days: tuple[Slot, Slot]) -> tuple[str, ...]:
        starts = self._starts(days)
        run_job(self._definitions, self._instance, daily_name(self._product), days=starts, selection=keys)
        return tuple(key.path[-1] for key in keys)

    def _starts(self, days: tuple[Slot, Slot]) -> tuple[Slot, Slot]:
        """The first days, or the hours, of the first and of the last partition, which are Dagster's keys of them."""
        return self.partitions.start(days[0]), self.partitions.start(days[1])

    def _group(self, key: dg.AssetKey) -> str | None:
        return self._graph.get(key).group_name

    def _to_do(
        self,
        keys: Sequence[dg.AssetKey],
        days: tuple[Slot, Slot],
        stale_from: Slot,
        judge: str | None,
        changed: Mapping[str, Collection[Slot]],
    ) -> tuple[list[dg.AssetKey], tuple[Slot, Slot]]:
        """The assets that lack days or have stale ones, with those after them, and the range of these days."""
        daily = [key for key in keys if self.is_daily(key)]
        stale = self._stale(daily)
        wanted: set[Slot] = set()
        chosen: list[dg.AssetKey] = []
        for key in keys:
            lacking: set[Slot] = set()
            if key in daily:
                have = materialised_days(self._instance, key, self.partitions) - self._judged_by_another(key, judge)
                lacking = {day for day in slots_between(*days) if day not in have}
                lacking |= {day for day in changed.get(key.path[-1], ()) if days[0] <= day <= days[1]}
                lacking |= {day for day in stale[key] if stale_from <= day <= days[1]}
            if lacking or self._graph.get(key).parent_keys & set(chosen):
                chosen.append(key)
            wanted |= lacking
        return (chosen, (min(wanted), max(wanted))) if wanted else ([], days)

    def _judged_by_another(self, key: dg.AssetKey, judge: str | None) -> frozenset[Slot]:
        """The asset's days that another champion has judged."""
        if judge is None:
            return frozenset()
        table = table_name(self._product.name, key.path[-1])
        return self._slots_in(days_made_with_another(self._lake, table, JUDGED_BY, judge))

    def _stale(self, keys: Sequence[dg.AssetKey]) -> dict[dg.AssetKey, frozenset[Slot]]:
        """For each asset its days that were made from other data than the present."""
        tables = {key: table_name(self._product.name, key.path[-1]) for key in keys}
        stale = stale_days(self._lake, tables.values())
        return {key: self._slots_in(stale[table]) for key, table in tables.items()}

    def _slots_in(self, slots: Collection[Slot]) -> frozenset[Slot]:
        """The product's slots in these of a table: a table of days of a product by the hour is made in hours too."""
        return frozenset(slot for one in slots for slot in self.partitions.slots_in(one))
