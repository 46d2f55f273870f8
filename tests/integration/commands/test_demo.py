"""The demonstration: the whole loop of a product from nothing, again, backwards, and read out.

All tests share one home; those of its services and pages are in `test_demo_services.py` and
`test_demo_up.py`, which pytest runs afterwards.
"""

import shutil
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from pipelines.operations.loop.run_job import dagster_instance
from pipelines.products import load_product
from resources.code_version import code_version
from resources.pages import Pages
from resources.tracking import Tracking
from tests.integration.demo_home import DATA, PRODUCT, DemoHome, Tables, hashes_of
from tests.support.processes.in_process import answer_of
from tests.support.processes.killing import KillableHome, moments

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

DAYS = [date(2026, 8, 1) + timedelta(days=n) for n in range(30)]
LOOP = (
    "raw_transactions", "validated_transactions", "features", "online_store", "training_set", "model", "evaluation",
    "registered_model", "deployment", "scores", "batch_outcomes", "batch_performance",
)  # fmt: skip
WATCHED = {
    "scores", "distributions", "attributions", "separation", "drift", "drift_limits", "anomalies", "decisions",
    "outcomes", "performance", "batch_outcomes", "batch_performance",
    "vintages", "calibration", "estimated_performance", "kpis", "group_performance",
    "fingerprints", "data_faults", "consistency", "retraining", "monitoring_page",
}  # fmt: skip


def asked(home: DemoHome, *arguments: str) -> dict[str, Any]:
    """The JSON object of a command that reads, in this process: half of its time would be the start of another one."""
    answer = answer_of([*arguments, "--json"], home.variables)
    assert answer.status == 0, answer.people
    return answer.told


def test_it_reaches_a_live_decision(demo_home: DemoHome) -> None:
    """`loopline demo --json` ends with status 0 and tells stages, gates, champion and decision in one JSON object."""
    told = demo_home.demo.told
    assert demo_home.demo.status == 0
    assert told["product"] == PRODUCT
    stages = {stage["name"]: stage for stage in told["stages"]}
    assert [name for name in stages if name in LOOP] == list(LOOP), "every stage of the loop, in its order"
    assert all(stages[name]["rows"] > 0 for name in LOOP)
    assert 0 < sum(stage["seconds"] for stage in told["stages"]) < told["wall_seconds"]
    assert {"auc", "calibration_error", "profit_gain", "odds_gap"} <= {gate["name"] for gate in told["gates"]}
    assert [gate for gate in told["gates"] if gate["passed"] is False] == []
    not_asked = [(gate["name"], gate["value"]) for gate in told["gates"] if gate["passed"] is None]
    assert not_asked == [("champion_comparison", None)], "a first model has no champion to compare with"
    known = [gate[part] for gate in told["gates"] if gate["passed"] for part in ("value", "threshold")]
    assert all(isinstance(number, int | float) for number in known)
    assert told["champion"]["version"] == "1"
    assert 0.82 < told["champion"]["auc"] < 0.9, "a good model of this bank, and no better than one can be"


def test_its_decision_leads_back_to_what_was_delivered(demo_home: DemoHome) -> None:
    """`loopline trace` names arm, bundle, training set, tables down to the raw rows, features, code and approval."""
    kinds: dict[str, list[dict[str, Any]]] = {}

    def visit(node: dict[str, Any]) -> None:
        kinds.setdefault(node["kind"], []).append(node)
        for child in node["children"]:
            visit(child)

    visit(asked(demo_home, "trace", demo_home.demo.told["decision"]["id"]))
    assert kinds["bundle"][0]["title"].startswith("version 1, trained 2026-10-01")
    tables = {node["facts"]["table"] for node in kinds["table"]}
    assert {f"{PRODUCT}/{name}" for name in DATA} <= tables
    assert all(node["facts"].get("readable") is None for node in kinds["table"])
    assert len(kinds["feature"]) == len(load_product(PRODUCT).features.names)
    assert kinds["answer"]
    assert kinds["code"][0]["facts"]["version"]


