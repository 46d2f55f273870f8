"""Materialising a range of days again: `loopline backfill`.

Belongs here: the choice between named assets and all data assets. Does not belong here: backfills from the UI, which
Dagster runs; the load of the online store that follows (`pipelines.automation`).
"""

from collections.abc import Sequence
from datetime import date

from pipelines.jobs import DATA
from pipelines.operations.loop.fill_sandbox import Progress
from pipelines.operations.loop.product_jobs import ProductJobs
from pipelines.operations.loop.run_job import dagster_instance
from pipelines.operations.loop.source_days import readable_days
from pipelines.products import load_product
from resources.environments import Environment
from resources.lake import Lake


def backfill(
    name: str, environment: Environment, first: date, last: date, assets: Sequence[str], progress: Progress
) -> tuple[str, ...]:
    """Materialises a range of days again in one run, and returns the names of the assets.

    Args:
        assets: Names of daily assets; empty for all from the sources to the features.

    Raises:
        RunFailed: A step or a blocking check failed.
        ImpossibleDay: A day is before the first day or not over, or the last day is before the first.
        UnknownAsset: The product has no daily asset of that name.
        UnknownProduct: There is no product of that name.
    """
    product = load_product(name)
    with (
        readable_days(product, environment, (first, last), progress) as days,
        dagster_instance(environment) as instance,
    ):
        jobs = ProductJobs(product, instance, Lake(environment.lake))
        return jobs.run_assets(assets, days) if assets else jobs.run_days(DATA, days, again=True)
