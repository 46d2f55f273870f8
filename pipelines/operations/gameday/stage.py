"""The stage of a game day: its home, its bank and the real parts that run on it.

Belongs here: the environment of a game day, the code locations of its products, the services that it needs. Does not
belong here: what happens on it (`play.py`, `day.py`).
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from pathlib import Path
from unittest import mock

import dagster as dg
from dagster._core.execution.context import data_version_cache
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager

from assets.product import Product
from pipelines.build import build_pipeline
from pipelines.connections import alert_desk
from pipelines.operations.gameday.no_pictures import without_pictures
from pipelines.operations.gameday.recorder import Recorder
from pipelines.operations.gameday.scenarios import Scenario
from pipelines.operations.gameday.simulated_time import Hands, dagster_on
from pipelines.operations.gameday.ticks import Ticker
from pipelines.operations.loop.run_job import dagster_instance
from pipelines.products import load_product
from resources.alerts.targets import Target
from resources.clock import SimulatedClock
from resources.environments import Environment, load_environment
from resources.errors import LooplineError
from resources.lake import Lake
from resources.lake.kept_files import KeptFiles
from resources.rollout_store.store import RolloutStore
from resources.sandbox.answering.bank import AnsweringBank
from resources.sandbox.answering.places import Places
from resources.sandbox.planned.incidents import PlannedIncident

_KEPT_BYTES = 1 << 30


class UsedHome(LooplineError):
    """The home of a game day has content already; the message names it and what to do."""


@dataclass(frozen=True)
class Played:
    """One product of a game day, with its daemon."""

    product: Product
    definitions: dg.Definitions
    ticker: Ticker


@dataclass(frozen=True)
class Stage:
    """Everything that a game day runs on.

    Attributes:
        environment: Its sources are read from the bank's places.
        lake: The tables, for every part of this process; nobody else writes to them.
        recorder: Alerts arrive there.
    """

    scenario: Scenario
    environment: Environment
    clock: Hands
    bank: AnsweringBank
    instance: dg.DagsterInstance
    lake: Lake
    played: tuple[Played, ...]
    recorder: Recorder

    @property
    def rollout(self) -> RolloutStore:
        """The rollout states."""
        return RolloutStore.open(self.environment.rollout, self.environment.home / "fetched")


@contextmanager
def staged(
    scenario: Scenario, seed: int, plan: tuple[PlannedIncident, ...], home: Path, variables: Mapping[str, str]
) -> Iterator[Stage]:
    """A stage in an empty home; within the block Dagster runs on the simulated clock.

    Raises:
        UsedHome: The home has content.
    """
    refuse_used(home)
    home.mkdir(parents=True, exist_ok=True)
    clock = Hands(SimulatedClock(home / "clock"), datetime.combine(scenario.first, time(), UTC))
    environment = game_environment(home, clock.clock, variables)
    places = Places(
        environment.database_url, Path(environment.landing), Path(environment.stream.removeprefix("file://")),
        environment.bank / "bureau",
    )  # fmt: skip
    recorder = Recorder(clock, home / "observations.jsonl")
    bank = AnsweringBank(scenario.settings(seed), plan, places, scenario.keenness)
    with dagster_on(clock), without_pictures(), dagster_instance(environment) as instance, kept_quick(instance):
        lake = Lake(environment.lake, KeptFiles(_KEPT_BYTES))
        played = tuple(_played(scenario, name, environment, instance, lake, recorder) for name in scenario.products)
        yield Stage(scenario, environment, clock, bank, instance, lake, played, recorder)


@contextmanager
def kept_quick(instance: dg.DagsterInstance) -> Iterator[None]:
    """Within the block Dagster does without what nobody looks at: prints of runs, and versions of partitions read.

    For the prints of each run it starts four processes; it looks up which version of each partition a step reads, to
    tell stale assets on its pages. One more connection to its runs is open: it opens one for each question, and
    whenever the last one closes, SQLite moves the journal into the database and waits for the disk.
    """
    runs, quiet = Path(instance.root_directory) / "history" / "runs.db", NoOpComputeLogManager()
    with (
        closing(sqlite3.connect(runs)) as connection,
        mock.patch.object(instance, "_compute_log_manager", quiet),
        mock.patch.object(data_version_cache, "SKIP_PARTITION_DATA_VERSION_DEPENDENCY_THRESHOLD", 0),
    ):
        connection.execute("PRAGMA schema_version").fetchone()
        yield


def refuse_used(home: Path) -> None:
    """Refuses a home that is not empty.

    Raises:
        UsedHome: It has content.
    """
    if home.exists() and any(home.iterdir()):
        raise UsedHome(f"{home} has content already, and a game day begins from nothing: name an empty folder")


def game_environment(home: Path, clock: SimulatedClock, variables: Mapping[str, str]) -> Environment:
    """The local environment of a game day: its sources are the answering bank's, not the sandbox's."""
    named = {
        **variables, "LOOPLINE_ENV": "local", "LOOPLINE_HOME": str(home), "LOOPLINE_CLOCK": str(clock.file),
        "LOOPLINE_LANDING": str(home / "systems" / "landing"),
        "LOOPLINE_DATABASE_URL": f"sqlite:///{home}/systems/bank.db",
        "LOOPLINE_STREAM": f"file://{home}/systems/stream",
    }  # fmt: skip
    return load_environment(named)


def _played(
    scenario: Scenario,
    name: str,
    environment: Environment,
    instance: dg.DagsterInstance,
    lake: Lake,
    recorder: Recorder,
) -> Played:
    product = scenario.played(load_product(name))
    desk = replace(alert_desk(product, environment), targets=lambda: (Target("recorder", recorder),))
    definitions = build_pipeline(product, environment=environment, resources={"notifier": desk, "lake": lake})
    return Played(product, definitions, Ticker(product, definitions, instance))
