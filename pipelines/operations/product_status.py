"""What is known of a product at this moment, for `loopline status PRODUCT`.

Belongs here: reading the report that the monitoring page shows, as of now. Does not belong here: the report and its
sentences (`assets.monitoring.page`), its form on the terminal (`pipelines.cli.render.status`), the services
(`pipelines.services`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from assets.monitoring.page.assets import recorded_of
from assets.monitoring.page.reading import report_of
from assets.monitoring.page.report import MonitoringReport
from pipelines.alerting.monitors import heard
from pipelines.connections import clock_of
from pipelines.operations.loop.run_job import dagster_instance
from pipelines.operations.rollout import unanswered, waiting_version
from pipelines.products import load_product
from resources.dependencies import require
from resources.environments import Environment
from resources.lake import Lake
from resources.pages import Pages
from resources.rollout_store.store import RolloutStore


@dataclass(frozen=True, eq=False)
class ProductStatus:
    """What is known of a product now.

    Attributes:
        page: The address of its newest page; empty for none.
        waiting: The version that waits for an approver, with its model card and the commands; `None` if none waits.
    """

    report: MonitoringReport
    page: str
    waiting: Mapping[str, str] | None


def product_status(environment: Environment, name: str) -> ProductStatus:
    """The present state of a product.

    Raises:
        UnknownProduct: There is no product of that name.
        DependencyDown: A server that has its records does not answer.
        LakeError, RolloutError, AlertError, DecisionLogError: A table, the rollout, the book of alerts or the decision
            log cannot be read.
    """
    product = load_product(name)
    require(environment, "records")
    lake, rollout = Lake(environment.lake), RolloutStore.open(environment.rollout, environment.home / "fetched")
    clock, now = clock_of(product, environment).now(), datetime.now(UTC)
    with _recorded_runs(environment) as instance:
        recorded = recorded_of(product, environment, lake, rollout, instance, heard, clock)
        waiting = waiting_version(instance, name)
    if waiting is not None:
        require(environment, "MLflow")
        waiting = waiting if unanswered(name, environment, waiting) else None
    pages = Pages(environment.pages)
    days = pages.days(name)
    report = report_of(product, lake, recorded, clock=clock, now=now, until=now.date())
    return ProductStatus(report, pages.address(name, days[-1]) if days else "", waiting)


@contextmanager
def _recorded_runs(environment: Environment) -> Iterator[dg.DagsterInstance]:
    """The environment's instance; an empty one where no run was ever recorded on this machine."""
    if environment.name == "local" and not environment.dagster_home.exists():
        with dg.DagsterInstance.ephemeral() as empty:
            yield empty
        return
    with dagster_instance(environment) as instance:
        yield instance