def test_its_model_is_trained_again_to_the_same_bytes(demo_home: DemoHome) -> None:
    """`loopline rebuild` of the first version ends with status 0."""
    told = asked(demo_home, "rebuild", PRODUCT, "1")
    assert told["identical"]
    assert told["rebuilt"]["predictions"]["different"] == 0


def test_the_champion_comes_close_to_the_best_that_the_sandbox_knows(demo_home: DemoHome) -> None:
    told = asked(demo_home, "benchmark", "sandbox")
    assert told["auc"] == pytest.approx(demo_home.demo.told["champion"]["auc"], abs=1e-6), "the same test rows"
    assert told["auc"] < told["habits_auc"] < told["best_auc"] < 0.9
    assert told["share_of_best"] >= told["wanted"] == 0.95


def test_its_decision_is_explained(demo_home: DemoHome) -> None:
    """The live decision has a score, an outcome and reasons in words, which come from a history that is known."""
    decision = demo_home.demo.told["decision"]
    assert decision["id"]
    assert 0 < decision["score"] < 1
    assert decision["outcome"] in ("approve", "decline", "review")
    assert decision["fallback"] is None
    assert decision["reasons"]
    words = [reason["text"] for reason in decision["reasons"]]
    assert [text for text in words if text.startswith("Nothing is known")] == [], "a customer without any history"


def test_an_earlier_decision_is_explained_by_its_id(demo_home: DemoHome) -> None:
    """Without the service: the reasons that were answered, each with its proof, and what may change."""
    decision = demo_home.demo.told["decision"]
    shown = asked(demo_home, "explain", decision["id"])
    assert shown["decision"]["decision_id"] == decision["id"]
    assert shown["reasons"] == decision["reasons"]
    assert all(one["score_if_usual"] < decision["score"] for one in shown["reasons"] if "rule" not in one)
    recourse = shown["recourse"]
    assert (recourse is None) == (decision["outcome"] == "approve")
    if recourse is not None:
        assert recourse["allowed_changes"] > 100
        assert recourse["without_recourse"] == (recourse["accepted_changes"] == 0)


def test_people_are_told_too(demo_home: DemoHome) -> None:
    """What is for people is on standard error: stages, gates, champion, decision, and what to run next."""
    people = demo_home.demo.people
    for words in ("Stages, ", "Gates of the champion", "Champion: version 1", "Decision ", "loopline up"):
        assert words in people
    assert "Traceback" not in people


def test_the_newest_day_has_its_page(demo_home: DemoHome) -> None:
    """One run made all days and one page; the command says the same, of this moment, and writes the page anew."""
    pages = Pages(demo_home.environment.pages)
    assert pages.days(PRODUCT) == (date(2026, 9, 30),)
    stages = {stage["name"]: stage for stage in demo_home.demo.told["stages"]}
    assert stages["monitoring_page"]["rows"] == 1
    file = Path(pages.address(PRODUCT, date(2026, 9, 30)))
    page = file.read_text(encoding="utf-8")
    assert 100_000 < len(page) < 2_000_000
    assert "Realised AUC is " in page, "of the version that decided when the page was made"
    assert "version 1 decides alone" in page
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey([PRODUCT, "monitoring_page"]))
    with dagster_instance(demo_home.environment) as instance:
        assert len(instance.fetch_materializations(wanted, limit=10).records) == 1
    now = demo_home.environment.home / "now.html"
    told = asked(demo_home, "status", PRODUCT, "--page", str(now))
    assert (told["day"], told["champion"], told["page"]) == ("2026-09-30", "2", str(file))
    assert {line["name"] for line in told["lines"]} >= {"data", "drift", "performance", "error budget"}
    budgets = {one["objective"]: one for one in told["error_budgets"]}
    assert budgets["decided_by_the_model"]["left"] is not None, "the demonstration's decisions are counted"
    assert [(one["version"], one["result"]) for one in told["trainings"]] == [("2", "registered"), ("1", "registered")]
    assert "version 2 decides alone" in now.read_text(encoding="utf-8")


