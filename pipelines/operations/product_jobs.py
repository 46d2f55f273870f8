"""Running the jobs of one product over missing days or over given days.

Belongs here: the choice of a job's assets and days. Does not belong here: one run (`run_job.py`), the order of the jobs
(`run_loop.py`).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import dagster as dg

from assets.materialising import materialised_days
from assets.product import Product
from assets.product.names import table_name
from pipelines.jobs import DATA, MODEL, STAGES, WATCH, Stage, daily_name, retrain_name
from pipelines.operations.run_job import run_job
from pipelines.products import load_definitions
from resources.errors import LooplineError
from resources.lake import Lake
from resources.lake.origins import stale_days
from resources.naming import days_between


class UnknownAsset(LooplineError):
    """A product has no daily asset of that name; the message lists its daily assets."""


class ProductJobs:
    """The jobs of one product in one instance over one lake, limited to some stages.

    Each method `run_…` returns the names of the assets that it ran.
    """

    def __init__(
        self, product: Product, instance: dg.DagsterInstance, lake: Lake, stages: Sequence[Stage] = STAGES
    ) -> None:
        self._product, self._instance, self._lake, self._stages = product, instance, lake, stages
        self._definitions = load_definitions(product.name)
        self._graph = self._definitions.resolve_asset_graph()

    def run_days(
        self,
        stages: Sequence[Stage],
        days: tuple[date, date],
        *,
        again: bool,
        changed: Mapping[str, Collection[date]] | None = None,
    ) -> tuple[str, ...]:
        """Materialises the missing and the stale days of these stages, or all the days again.

        Of an interrupted run only the rest is done: an asset that has every day runs only if one before it runs.

        Args:
            changed: For assets by name, days of which the source has changed; they are materialised again.

        Raises:
            RunFailed: A step or a blocking check failed.
        """
        keys = self.keys(stages)
        if again:
            return self._run_daily(keys, days) if keys else ()
        missing = {
            key: self._missing(key, days, (changed or {}).get(key.path[-1], ())) for key in keys if self._is_daily(key)
        }
        wanted = sorted({day for lacking in missing.values() for day in lacking})
        if not wanted:
            return ()
        chosen: list[dg.AssetKey] = []
        for key in keys:
            if missing.get(key) or self._graph.get(key).parent_keys & set(chosen):
                chosen.append(key)
        return self._run_daily(chosen, (wanted[0], wanted[-1]))

    def run_assets(self, names: Sequence[str], days: tuple[date, date]) -> tuple[str, ...]:
        """Materialises the days of the named assets again.

        Raises:
            RunFailed: A step or a blocking check failed.
            UnknownAsset: The product has no daily asset of that name.
        """
        known = {key.path[-1]: key for key in self.keys((*DATA, *WATCH)) if self._is_daily(key)}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UnknownAsset(f"{self._product.name} has no daily asset {unknown[0]!r}; it has {', '.join(known)}")
        return self._run_daily([known[name] for name in names], days)

    def run_model(self) -> tuple[str, ...]:
        """Trains, evaluates, registers and deploys a model, limited to this object's stages.

        Raises:
            RunFailed: A step or a gate failed.
        """
        keys = self.keys(MODEL)
        if keys:
            run_job(self._definitions, self._instance, retrain_name(self._product), selection=keys)
        return tuple(key.path[-1] for key in keys)

    def keys(self, stages: Sequence[Stage]) -> list[dg.AssetKey]:
        """The assets of these stages that are also stages of this object, in the order of the loop."""
        wanted = [stage for stage in stages if stage in self._stages]
        executable = self._graph.executable_asset_keys
        return [key for key in self._graph.toposorted_asset_keys if key in executable and self._group(key) in wanted]

    def _run_daily(self, keys: Sequence[dg.AssetKey], days: tuple[date, date]) -> tuple[str, ...]:
        run_job(self._definitions, self._instance, daily_name(self._product), days=days, selection=keys)
        return tuple(key.path[-1] for key in keys)

    def _group(self, key: dg.AssetKey) -> str | None:
        return self._graph.get(key).group_name

    def _is_daily(self, key: dg.AssetKey) -> bool:
        return self._graph.get(key).partitions_def is not None

    def _missing(self, key: dg.AssetKey, days: tuple[date, date], changed: Collection[date]) -> list[date]:
        """The days that the asset lacks, or that were made from older data than the present."""
        stale = stale_days(self._lake, table_name(self._product.name, key.path[-1]))
        have = materialised_days(self._instance, key) - stale - set(changed)
        return [day for day in days_between(*days) if day not in have]
