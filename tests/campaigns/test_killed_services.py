"""The local services when `loopline up` or one of them is killed at twenty random moments, and `loopline up` again.

In the campaign alone; one `up`, one service and a code server of every day are killed in `test_services.py`.
"""

import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psutil
import pytest

from resources.environments import load_environment
from resources.lake import Lake
from resources.naming import days_between
from tests.integration.demo_home import variables_of
from tests.support.data.small_bank import LAST, fill_small_bank
from tests.support.processes.killing import CAMPAIGN, MOMENTS, KillableHome, kill, moments
from tests.support.servers.page_backfills import PAGES, PageBackfill

SERVICES = ("bureau", "mlflow", "dagster", "daemon", "decisions", "stream")
GOES_ON_SECONDS = 30.0
PRODUCT = "card_fraud"
ASSETS = ("raw_fraud_labels", "validated_fraud_labels")
DAYS = [LAST - timedelta(days=9 - n) for n in range(10)]
BACKFILL_SECONDS = 300.0

pytestmark = [
    pytest.mark.skipif(not CAMPAIGN, reason="takes hours: LOOPLINE_CAMPAIGN=1"),
    pytest.mark.timeout(7200),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillableHome]:
    folder = tmp_path_factory.mktemp("killed_up") / "home"
    variables = variables_of(folder)
    found = KillableHome(load_environment(variables), variables)
    fill_small_bank(found.environment)
    yield found
    found.done("down")
    found.kill_all()


@pytest.fixture(scope="module")
def usual(home: KillableHome) -> float:
    """Seconds that an undisturbed `up` takes here and now."""
    _, seconds = home.done("up")
    assert home.done("down")[0].status == 0
    return seconds


def up(home: KillableHome, usual: float) -> dict[str, Any]:
    """The services after `loopline up`, which must succeed, by name."""
    answer, seconds = home.done("up")
    assert answer.status == 0, answer.people
    assert seconds < usual + GOES_ON_SECONDS
    found = {service["name"]: service for service in answer.told["services"]}
    assert {service["state"] for service in found.values()} == {"running"}
    assert home.strangers([service["pid"] for service in found.values()]) == [], "a service that nobody knows"
    return found


def test_up_goes_on_after_it_was_killed(home: KillableHome, usual: float) -> None:
    """What it had started is taken over or ended; no service runs twice, no port stays taken."""
    for after, extent in moments("up", 3.0, usual):
        home.killed(after, extent, "up")
        up(home, usual)
        told = home.findings()
        assert "died: process" not in told["services"], told
        assert home.done("down")[0].status == 0
        assert home.strangers() == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_killed_service_is_told_and_started_again(home: KillableHome, usual: float, name: str) -> None:
    before = up(home, usual)
    for _, extent in moments(name, 0.0, 1.0):
        kill(before[name]["pid"], extent)
        told = home.findings()["services"]
        assert f"{name} died: process {before[name]['pid']} is gone" in told
        after = up(home, usual)
        assert {one for one in after if after[one]["pid"] != before[one]["pid"]} == {name}
        assert f"{name} (process {before[name]['pid']}) was ended" in home.findings()["services"]
        before = after


def test_a_backfill_from_the_pages_ends_well_when_daemon_or_code_server_is_killed(
    home: KillableHome, usual: float
) -> None:
    """Launched from the page of the job, and from the catalogue of assets: each is one run, and makes every day."""
    services, lake = up(home, usual), Lake(home.environment.lake)
    for number, (after, extent) in enumerate(moments("backfills of pages", 0.0, 10.0)):
        before = {name: lake.version(f"{PRODUCT}/{name}") if number else -1 for name in ASSETS}
        halves = zip(PAGES, (DAYS[:5], DAYS[5:]), strict=True)
        address = services["dagster"]["address"]
        started = {page: PageBackfill.launch(address, page, PRODUCT, ASSETS, days) for page, days in halves}
        time.sleep(after)
        daemon = services["daemon"]["pid"]
        if number % 2:
            kill(_code_server(daemon), "alone")
        else:
            kill(daemon, extent if number else "with its children")
        services = up(home, usual)
        for page, backfill in started.items():
            status, runs = backfill.ended(BACKFILL_SECONDS)
            where = f"{page}, killed after {after:.1f} s: {status} {runs}"
            assert status == "COMPLETED_SUCCESS", where
            assert [run["status"] for run in runs].count("SUCCESS") == 1, where
        for name in ASSETS:
            assert set(DAYS) <= _made(lake, name, before[name]), name


def test_down_goes_on_after_it_was_killed(home: KillableHome, usual: float) -> None:
    for after, extent in moments("down", 0.5, 6.0):
        up(home, usual)
        home.killed(after, extent, "down")
        assert home.done("down")[0].status == 0
        assert home.strangers() == []


def test_a_part_of_a_service_that_is_killed_is_replaced(home: KillableHome, usual: float) -> None:
    """Each child of a service in turn: the service replaces it by itself, or `up` starts the service again."""
    before = up(home, usual)
    for name in SERVICES:
        for child in range(MOMENTS):
            children = psutil.Process(before[name]["pid"]).children(recursive=True)
            if child >= len(children):
                break
            kill(children[child].pid, "alone")
            time.sleep(1)
            before = up(home, usual)
    assert home.done("down")[0].status == 0
    assert home.strangers() == []


def _code_server(daemon: int) -> int:
    """The process that has the product's code for the daemon."""
    children = psutil.Process(daemon).children(recursive=True)
    return next(child.pid for child in children if f"pipelines.{PRODUCT}.definitions" in " ".join(child.cmdline()))


def _made(lake: Lake, name: str, since: int) -> set[date]:
    """The days that the commits of a table after a version replaced, those without rows included."""
    found: set[date] = set()
    for commit in lake.history(f"{PRODUCT}/{name}"):
        if commit["version"] > since and "loopline.days" in commit:
            first, last = (date.fromisoformat(day) for day in str(commit["loopline.days"]).split("/"))
            found |= set(days_between(first, last))
    return found
