"""After the demonstration: the services, what they answer, what their pages show in a browser, and their end.

The tests share the home of `test_demo.py` and stand in the order in which a person would do these things: the last
one takes the services down. Pictures of the pages are kept as test output (`demo_home.picture`).
"""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.products import load_product, product_names
from resources.dagster.server import DagsterServer
from resources.processes.ports import port_is_free
from tests.integration.demo_home import DATA, PRODUCT, DemoHome, Tables, hashes_of, picture
from tests.support.browser import Page, find_chromium, open_browser

CHROMIUM = find_chromium()
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

DAYS = [date(2026, 9, 10) + timedelta(days=n) for n in range(7)]
# A page waits for the server's answers, and the machine may be busy with something else.
PAGE_SECONDS = 120.0
BACKFILL_SECONDS = 900.0
EDGES = "document.querySelectorAll('path[stroke*=lineage-edge]').length"


@pytest.fixture(scope="module")
def up(demo_home: DemoHome) -> dict[str, dict[str, Any]]:
    """The services after `loopline up --json`, by name."""
    return {service["name"]: service for service in demo_home.done("up")["services"]}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Asks this machine, whatever its proxy settings are."""
    with httpx.Client(trust_env=False, timeout=60.0) as client:
        yield client


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A tab that all tests of pages use, one after the other."""
    assert CHROMIUM is not None
    with open_browser(CHROMIUM, tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture(scope="module")
def request_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product's example request, as of the day after the last one that the sandbox has."""
    file = tmp_path_factory.mktemp("request") / "request.json"
    file.write_text(json.dumps({**load_product(PRODUCT).request_example, "as_of": "2026-10-01T00:00:00+00:00"}))
    return file


def test_every_service_runs(demo_home: DemoHome, up: dict[str, dict[str, Any]]) -> None:
    """`loopline up` returns when all services answer; `status` then ends with status 0."""
    assert {name: service["state"] for name, service in up.items()} == dict.fromkeys(
        ("bureau", "mlflow", "dagster", "daemon", "decisions", "stream"), "running"
    )
    status = demo_home.loopline("status", "--json")
    assert status.status == 0, status.people
    assert (status.told["services"], status.told["waiting"]) == (list(up.values()), {})
    retraining = status.told["retraining"][PRODUCT]
    assert retraining["verdict"]["day"] == "2026-09-30"
    assert retraining["verdict"]["reasons"]
    assert demo_home.processes() != [], "the check for leftovers sees them"


def test_a_request_gets_a_decision(
    demo_home: DemoHome, up: dict[str, dict[str, Any]], client: httpx.Client, request_file: Path
) -> None:
    """`loopline decide` and a plain POST give the decision that the demonstration gave, each under an id of its own.

    The second champion was trained on the same data: it gives the same scores and reasons.
    """
    shown = demo_home.done("decide", PRODUCT, "--explain", "--request", str(request_file))
    body = {"product": PRODUCT, "request": json.loads(request_file.read_text()), "explain": True}
    answer = client.post(f"{up['decisions']['address']}/decide", json=body)
    assert answer.status_code == 200, answer.text
    told = demo_home.demo.told["decision"]
    for decision in (shown, answer.json()):
        assert {key: decision[key] for key in ("score", "outcome", "reasons")} == {
            key: told[key] for key in ("score", "outcome", "reasons")
        }
        assert (told["bundle"], decision["bundle"], decision["role"]) == ("1", "2", "champion")
    assert len({told["id"], shown["decision_id"], answer.json()["decision_id"]}) == 3


def test_the_service_tells_its_health(up: dict[str, dict[str, Any]], client: httpx.Client) -> None:
    """The decision service answers that it lives and is ready, and counts its decisions for Prometheus."""
    service = up["decisions"]["address"]
    assert client.get(f"{service}/livez").status_code == 200
    assert client.get(f"{service}/readyz").status_code == 200
    figures = client.get(f"{service}/metrics").text
    assert f'product="{PRODUCT}",role="champion",version="2"' in figures
    counted = [line for line in figures.splitlines() if line.startswith("loopline_decisions_total{")]
    assert sum(float(line.split()[-1]) for line in counted if f'product="{PRODUCT}"' in line) >= 2


def test_mlflow_knows_what_the_champion_is_made_of(
    demo_home: DemoHome, up: dict[str, dict[str, Any]], client: httpx.Client
) -> None:
    """MLflow has the run with its figures and the table versions that it read, and the version that is the champion."""
    mlflow = f"{up['mlflow']['address']}/api/2.0/mlflow"
    champion = client.get(f"{mlflow}/registered-models/alias", params={"name": PRODUCT, "alias": "champion"}).json()
    version = champion["model_version"]
    assert version["version"] == "2"
    run = client.get(f"{mlflow}/runs/get", params={"run_id": version["run_id"]}).json()["run"]
    assert run["info"]["status"] == "FINISHED"
    figures = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert figures["test_auc"] == pytest.approx(demo_home.demo.told["champion"]["auc"], abs=1e-12), "MLflow's JSON"
    inputs = {entry["dataset"]["name"]: entry["dataset"] for entry in run["inputs"]["dataset_inputs"]}
    assert set(inputs) == {f"{PRODUCT}/{table}" for table in ("training_set", "features", "validated_repayments")}
    assert {dataset["source_type"] for dataset in inputs.values()} == {"delta"}
    assert inputs[f"{PRODUCT}/training_set"]["digest"] == "v1", "the second version of the set"


@in_a_browser
def test_mlflow_shows_the_experiment(up: dict[str, dict[str, Any]], page: Page) -> None:
    """MLflow's page of experiments lists the product, without an error of the page."""
    page.open(f"{up['mlflow']['address']}/#/experiments")
    page.wait_for_text(PRODUCT, seconds=PAGE_SECONDS)
    assert page.exceptions == []


@in_a_browser
def test_both_code_locations_are_loaded(up: dict[str, dict[str, Any]], page: Page) -> None:
    """Dagster's page of code locations shows one a product, all loaded."""
    page.open(f"{up['dagster']['address']}/deployment/locations")
    for product in product_names():
        page.wait_for_text(f"pipelines.{product}.definitions", seconds=PAGE_SECONDS)
    page.screenshot(picture("code-locations"))
    assert page.text.splitlines().count("Loaded") == len(product_names()) == 2
    assert page.exceptions == []


@in_a_browser
def test_the_lineage_goes_from_the_sources_to_the_deployment(up: dict[str, dict[str, Any]], page: Page) -> None:
    """The graph of all that the deployment comes from has every stage, drawn as groups that are joined by edges."""
    page.resize(2600, 1800)  # Dagster draws what fits
    page.open(
        f"{up['dagster']['address']}/assets/{PRODUCT}/deployment?view=lineage&lineageScope=upstream&lineageDepth=10"
    )
    stages = ("sources", "ingestion", "validation", "features", "training", "evaluation", "registry", "serving")
    for name in (*stages, "source_consents", "training_set", "registered_model", "deployment"):
        page.wait_for(_shows(name), seconds=PAGE_SECONDS)
    assert page.wait_for(f"{EDGES} >= 20 && {EDGES}", seconds=PAGE_SECONDS)
    page.wait_for("!document.body.innerText.includes('Loading')", seconds=PAGE_SECONDS)
    page.screenshot(picture("lineage"))
    page.resize(1400, 1000)


@in_a_browser
def test_the_checks_of_the_evaluation_have_passed(
    demo_home: DemoHome, up: dict[str, dict[str, Any]], page: Page
) -> None:
    """The page of the evaluation's checks shows every gate of the demonstration succeeded, and the value of one."""
    gates = {gate["name"]: gate for gate in demo_home.demo.told["gates"]}
    page.open(f"{up['dagster']['address']}/assets/{PRODUCT}/evaluation?view=checks")
    page.wait_for_text(f"Checks ({len(gates)})", seconds=PAGE_SECONDS)
    page.wait_for_text(f"AUC on the test rows is {gates['auc']['value']:.4f}", seconds=PAGE_SECONDS)
    page.screenshot(picture("checks"))
    lines = page.text.splitlines()
    assert set(gates) <= set(lines)
    assert lines.count("Succeeded") == len(gates)


@in_a_browser
def test_the_plots_are_in_the_metadata(up: dict[str, dict[str, Any]], page: Page) -> None:
    """The evaluation's last event has a row a plot, which opens as a picture."""
    page.open(f"{up['dagster']['address']}/assets/{PRODUCT}/evaluation?view=events")
    page.wait_for_text("[Show Markdown]", seconds=PAGE_SECONDS)
    lines = page.text.splitlines()
    assert {"ranking", "calibration", "profit", "importance", "scores", "fairness"} <= set(lines)
    assert lines.count("[Show Markdown]") >= 6
    page.click_text("[Show Markdown]")
    plot = "document.querySelector('img[src^=\"data:image/png\"]')"
    assert page.wait_for(f"{plot} && {plot}.naturalWidth", seconds=PAGE_SECONDS) > 500
    page.screenshot(picture("plot"))


@in_a_browser
def test_a_week_is_backfilled_by_clicking(
    demo_home: DemoHome, demo_tables: Tables, up: dict[str, dict[str, Any]], page: Page
) -> None:
    """Seven days chosen in the dialog of the daily job become one run, which succeeds and gives the same content."""
    before = demo_home.versions()
    page.open(f"{up['dagster']['address']}/locations/{PRODUCT}/jobs/{PRODUCT}_daily")
    page.click_text("Materialize all…", seconds=PAGE_SECONDS)
    page.click_text_away("Show all partitions", seconds=PAGE_SECONDS)  # not those of the machine's last 90 days alone
    page.click("input[placeholder^='ex: ']", seconds=PAGE_SECONDS)
    page.type_text(f"[{DAYS[0]}...{DAYS[-1]}]")
    page.press_enter()
    page.wait_for_text("7 partitions")
    page.screenshot(picture("backfill-dialog"))
    page.click_text("Launch backfill")
    page.wait_for_text("Created backfill", seconds=PAGE_SECONDS)
    page.click_text("View")
    page.wait_for("/\\n(Succeeded|Failed)\\n/.test(document.body.innerText)", seconds=BACKFILL_SECONDS)
    page.screenshot(picture("backfill"))
    assert "Succeeded" in page.text.splitlines(), page.text
    backfill = str(page.evaluate("location.pathname.split('/').pop()"))
    runs = _runs_of_backfill(up["dagster"]["address"], backfill)
    assert runs == [{"jobName": f"{PRODUCT}_daily", "status": "SUCCESS"}], "a range is one run"
    after = demo_home.versions()
    assert all(after[name] > before[name] for name in DATA)
    assert demo_home.contents(DAYS, after) == hashes_of(demo_tables, DAYS)


def test_nothing_is_left_after_down(demo_home: DemoHome, up: dict[str, dict[str, Any]]) -> None:
    """`loopline down` ends every process of the home and frees every port; `status` then ends with status 1."""
    stopped = demo_home.done("down")["services"]
    assert {service["name"] for service in stopped} == set(up)
    assert demo_home.processes() == []
    ports = demo_home.environment.ports
    assert all(port_is_free(port) for port in (ports.dagster, ports.mlflow, ports.decisions, ports.bureau))
    status = demo_home.loopline("status", "--json")
    assert status.status == 1
    assert {service["state"] for service in status.told["services"]} == {"stopped"}


def _runs_of_backfill(server: str, backfill: str) -> list[dict[str, Any]]:
    """Job and status of the runs that Dagster started for a backfill."""
    query = """query ($tags: [ExecutionTag!]) {
      runsOrError(filter: {tags: $tags}) { ... on Runs { results { jobName status } } } }"""
    tags = [{"key": "dagster/backfill", "value": backfill}]
    return list(DagsterServer(server).ask(query, {"tags": tags})["runsOrError"]["results"])


def _shows(name: str) -> str:
    """A condition: one of the page's elements has this text alone."""
    return f"[...document.querySelectorAll('body *')].some((e) => !e.children.length && e.textContent === {name!r})"