def test_the_model_has_its_report_and_its_run_says_what_made_it(demo_home: DemoHome) -> None:
    """Dagster links a file that a person opens, and the MLflow run, which has the same page and links Dagster back."""
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey([PRODUCT, "evaluation"]))
    with dagster_instance(demo_home.environment) as instance:
        records = instance.fetch_materializations(wanted, limit=10).records
    latest = records[0].asset_materialization
    assert latest is not None
    page = Path(str(latest.metadata["report"].value).removeprefix("file://")).read_text(encoding="utf-8")
    assert "Passed all " in page
    assert "<script" not in page
    run_id = str(latest.metadata["mlflow_run"].value).rsplit("/", 1)[-1]
    run = Tracking.of(demo_home.environment).resumed(run_id)
    folder = run.download("documents", demo_home.environment.home / "report_of_run")
    assert (folder / "model_report.html").read_text(encoding="utf-8") == page
    assert {"configuration.json", "curves.json", "packages.json"} <= {file.name for file in folder.iterdir()}
    tags = run.client.get_run(run_id).data.tags
    assert tags["mlflow.source.git.commit"] == code_version()
    assert len(tags["packages"]) == 64
    assert records[0].run_id in tags["mlflow.note.content"]


def test_two_versions_are_compared(demo_home: DemoHome) -> None:
    """Both models of the demonstration, on rows that neither learned from; as text, as JSON and as a page."""
    page = demo_home.environment.home / "compared.html"
    told = asked(demo_home, "compare", PRODUCT, "1", "2", "--page", str(page))
    assert told["versions"] == ["1", "2"]
    assert told["rows"] > 1_000
    assert set(told["figures"]) >= {"auc", "average_precision", "brier", "calibration_error", "profit"}
    assert all({"one", "other", "difference"} == set(pair) for pair in told["figures"].values())
    assert sum(flip["rows"] for flip in told["flips"]) == round((1 - told["same_answers"]) * told["rows"])
    assert told["page"] == str(page)
    assert "version 2 beside version 1" in page.read_text(encoding="utf-8")
    same = answer_of(["compare", PRODUCT, "1", "1", "--json"], demo_home.variables)
    assert same.status == 1
    assert "compared with itself" in same.people


def test_a_second_model_reaches_the_customers(demo_home: DemoHome) -> None:
    """Through shadow and canary to champion, each step with its requests, under customers of a process of their own."""
    steps = demo_home.demo.told["rollout"]
    assert [(step["step"], step["share"], step["verdict"]) for step in steps] == [
        ("shadow", 0.0, "advance"), ("canary", 0.1, "advance"), ("canary", 0.5, "promote"),
    ]  # fmt: skip
    assert all(step["requests"] >= least for step, least in zip(steps, (60, 15, 60), strict=True))
    rollout = asked(demo_home, "rollout", PRODUCT)
    assert (rollout["champion"], rollout["former"], rollout["stage"]) == ("2", ["1"], "champion")
    assert [move["action"] for move in rollout["moves"]] == ["promote", "start", "advance", "advance", "promote"]


def test_a_second_time_only_what_watches_the_new_champion_is_made(demo_home: DemoHome, demo_tables: Tables) -> None:
    """A second demonstration reuses what is there: no table of data gets a version, and no model is trained."""
    again = demo_home.done("demo")
    assert set(again["made"]) <= WATCHED
    assert (again["champion"]["version"], again["rollout"]) == ("2", [])
    assert demo_home.versions() == {name: demo_tables[name]["version"] for name in DATA}


