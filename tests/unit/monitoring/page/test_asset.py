"""The asset `monitoring_page`: the page of the newest day, kept, linked, with those before it."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.materialising import asset_key
from assets.monitoring.page.assets import monitoring_page_asset, trainings_of
from pipelines.alerting.monitors import heard
from pipelines.connections import connections
from resources.environments import Environment, load_environment
from resources.lake import Lake
from resources.pages import Pages
from tests.support.data.watched_days import LAST, PRODUCT, fill_watched

PAGE = monitoring_page_asset(PRODUCT, heard)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return load_environment({"LOOPLINE_HOME": str(tmp_path)})


def make(environment: Environment, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    needed = ("lake", "rollout", "environment")
    known = {name: one for name, one in connections(PRODUCT, environment).items() if name in needed}
    return dg.materialize([PAGE], instance=instance, resources=known)


def test_it_keeps_the_page_of_the_newest_day_and_links_it(environment: Environment) -> None:
    """A second run of the same day leaves the same bytes; the page of the day before stays, and is linked."""
    fill_watched(Lake(environment.lake))
    pages = Pages(environment.pages)
    pages.keep(PRODUCT.name, LAST - timedelta(days=1), "yesterday")
    with dg.DagsterInstance.ephemeral() as instance:
        (event,) = make(environment, instance).asset_materializations_for_node(f"{PRODUCT.name}__monitoring_page")
        first = Path(pages.address(PRODUCT.name, LAST)).read_bytes()
        make(environment, instance)
    assert event.metadata["page"].value == f"file://{pages.address(PRODUCT.name, LAST)}"
    assert event.metadata["day"].value == "2026-09-30"
    assert str(event.metadata["headline"].value).startswith("One thing needs a person")
    assert event.metadata["bytes"].value == len(first)
    assert Path(pages.address(PRODUCT.name, LAST)).read_bytes() == first
    assert pages.days(PRODUCT.name) == (LAST - timedelta(days=1), LAST)
    assert b'<a href="2026-09-29.html">the page of 2026-09-29</a>' in first


def test_without_any_figures_there_is_no_page(environment: Environment) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert make(environment, instance).success
        assert instance.get_latest_materialization_event(asset_key(PRODUCT, "monitoring_page")) is None
    assert Pages(environment.pages).days(PRODUCT.name) == ()


def test_trainings_are_those_that_dagster_recorded(tmp_path: Path) -> None:
    """One that was refused has no version; the reason is the person's, or the sensor's cause."""

    @dg.asset(key=[PRODUCT.name, "training_set"])
    def training_set() -> None: ...

    @dg.asset(key=[PRODUCT.name, "registered_model"])
    def registered_model() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"version": "7"})

    with dg.DagsterInstance.ephemeral(str(tmp_path)) as instance:
        dg.materialize([training_set], instance=instance, tags={"loopline/cause": "drift"})
        dg.materialize([training_set, registered_model], instance=instance, tags={"loopline/reason": "new contract"})
        found = trainings_of(instance, PRODUCT)
    assert [(one.version, one.result, one.why) for one in found] == [
        ("7", "registered", "new contract"), ("", "refused or failed", "drift"),
    ]  # fmt: skip
