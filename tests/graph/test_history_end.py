"""A history that has ended (`Product.end`): nothing is asked for after its last day, and nothing is called late."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.materialising import asset_key, definition_of
from assets.product import ProductError
from pipelines.build import build_pipeline
from pipelines.connections import clock_of, connections
from pipelines.operations.loop.source_days import ImpossibleDay, readable_days
from pipelines.partitions import partitions_of
from pipelines.products import load_product
from resources.clock import HistoryClock, WallClock
from resources.environments import Environment, load_environment

END = date(2018, 4, 20)
MIDNIGHT = datetime(2018, 4, 21, tzinfo=UTC)
ENDED = replace(load_product("card_fraud"), sandbox=False, end=END)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return load_environment({"LOOPLINE_HOME": str(tmp_path / "home"), "LOOPLINE_LANDING": str(tmp_path / "landing")})


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Evaluating a schedule needs an instance that can be opened a second time."""
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as found:
        yield found


def made(instance: dg.DagsterInstance, asset: str, *days: date, **metadata: str) -> None:
    for partition in [day.isoformat() for day in days] or [None]:
        event = dg.AssetMaterialization(asset_key(ENDED, asset), partition=partition, metadata=metadata)
        instance.report_runless_asset_event(event)


def answer(instance: dg.DagsterInstance, environment: Environment, name: str) -> Any:
    """The run request of one tick, at the machine's present time, or the reason to skip."""
    repository = build_pipeline(ENDED, environment=environment).get_repository_def()
    clock = {"clock": clock_of(ENDED, environment)}
    if name.endswith("_schedule"):
        with dg.build_schedule_context(
            instance, scheduled_execution_time=datetime.now(UTC), resources=clock, repository_def=repository
        ) as context:
            tick = repository.get_schedule_def(name).evaluate_tick(context)
            return tick.run_requests[0] if tick.run_requests else tick.skip_message
    sensor, known = repository.get_sensor_def(name), {**connections(ENDED, environment), **clock}
    resources = {key: known[key] for key in sensor.required_resource_keys}
    with dg.build_sensor_context(instance, resources=resources, repository_def=repository) as sensor_context:
        found = sensor.evaluate_tick(sensor_context)
        return found.run_requests[0] if found.run_requests else found.skip_message


def test_its_days_end_with_it(environment: Environment) -> None:
    keys = definition_of(partitions_of(ENDED, environment)).get_partition_keys()
    assert (keys[0], keys[-1], len(keys)) == ("2018-04-01", "2018-04-20", 20)
    with readable_days(ENDED, environment, (None, None), lambda _: None) as days:
        assert days == (ENDED.start, END)
    wanted = "card_fraud has no day 2018-04-21: .* 2018-04-20 is the last one, the end= of its history"
    with (
        pytest.raises(ImpossibleDay, match=wanted),
        readable_days(ENDED, environment, (None, END + timedelta(days=1)), lambda _: None),
    ):
        pass


def test_its_clock_stands_at_its_end_and_runs_before(environment: Environment) -> None:
    assert clock_of(ENDED, environment).now() == MIDNIGHT
    later = clock_of(replace(ENDED, end=date(2999, 1, 1)), environment).now()
    assert abs(later - WallClock().now()) < timedelta(minutes=1)


def test_nothing_is_asked_for_after_its_end(environment: Environment, instance: dg.DagsterInstance) -> None:
    made(instance, "features", *(ENDED.start + timedelta(days=n) for n in range(20)))
    made(instance, "model", trained_at=MIDNIGHT.isoformat())
    assert "2018-04-20 is materialised already" in answer(instance, environment, "card_fraud_daily_schedule")
    landed = answer(instance, environment, "card_fraud_landing_sensor")
    assert landed == "card_fraud has no day 2018-04-21: it is not over, or after the end of its history"
    trained = "the last training was at 2018-04-21 00:00 UTC: card_fraud_retrain_sensor starts the next one"
    assert trained in answer(instance, environment, "card_fraud_retrain_schedule")
    asked = answer(instance, environment, "card_fraud_retrain_sensor")
    assert asked.startswith("unknown: performance: no model decides yet")
    assert "due" not in asked, "the schedule's last time is before its end"


def test_in_the_sandbox_the_earlier_end_counts(tmp_path: Path) -> None:
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path)})
    cut = replace(ENDED, sandbox=True, end=date(2026, 5, 1))
    for end, last in ((cut.end, "2026-05-01"), (date(2030, 1, 1), "2026-09-30")):
        partitions = partitions_of(replace(cut, end=end), environment)
        assert definition_of(partitions).get_partition_keys()[-1] == last
    assert isinstance(clock_of(cut, environment), HistoryClock)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ProductError, match="end=2018-03-01 is before start=2018-04-01; write the last day with data"):
        replace(ENDED, end=date(2018, 3, 1))
