"""The page and the JSON of a game day, from a record that was written by hand."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from pipelines.operations.gameday.page import to_html
from pipelines.operations.gameday.report import Report
from pipelines.operations.gameday.scenarios import scenario_of
from resources.sandbox.judge.record import DayFigures, Observation, Record
from resources.sandbox.judge.regret import compared
from resources.sandbox.judge.timeline import judge
from resources.sandbox.planned.incidents import PlannedIncident

SCENARIO = scenario_of("one_month")
FEED = PlannedIncident(
    kind="bad_feed", day=date(2026, 3, 10), last_day=date(2026, 3, 10), product="card_fraud", source="fraud_labels"
)
DRIFT = PlannedIncident(kind="fraud_wave", day=date(2026, 3, 15), last_day=date(2026, 3, 20), product="card_fraud")
NOTICED = Observation(
    at=datetime(2026, 3, 11, 1, tzinfo=UTC), seen="alert", product="card_fraud", about="validated_fraud_labels",
    day=FEED.day, text="9 rows <broke> the contract",
)  # fmt: skip
FALSE = replace(NOTICED, at=datetime(2026, 3, 2, 1, tzinfo=UTC), about="rollout", day=None, text="nothing was planned")


def report() -> Report:
    days = [SCENARIO.first + timedelta(days=number) for number in range(SCENARIO.days)]
    figures = tuple(
        DayFigures(day=day, product="card_fraud", requests=9, answered=9, fallbacks=0, accepted=8, champion="1",
                   profit=1.0, perfect=2.0)
        for day in days
    )  # fmt: skip
    record = Record(first=SCENARIO.first, last=SCENARIO.last, observations=(FALSE, NOTICED), figures=figures)
    plan = (FEED, DRIFT)
    return Report(
        scenario=SCENARIO, seed=3, plan=plan, record=record, timeline=judge(plan, record),
        regret={"card_fraud": compared(np.array([[4.0, 3.0], [0.0, 5.0]]), (1,), ())}, passing={"card": 0.5},
        runs={"card_fraud_daily": (30, 1)}, stated={"card_fraud": 1.0}, contradictions=("decisions: 2 rows twice",),
        seconds=60.0, cpu_seconds=50.0,
    )  # fmt: skip


def test_the_json_has_the_verdicts_the_words_and_the_regret() -> None:
    found = json.loads(json.dumps(report().to_dict()))
    assert found["verdicts"] == {"right": 1, "late": 0, "wrong": 0, "not noticed": 1}
    assert not found["holds"]
    assert found["shortfalls"] == ["decisions: 2 rows twice"], "one alarm in a month is within one a year"
    assert found["alarms"]["card_fraud"]["about"] == {"rollout": 1}
    assert [one["verdict"] for one in found["timeline"]] == ["right", "not noticed"]
    assert [one["text"] for one in found["unexplained"]] == ["nothing was planned"]
    free = found["regret"]["card_fraud"][0]["rules"]
    assert (free["optimum"]["value"], free["never"]["regret"], free["loop"]["share"]) == (9.0, 2.0, 1.0)
    assert found["runs"]["card_fraud_daily"] == {"runs": 30, "failed": 1}


def test_the_page_is_whole_without_another_host_and_shows_words_as_words() -> None:
    page = to_html(report())
    assert page.startswith("<!doctype html>")
    assert "bad feed (fraud_labels)" in page
    assert "not noticed" in page
    assert "9 rows &lt;broke&gt; the contract" in page
    assert "nothing was planned" in page
    assert "on drift only" in page
    assert "decisions: 2 rows twice" in page
    assert page.count("data:image/png;base64,") == 1 + len(SCENARIO.products)
    assert "<script" not in page
    assert "http://" not in page
