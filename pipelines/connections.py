"""The connections that Dagster passes to a product's assets, sensors and schedules.

Belongs here: the name of each connection of `resources` in an environment. Nothing is opened here: a connection opens
on its first use. Does not belong here: the connections themselves.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from assets.governance.audit_database import audit_of
from assets.product import Files, Product
from pipelines.sandbox_sources import sandbox_of, source_systems
from resources.alerts.book import open_book
from resources.alerts.desk import AlertDesk
from resources.alerts.targets import targets_of
from resources.clock import Clock, HistoryClock
from resources.dagster.json_values import JsonValues
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake
from resources.online_store.opening import OnlineStores
from resources.rollout_store.store import RolloutStore
from resources.sandbox.systems.clock import SandboxClock
from resources.spark.sessions import SparkSessions
from resources.tracking import Tracking


def connections(product: Product, environment: Environment) -> Mapping[str, Any]:
    """Each connection by the name under which assets request it."""
    return {
        "audit": audit_of(environment),
        "environment": environment,
        "io_manager": JsonValues(folder=f"{environment.rollout.rstrip('/')}/.values"),
        "lake": Lake(environment.lake),
        "source_systems": source_systems(product, environment),
        "keys": Keys.of(environment.home),
        "spark": SparkSessions(environment.spark_master, environment.home),
        "tracking": Tracking.of(environment),
        "rollout": RolloutStore.open(environment.rollout, environment.home / "fetched"),
        "online_stores": OnlineStores(environment.online_store),
        "clock": clock_of(product, environment),
        "notifier": alert_desk(product, environment),
    }


def alert_desk(product: Product, environment: Environment) -> AlertDesk:
    """The desk of the product's alerts."""
    targets, book = partial(targets_of, environment), open_book(environment.records)
    return AlertDesk(product.name, product.owner, product.alerting, book, targets, environment.clock.now)


def clock_of(product: Product, environment: Environment) -> Clock:
    """The machine's clock, or that of a simulation.

    At the end of the sandbox's data, or of the product's history, it is a clock that stands still.
    """
    clock: Clock = environment.clock
    if environment.simulated_clock is None and sandbox_of(product, environment) is not None:
        files = next((source.name for source in product.sources if isinstance(source, Files)), None)
        clock = SandboxClock(environment.bank / "landing", files)
    return clock if product.end is None else HistoryClock(product.end, clock)