def test_a_killed_backfill_goes_on_and_gives_the_same_content(demo_home: DemoHome, demo_tables: Tables) -> None:
    """Thirty days made again after a first attempt was killed: each table and day has its rows, in new versions."""
    killable = KillableHome(demo_home.environment, demo_home.variables)
    command = ("backfill", PRODUCT, "--from", f"{DAYS[0]}", "--to", f"{DAYS[-1]}")
    (after, extent), *_ = moments("backfill", 4.0, 9.0)
    pid = killable.killed(after, extent, *command)
    assert pid is not None
    left = killable.active_runs()
    demo_home.done(*command)  # it makes what the first attempt had not made
    assert killable.active_runs() == set()
    deadline = time.monotonic() + 20  # a JVM ends soon after its command
    while killable.strangers():
        assert time.monotonic() < deadline, killable.strangers()
        time.sleep(0.5)
    told = killable.findings()
    assert not left or f"process {pid} is gone" in told["runs"]
    assert [run_id for run_id in left if run_id not in told["runs"]] == []

    versions = demo_home.versions()
    assert all(demo_tables[name]["version"] < versions[name] for name in DATA)
    tables = demo_home.tables()
    assert {name: table["version"] for name, table in tables.items() if name in DATA} == versions
    assert demo_home.contents(DAYS, versions) == hashes_of(demo_tables, DAYS)
    # What watches the champion was made for the second one meanwhile.
    now, before = (
        {name: (table["hashes"], table["rows"], table["content_hash"]) for name, table in found.items()}
        for found in (tables, demo_tables)
    )
    assert {name: now[name] for name in now if name not in WATCHED} == {
        name: before[name] for name in before if name not in WATCHED
    }


def test_an_online_store_that_was_lost_is_loaded_again(demo_home: DemoHome) -> None:
    """Without it a decision is the policy's fallback; `loopline load` brings the same events, and the same decision."""
    before = demo_home.demo.told["decision"]
    shutil.rmtree(demo_home.environment.home / "online")
    lost = demo_home.done("demo")["decision"]
    loaded = demo_home.done("load", PRODUCT)
    last = demo_home.done("demo")
    assert last["made"] == [], "all is up to date since the demonstration before"
    after = last["decision"]
    assert (lost["fallback"], lost["score"]) == ("policy", None)
    assert after["fallback"] is None
    assert {part: after[part] for part in ("score", "outcome", "reasons")} == {
        part: before[part] for part in ("score", "outcome", "reasons")
    }
    stages = {stage["name"]: stage for stage in demo_home.demo.told["stages"]}
    assert loaded["rows"] == stages["online_store"]["rows"]
    assert set(loaded["watermarks"]) == set(load_product(PRODUCT).features.sources)
    assert loaded["lacking"] == {}


def test_a_table_is_exported_whole(demo_home: DemoHome, demo_tables: Tables, tmp_path: Path) -> None:
    """`loopline export` writes the features, at any version, as a Parquet file with as many rows as the table has."""
    rows = demo_tables["features"]["rows"]
    newest, oldest = tmp_path / "newest.parquet", tmp_path / "oldest.parquet"
    assert asked(demo_home, "export", PRODUCT, "features", str(newest))["rows"] == rows
    assert asked(demo_home, "export", PRODUCT, "features", str(oldest), "--version", "0")["rows"] == rows
    found = pq.read_table(newest)
    assert found.num_rows == rows
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
        (["load", "card_fraud"], "was never materialised; run first: loopline run card_fraud"),
        (["export", PRODUCT, "../keys", "keys.parquet"], "table '../keys' is not a name"),
        (["export", PRODUCT, "nothing", "nothing.parquet"], "table credit_risk/nothing does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(demo_home: DemoHome, arguments: list[str], said: str) -> None:
    """A command that cannot do what was asked ends with another status than 0 and says why in one sentence."""
    answer = answer_of([*arguments, "--json"], demo_home.variables)
    assert answer.status != 0
    assert set(answer.told) == {"error"}
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
