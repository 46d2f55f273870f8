"""Backfills from Dagster's pages when its daemon or a code server is killed, and `loopline up` again.

With `LOOPLINE_CAMPAIGN=1` each is killed at twenty moments, and a backfill of 2,000 days is killed too.
"""

import shutil
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from resources.environments import load_environment
from resources.lake import Lake
from tests.integration.demo_home import variables_of
from tests.support.killing import CAMPAIGN, KillableHome, kill, moments
from tests.support.servers.page_backfills import Page, PageBackfill
from tests.support.small_bank import LAST, fill_small_bank

PRODUCT = "card_fraud"
ASSETS = ("raw_fraud_labels", "validated_fraud_labels")
SECONDS = 300.0
PAGES: tuple[Page, ...] = ("job", "assets")
MANY = 2_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if CAMPAIGN else 600)]


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


def code_server(daemon: int) -> int:
    """The process that has the product's code for the daemon."""
    children = psutil.Process(daemon).children(recursive=True)
    return next(child.pid for child in children if f"pipelines.{PRODUCT}.definitions" in " ".join(child.cmdline()))


def test_a_backfill_from_the_pages_ends_well_after_daemon_and_code_server_were_killed(home: KillableHome) -> None:
    """Launched from the page of the job, and from the catalogue of assets: each is one run, and makes every day."""
    fill_small_bank(home.environment)
    services = up(home)
    address = services["dagster"]["address"]
    for number, (after, extent) in enumerate(moments("backfills of pages", 0.0, 10.0)):
        days = [LAST - timedelta(days=9 - n) for n in range(10)]
        started = [
            PageBackfill.launch(address, page, PRODUCT, ASSETS, days[5 * n : 5 * n + 5]) for n, page in enumerate(PAGES)
        ]
        time.sleep(after)
        daemon = services["daemon"]["pid"]
        if number % 2:
            kill(code_server(daemon), "alone")
        else:
            kill(daemon, "with its children" if number == 0 else extent)
        services = up(home)
        for backfill, page in zip(started, PAGES, strict=True):
            status, runs = backfill.ended(SECONDS)
            assert status == "COMPLETED_SUCCESS", f"{page} killed after {after:.1f} s: {status} {runs}"
            assert [run["status"] for run in runs][:1] == ["SUCCESS"], runs
        lake = Lake(home.environment.lake)
        for name in ASSETS:
            assert set(days) <= _made(lake, name), name


@pytest.mark.skipif(not CAMPAIGN, reason="2,000 days, ten minutes: LOOPLINE_CAMPAIGN=1")
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
    status, runs = backfill.ended(1800)
    assert (status, [run["status"] for run in runs]) == ("COMPLETED_SUCCESS", ["SUCCESS"])
    assert up(home)["daemon"]["pid"] == daemon, "it lives, and was not started again"


def _made(lake: Lake, name: str) -> set[date]:
    """The days that the commits of a table replaced, those without rows included."""
    found: set[date] = set()
    for commit in lake.history(f"{PRODUCT}/{name}"):
        if "loopline.days" in commit:
            first, last = (date.fromisoformat(day) for day in str(commit["loopline.days"]).split("/"))
            found |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
    return found
