"""A sensor whose tick fails: the others are asked all the same, and it is noted what is waited for."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from pipelines.operations.gameday.recorder import Recorder
from pipelines.operations.gameday.ticks import Ticker
from pipelines.products import load_product
from resources.clock import SimulatedClock

PRODUCT = load_product("card_fraud")


@dg.op
def nothing() -> None:
    """Does nothing."""


@dg.job
def idle() -> None:
    """Has one step."""
    nothing()


@dg.sensor(job=idle)
def card_fraud_registry_sensor() -> dg.SkipReason:
    raise OSError("the registry does not answer\nat all")


@dg.sensor(job=idle)
def card_fraud_landing_sensor() -> dg.SkipReason:
    return dg.SkipReason("2026-03-02 lacks files: card_transactions/2026-03-02.csv")


@pytest.fixture
def ticker() -> Iterator[Ticker]:
    found = dg.Definitions(jobs=[idle], sensors=[card_fraud_registry_sensor, card_fraud_landing_sensor])
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticker(PRODUCT, found, instance)


def test_a_tick_that_fails_stops_no_other_and_is_waited_for_once(ticker: Ticker, tmp_path: Path) -> None:
    clock = SimulatedClock(tmp_path / "clock")
    clock.set(datetime(2026, 3, 3, 1, tzinfo=UTC))
    recorder = Recorder(clock, tmp_path / "observations.jsonl")
    for _ in range(2):
        assert ticker.sensors() == []
        recorder.waits(PRODUCT, ticker.skipped, ticker.failed)
    seen = {one.about: one.text for one in recorder.observations}
    assert seen == {
        "card_fraud_registry_sensor": "builtins.OSError: the registry does not answer",
        "card_fraud_landing_sensor": "2026-03-02 lacks files: card_transactions/2026-03-02.csv",
    }
    assert {one.seen for one in recorder.observations} == {"waits"}
    assert len(recorder.observations) == 2, "the same reason is no second wait"
    written = [json.loads(line) for line in recorder.trail.read_text(encoding="utf-8").splitlines()]
    assert written == [one.to_dict() for one in recorder.observations]
    recorder.waits(PRODUCT, {}, {})
    recorder.waits(PRODUCT, ticker.skipped, {})
    assert [one.about for one in recorder.observations][2:] == ["card_fraud_landing_sensor"], "it began again"
