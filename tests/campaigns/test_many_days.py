"""A backfill of 2,000 days from Dagster's pages: with `LOOPLINE_CAMPAIGN=1` alone."""

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from resources.environments import load_environment
from tests.integration.demo_home import variables_of
from tests.support.data.small_bank import LAST, fill_small_bank
from tests.support.processes.killing import CAMPAIGN, KillableHome
from tests.support.servers.page_backfills import PAGES, Page, PageBackfill

PRODUCT = "card_fraud"
MANY = 2_000
SECONDS = 3600.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not CAMPAIGN, reason="2,000 days take minutes: LOOPLINE_CAMPAIGN=1"),
]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[KillableHome]:
    variables = variables_of(tmp_path / "home")
    found = KillableHome(load_environment(variables), variables)
    yield found
    found.done("down")
    found.kill_all()


def up(home: KillableHome) -> dict[str, Any]:
    answer, _ = home.done("up")
    assert answer.status == 0, answer.people
    return {service["name"]: service for service in answer.told["services"]}


@pytest.mark.parametrize("page", PAGES)
def test_two_thousand_days_are_one_run_and_kill_no_daemon(home: KillableHome, page: Page, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    first = date(2020, 1, 1)
    days = [first + timedelta(days=n) for n in range(MANY)]
    fill_small_bank(home.environment)
    sample = Path(home.environment.landing) / "fraud_labels" / f"{LAST}.csv"
    (landing / "fraud_labels").mkdir(parents=True)
    header = sample.read_text().splitlines()[0]
    for day in days:
        (landing / "fraud_labels" / f"{day}.csv").write_text(f"{header}\n")
    shutil.rmtree(home.environment.home)
    home.variables["LOOPLINE_LANDING"] = str(landing)
    services = up(home)
    daemon = services["daemon"]["pid"]
    backfill = PageBackfill.launch(services["dagster"]["address"], page, PRODUCT, ("raw_fraud_labels",), days)
    status, runs = backfill.ended(SECONDS)
    assert (status, [run["status"] for run in runs]) == ("COMPLETED_SUCCESS", ["SUCCESS"])
    assert up(home)["daemon"]["pid"] == daemon, "it lives, and was not started again"
