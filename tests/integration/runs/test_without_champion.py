"""Days that are made while no version decides yet: what needs a champion says so, and no run fails."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.materialising import asset_key
from pipelines.jobs import daily_name
from pipelines.operations.loop.run_job import dagster_instance, run_job
from pipelines.products import load_definitions, load_product
from resources.environments import Environment, load_environment
from resources.lake import Lake
from tests.integration.demo_home import variables_of
from tests.support.data.small_bank import LAST, fill_small_bank
from tests.support.models.champions import crown
from tests.support.processes.in_process import answer_of, fresh_definitions

pytestmark = pytest.mark.slow

PRODUCT = load_product("card_fraud")
DAY, NEXT = LAST - timedelta(days=1), LAST
NEED_A_CHAMPION = (
    "scores", "distributions", "attributions", "separation", "drift", "batch_outcomes", "batch_performance",
)  # fmt: skip
MADE_OF_SCORES = ("distributions", "drift", "batch_outcomes", "batch_performance")


@dataclass(frozen=True)
class Days:
    """The days of a product in a home, as its pages, its schedules and its commands make them."""

    environment: Environment
    variables: dict[str, str]
    instance: dg.DagsterInstance
    definitions: dg.Definitions

    def launch(self, day: date) -> None:
        """The daily job of a day, all of its assets, as the launchpad and a backfill of its page start it."""
        job = self.definitions.resolve_job_def(daily_name(PRODUCT))
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        assert job.execute_in_process(instance=self.instance, partition_key=f"{day}", run_config=quiet).success

    def make(self, day: date, *names: str) -> None:
        keys = [asset_key(PRODUCT, name) for name in names]
        run_job(self.definitions, self.instance, daily_name(PRODUCT), days=(day, day), selection=keys)

    def made(self, name: str) -> set[str]:
        return set(self.instance.get_materialized_partitions(asset_key(PRODUCT, name)))

    def told(self, name: str) -> list[str]:
        """For each time that a run left the asset unmade, its day and why."""
        found = self.instance.fetch_observations(asset_key(PRODUCT, name), limit=10).records
        observed = [record.asset_observation for record in found]
        return [f"{one.partition}: {one.metadata['waiting'].value}" for one in observed if one is not None]


@pytest.fixture
def days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    variables = variables_of(tmp_path / "home")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    environment = load_environment(variables)
    fill_small_bank(environment)
    with fresh_definitions(), dagster_instance(environment) as instance:
        yield Days(environment, variables, instance, load_definitions(PRODUCT.name))


def test_a_day_that_is_started_by_hand_waits_for_the_first_champion(days: Days, tmp_path: Path) -> None:
    days.launch(DAY)
    lake = Lake(days.environment.lake)
    assert lake.read("card_fraud/features", days=[DAY]).num_rows > 0
    assert days.made("anomalies") == {f"{DAY}"}, "it needs no champion"
    assert [days.made(name) for name in NEED_A_CHAMPION] == [set()] * len(NEED_A_CHAMPION)
    (why,) = days.told("scores")
    assert why.startswith(f"{DAY}: card_fraud has no champion yet: `loopline status` names a version that waits")
    assert [days.told(name) for name in MADE_OF_SCORES] == [[]] * len(MADE_OF_SCORES), "they are left out"

    for name in NEED_A_CHAMPION:  # alone, as from the asset's own page
        days.make(DAY, name)
        assert "card_fraud has no champion yet" in days.told(name)[0]
        assert days.made(name) == set()

    asked = answer_of(
        ["backfill", "card_fraud", "--from", f"{DAY}", "--to", f"{DAY}", "--select", "features,scores", "--json"],
        days.variables,
    )
    assert asked.status == 1, "the scores that a person asked for are not there"
    (day,) = asked.told["days"]
    assert (day["day"], day["state"]) == (f"{DAY}", "failed")
    assert day["reason"].startswith("scores: card_fraud has no champion yet")

    crown(PRODUCT, days.environment, tmp_path)
    days.launch(NEXT)
    days.make(DAY, *NEED_A_CHAMPION)
    assert [days.made(name) for name in NEED_A_CHAMPION] == [{f"{DAY}", f"{NEXT}"}] * len(NEED_A_CHAMPION)
