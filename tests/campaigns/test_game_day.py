"""A game day of a few days through the real parts: sources, sensors' runs, the service, the judge.

It takes minutes on a busy machine, so it is among the campaigns; its parts have tests of their own.
"""

import json
import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.operations.gameday.page import to_html
from pipelines.operations.gameday.play import play
from pipelines.operations.gameday.report import Report
from pipelines.operations.gameday.scenarios import scenario_of
from pipelines.operations.gameday.stage import UsedHome
from resources.lake import Lake
from tests.support.servers.ports import free_ports

pytestmark = pytest.mark.skipif(os.environ.get("LOOPLINE_CAMPAIGN") != "1", reason="minutes; run: make campaign")

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


def test_what_the_bank_went_on_with_is_what_the_service_answered(played: Report, home: Path) -> None:
    decisions = Lake(f"{home}/lake").read("card_fraud/decisions").to_pylist()
    figures = {one.day: one for one in played.record.figures}
    for day in {one["day"] for one in decisions}:
        through = [one for one in decisions if one["day"] == day and one["outcome"] == "let_through"]
        assert len(through) == figures[day].accepted
    assert any(one["outcome"] == "stop" for one in decisions)


def test_a_bad_feed_is_noticed_and_its_day_is_made_again_by_people(played: Report) -> None:
    """A day without rows that break the contract would be the fault of the bank, one that stays away of the loop."""
    feed = next(one for one in played.timeline.judged if one.incident.kind == "bad_feed")
    assert (feed.verdict, feed.done) == ("right", ("alert",))
    assert [one.day for one in played.record.observations if one.seen == "repaired"] == [feed.incident.day]


def test_the_timeline_has_every_incident_and_the_page_shows_it(played: Report) -> None:
    assert len(played.timeline.judged) == len(played.plan) == 3
    text = json.dumps(played.to_dict())
    assert json.loads(text)["seed"] == 3
    page = to_html(played)
    assert all(one.incident.name in page for one in played.timeline.judged)
    assert "<script" not in page


def test_a_home_with_content_is_refused(played: Report, home: Path) -> None:
    with pytest.raises(UsedHome, match="name an empty folder"):
        play(SCENARIO, 3, home, {}, lambda _: None)
