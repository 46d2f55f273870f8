"""`loopline run` after a run that was killed between training and deployment: it ends with the model of the data."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.materialising import asset_key
from pipelines.build import build_pipeline
from pipelines.jobs import daily_name, retrain_name
from pipelines.operations import product_jobs, run_loop
from pipelines.operations.run_job import dagster_instance, run_job
from pipelines.operations.run_loop import LoopReport
from resources.environments import Environment, load_environment
from resources.lake import Lake
from resources.lake.origins import changed_days
from resources.tracking import Tracking
from tests.integration.commands.test_loop import DATA, PRODUCT
from tests.integration.conftest import LAST
from tests.support.ports import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
DAY = LAST - timedelta(days=20)
LABELS = "card_fraud/validated_fraud_labels"


@dataclass(frozen=True)
class Home:
    """A home in which `loopline run card_fraud` ran."""

    environment: Environment
    definitions: dg.Definitions

    def loop(self, **terms: Any) -> LoopReport:
        """`loopline run card_fraud`."""
        return run_loop.run_loop("card_fraud", self.environment, progress=print, **terms)

    def run(self, job: str, *names: str, days: tuple[date, date] | None = None) -> None:
        """A run that ends after these assets, as if it had been killed then."""
        keys = [asset_key(PRODUCT, name) for name in names]
        with dagster_instance(self.environment) as instance:
            run_job(self.definitions, instance, job, days=days, selection=keys)

    def change(self, amount: float) -> None:
        """The day's file comes again with other amounts, and the day is made again: now the champion is outdated."""
        path = Path(self.environment.landing) / "card_transactions" / f"{DAY}.csv"
        header, *rows = path.read_text().splitlines()
        assert header.endswith(",amount")
        rows = [f"{row.rpartition(',')[0]},{amount + number}" for number, row in enumerate(rows)]
        path.write_text("\n".join([header, *rows]) + "\n")
        self.run(daily_name(PRODUCT), *DATA[:-1], days=(DAY, DAY))

    def versions(self) -> list[str]:
        return [version.version for version in Tracking.of(self.environment).versions("card_fraud")]

    def is_of_present_tables(self, report: LoopReport) -> bool:
        assert report.champion is not None
        lake, pins = Lake(self.environment.lake), report.champion.parts.pins["pins"]
        assert set(pins) == {"card_fraud/features", LABELS}
        return not any(changed_days(lake, table, version) for table, version in pins.items())


@pytest.fixture(scope="module")
def home(filled_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("killed_training") / "home"
    shutil.copytree(filled_bank, folder)
    environment = load_environment({"LOOPLINE_HOME": str(folder), "LOOPLINE_PORT_BASE": str(free_ports())})
    made = Home(environment, build_pipeline(PRODUCT, environment=environment))
    with pytest.MonkeyPatch.context() as patch:
        # The product of these tests, whose search is short; its definitions in this home.
        patch.setattr(run_loop, "load_product", lambda _: PRODUCT)
        patch.setattr(product_jobs, "load_definitions", lambda _: made.definitions)
        yield made


def test_a_run_that_was_killed_goes_on_to_the_right_model(home: Home) -> None:
    first = home.loop()
    assert first.champion is not None
    assert first.champion.version == "1"
    assert home.loop().materialised == ()

    # Killed between training and registration: the candidate that is there is of no use.
    home.change(10.0)
    home.run(retrain_name(PRODUCT), "training_set", "model")
    assert not home.is_of_present_tables(home.loop(through="features"))
    second = home.loop()
    assert {"model", "registered_model", "deployment", "scores", "drift"} <= set(second.materialised)
    assert (second.champion.version, home.versions()) == ("2", ["1", "2"])  # type: ignore[union-attr]
    assert home.is_of_present_tables(second)
    assert home.loop().materialised == ()

    # Killed between registration and deployment: what was registered is deployed, and nothing is trained.
    home.change(30.0)
    home.run(retrain_name(PRODUCT), "training_set", "model", "evaluation", "registered_model")
    assert home.versions() == ["1", "2", "3"]
    third = home.loop()
    assert "deployment" in third.materialised
    assert "model" not in third.materialised
    assert "scores" in third.materialised
    assert (third.champion.version, home.versions()) == ("3", ["1", "2", "3"])  # type: ignore[union-attr]
    assert home.is_of_present_tables(third)

    # What was registered is of older content by now: it is not deployed.
    home.change(50.0)
    home.run(retrain_name(PRODUCT), "training_set", "model", "evaluation", "registered_model")
    home.change(70.0)
    fifth = home.loop()
    assert (fifth.champion.version, home.versions()[-1]) == ("5", "5")  # type: ignore[union-attr]
    assert home.is_of_present_tables(fifth)
