"""A small bank, and the pipelines over it, run for real."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.materialising import asset_key
from pipelines.build import build_pipeline
from pipelines.jobs import daily_name
from pipelines.operations.loop.run_job import run_job
from pipelines.products import load_product
from pipelines.services.temporary import needed
from resources.environments import Environment, load_environment
from resources.lake import Lake
from resources.sandbox.systems.filling import fill_bank, fill_cards
from resources.sandbox.world.settings import BankSettings
from tests.integration.demo_home import DemoHome, Tables, run_demo, run_loopline, variables_of
from tests.support.servers.ports import free_ports

LAST = date(2026, 9, 30)
SETTINGS = replace(
    BankSettings.of_size(customers=2_000, first_day=LAST - timedelta(days=60), last_day=LAST),
    card_transactions=12_000,  # a bad row of a day must not be a large share of it
)


@dataclass(frozen=True)
class Small:
    """A product over the small bank."""

    environment: Environment
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    product: str

    @property
    def lake(self) -> Lake:
        return Lake(self.environment.lake)

    def make(self, first: date, last: date, *assets: str) -> str:
        """Materialises the named daily assets of these days in one run."""
        product = load_product(self.product)
        keys = [asset_key(product, name) for name in assets]
        return run_job(self.definitions, self.instance, daily_name(product), days=(first, last), selection=keys)

    def landing_file(self, source: str, day: date) -> Path:
        return Path(self.environment.landing) / source / f"{day}.csv"


@pytest.fixture(scope="session")
def filled_bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a filled sandbox; copy it before you change it."""
    home = tmp_path_factory.mktemp("bank")
    environment = load_environment({"LOOPLINE_HOME": str(home)})
    fill_bank(
        SETTINGS,
        database_url=environment.database_url,
        landing=environment.landing,
        stream=environment.stream,
        bureau_data=environment.bank / "bureau",
    )
    fill_cards(SETTINGS, landing=environment.landing)
    return home


@pytest.fixture
def small(filled_bank: Path, tmp_path: Path) -> Iterator[Callable[[str], Small]]:
    """Makes a product over a copy of the small bank; the bureau answers meanwhile."""
    home = tmp_path / "home"
    shutil.copytree(filled_bank, home)
    environment = load_environment({"LOOPLINE_HOME": str(home), "LOOPLINE_PORT_BASE": str(free_ports())})
    with dg.DagsterInstance.ephemeral() as instance:

        def make(product: str) -> Small:
            definitions = build_pipeline(load_product(product), environment=environment)
            return Small(environment, definitions, instance, product)

        yield make


@pytest.fixture
def bureau(small: Callable[[str], Small]) -> Iterator[None]:
    """The credit bureau answers within the test."""
    with needed(small("credit_risk").environment, ["bureau"]):
        yield


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[DemoHome]:
    """A home in which the demonstration ran; it is kept when a test failed."""
    folder = tmp_path_factory.mktemp("demo")
    variables = variables_of(folder)
    try:
        yield run_demo(variables)
    finally:
        run_loopline(["down", "--json"], variables)
    if not request.session.testsfailed:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def demo_tables(demo_home: DemoHome) -> Tables:
    """The tables before anything but the demonstration was done in its home."""
    return demo_home.tables()
