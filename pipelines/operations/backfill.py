"""A range of days, materialised again: `loopline backfill`.

Belongs here: which assets of which days a backfill runs. Does not belong here: backfills from the UI, which Dagster
starts, and the assets that follow a backfill by themselves (`pipelines.automation`).
"""

from collections.abc import Sequence
from datetime import date

from pipelines.jobs import DATA
from pipelines.operations.fill_sandbox import Progress
from pipelines.operations.product_jobs import ProductJobs
from pipelines.operations.run_job import dagster_instance
from pipelines.operations.source_days import readable_days
from pipelines.products import load_product
from resources.environments import Environment


def backfill(
    name: str, environment: Environment, first: date, last: date, assets: Sequence[str], progress: Progress
) -> tuple[str, ...]:
    """Materialises a range of days again, in one run; gives the assets that it materialised.

    Args:
        assets: Names of daily assets; empty for those from the sources to the features.

    Raises:
        RunFailed: A step failed.
        ImpossibleDay: A day is before the first one or not over, or the last one is before the first.
        UnknownAsset: The product has no daily asset of that name.
        UnknownProduct: There is no product of that name.
    """
    product = load_product(name)
    with (
        readable_days(product, environment, (first, last), progress) as days,
        dagster_instance(environment) as instance,
    ):
        jobs = ProductJobs(product, instance)
        return jobs.run_assets(assets, days) if assets else jobs.run_days(DATA, days, again=True)
