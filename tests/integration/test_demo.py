"""The demonstration: the whole loop of a product from nothing, again, backwards, and read out.

All tests share one home; those of its services and pages are in `test_demo_up.py`, which pytest runs afterwards.
"""

from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.integration.demo_home import PRODUCT, DemoHome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FIRST = date(2026, 8, 1)
LAST = FIRST + timedelta(days=29)
LOOP = (
    "raw_transactions", "validated_transactions", "features", "online_store", "training_set", "model", "evaluation",
    "registered_model", "deployment", "scores", "outcomes", "performance",
)  # fmt: skip


def test_it_reaches_a_live_decision(demo_home: DemoHome) -> None:
    """`loopline demo --json` ends with status 0 and tells stages, gates, champion and decision in one JSON object."""
    demo = demo_home.demo
    assert demo.status == 0, demo.people
    told = demo.told
    assert told["product"] == PRODUCT
    stages = {stage["name"]: stage for stage in told["stages"]}
    assert [name for name in stages if name in LOOP] == list(LOOP), "every stage of the loop, in its order"
    assert all(stages[name]["rows"] > 0 for name in LOOP)
    assert 0 < sum(stage["seconds"] for stage in told["stages"]) < told["wall_seconds"]
    assert {"auc", "calibration_error", "profit_gain", "odds_gap"} <= {gate["name"] for gate in told["gates"]}
    assert [gate for gate in told["gates"] if not gate["passed"]] == []
    assert all(isinstance(gate[part], int | float) for gate in told["gates"] for part in ("value", "threshold"))
    assert told["champion"]["version"] == "1"
    assert 0.75 < told["champion"]["auc"] < 0.85, "a good model of this bank, and no better than one can be"


def test_its_decision_is_explained(demo_home: DemoHome) -> None:
    """The live decision has a score, an outcome and reasons in words, which come from a history that is known."""
    decision = demo_home.demo.told["decision"]
    assert decision["id"]
    assert 0 < decision["score"] < 1
    assert decision["outcome"] in ("approve", "decline")
    assert decision["fallback"] is None
    assert decision["reasons"]
    words = [reason["text"] for reason in decision["reasons"]]
    assert [text for text in words if text.startswith("Nothing is known")] == [], "a customer without any history"


def test_people_are_told_too(demo_home: DemoHome) -> None:
    """What is for people is on standard error: stages, gates, champion, decision, and what to run next."""
    people = demo_home.demo.people
    for words in ("Stages, ", "Gates of the champion", "Champion: version 1", "Decision ", "loopline up"):
        assert words in people
    assert "Traceback" not in people


def test_a_second_time_makes_nothing(demo_home: DemoHome) -> None:
    """A second demonstration reuses what is there: no table gets a version, a row or another content."""
    before = demo_home.tables()
    again = demo_home.done("demo")
    assert again["made"] == []
    assert again["champion"] == demo_home.demo.told["champion"]
    assert demo_home.tables() == before


def test_a_backfill_gives_the_same_content_again(demo_home: DemoHome) -> None:
    """Thirty days made again, twice: every table and every day has the rows that it had, in new versions."""
    before = demo_home.tables()
    first, second = _backfilled(demo_home), _backfilled(demo_home)
    for name, table in before.items():
        assert first[name]["hashes"] == second[name]["hashes"] == table["hashes"], name
        assert first[name]["rows"] == second[name]["rows"] == table["rows"], name
    made = [name for name in before if name == "features" or name.startswith(("raw_", "validated_"))]
    assert len(made) == 11, "five sources, raw and validated, and the features"
    for name in made:
        assert before[name]["version"] < first[name]["version"] < second[name]["version"], name


def test_a_table_is_exported_whole(demo_home: DemoHome, tmp_path: Path) -> None:
    """`loopline export` writes the features, at any version, as a Parquet file with as many rows as the table has."""
    table = demo_home.tables()["features"]
    newest, oldest = tmp_path / "newest.parquet", tmp_path / "oldest.parquet"
    assert demo_home.done("export", PRODUCT, "features", str(newest))["rows"] == table["rows"]
    assert demo_home.done("export", PRODUCT, "features", str(oldest), "--version", "0")["rows"] == table["rows"]
    found = pq.read_table(newest)
    assert found.num_rows == table["rows"]
    assert pq.read_table(oldest).column_names == found.column_names
    assert len(found["application_id"].unique()) == found.num_rows


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tables", "mortgage"], "there is no product 'mortgage'; this checkout has"),
        (
            ["backfill", PRODUCT, "--from", "2026-13-01", "--to", "2026-13-02"],
            "day '2026-13-01' is not in the calendar",
        ),
        (["export", PRODUCT, "../keys", "keys.parquet"], "table '../keys' is not a name"),
        (["export", PRODUCT, "nothing", "nothing.parquet"], "table credit_risk/nothing does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(demo_home: DemoHome, arguments: list[str], said: str) -> None:
    """A command that cannot do what was asked ends with another status than 0 and says why in one sentence."""
    answer = demo_home.loopline(*arguments, "--json")
    assert answer.status != 0
    assert answer.told == {}
    (sentence,) = [line for line in answer.people.splitlines() if line]
    assert said in sentence


def test_without_the_service_there_is_no_decision(demo_home: DemoHome, tmp_path: Path) -> None:
    """`loopline decide` before `loopline up` ends with another status than 0 and says what to start."""
    request = tmp_path / "request.json"
    request.write_text("{}")
    answer = demo_home.loopline("decide", PRODUCT, "--request", str(request))
    assert answer.status != 0
    assert "start it: loopline up" in answer.people
    assert "Traceback" not in answer.people


def _backfilled(home: DemoHome) -> dict[str, dict[str, object]]:
    told = home.done("backfill", PRODUCT, "--from", f"{FIRST}", "--to", f"{LAST}")
    assert {"raw_transactions", "validated_transactions", "features"} <= set(told["assets"])
    return home.tables()
