"""A game day of a few days through the real parts: sources, sensors' runs, the service, the judge."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.operations.gameday.page import to_html
from pipelines.operations.gameday.play import Report, play
from pipelines.operations.gameday.scenarios import scenario_of
from pipelines.operations.gameday.stage import UsedHome
from resources.lake import Lake
from tests.support.servers.ports import free_ports

pytestmark = pytest.mark.slow

SCENARIO = scenario_of("tiny")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("game") / "home"


@pytest.fixture(scope="module")
def played(home: Path) -> Report:
    return play(SCENARIO, 3, home, {"LOOPLINE_PORT_BASE": str(free_ports())}, lambda _: None)


def test_every_day_is_decided_by_the_service_and_made_by_the_sensors(played: Report, home: Path) -> None:
    days = [SCENARIO.first + timedelta(days=number) for number in range(SCENARIO.days)]
    assert [one.day for one in played.record.figures] == days
    down = {incident.day for incident in played.plan if incident.dependency == "decisions"}
    for one in played.record.figures:
        assert one.requests > 100
        assert one.answered == (0 if one.day in down else one.requests)
        assert one.profit <= one.perfect
    assert played.runs["card_fraud_daily"][0] >= SCENARIO.days - 1
    decisions = Lake(f"{home}/lake").read("card_fraud/decisions")
    made: set[date] = set(decisions["day"].to_pylist())
    assert made <= set(days)
    assert made, "the decisions of simulated days are rows of these days"


def test_the_bank_shows_no_label_of_a_payment_that_was_stopped(played: Report, home: Path) -> None:
    lake = Lake(f"{home}/lake")
    decisions = lake.read("card_fraud/decisions").to_pylist()
    stopped = {one["row_id"] for one in decisions if one["outcome"] == "stop"}
    if lake.exists("card_fraud/validated_fraud_labels"):
        labelled = set(map(str, lake.read("card_fraud/validated_fraud_labels")["transaction_id"].to_pylist()))
        assert not stopped & labelled


def test_the_timeline_has_every_incident_and_the_page_shows_it(played: Report) -> None:
    assert len(played.timeline.judged) == len(played.plan) == 3
    text = json.dumps(played.to_dict())
    assert json.loads(text)["seed"] == 3
    page = to_html(played)
    assert all(one.incident.name in page for one in played.timeline.judged)
    assert "http" not in page.replace("http-equiv", "")


def test_a_home_with_content_is_refused(played: Report, home: Path) -> None:
    with pytest.raises(UsedHome, match="name an empty folder"):
        play(SCENARIO, 3, home, {}, lambda _: None)
