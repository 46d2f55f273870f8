"""Commands that are killed at twenty random moments each, and the same command again; in the campaign alone.

They run in a home of the demonstration, one `demo` in an empty home. The services are in `test_killed_services.py`, a
run that holds or awaits a pool in `test_killed_runs.py`, one killed backfill of every day in `test_demo.py`.
LOOPLINE_CAMPAIGN_HOME names a home in which `loopline demo` and `loopline run card_fraud` ran, and which is copied;
LOOPLINE_CAMPAIGN_SEED gives other moments.
"""

import os
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from resources.environments import load_environment
from resources.lake import Lake
from resources.lake.content import content_hash
from tests.integration.demo_home import run_loopline, variables_of
from tests.support.data.small_bank import LAST
from tests.support.processes.killing import CAMPAIGN, KillableHome, moments

GOES_ON_SECONDS = 30.0
FIRST = LAST - timedelta(days=2)
DAYS = ("--from", FIRST.isoformat(), "--to", LAST.isoformat())
COMMANDS = {
    "backfill": ("backfill", "card_fraud", *DAYS),
    "load": ("load", "card_fraud"),
    "run": ("run", "card_fraud", *DAYS),
    "run of credit": ("run", "credit_risk", *DAYS, "--through", "features"),
    "demo": ("demo",),
    "replay": ("replay", "credit_risk"),
    "approve": ("approve", "credit_risk", "1", "--by", "Ada", "--reason", "seen"),
    "repair": ("repair", "credit_risk"),
    "doctor": ("doctor",),
    "features": ("features", "card_fraud", "--page", "features.html"),
    "export": ("export", "card_fraud", "features", "features.parquet"),
    "tables": ("tables", "card_fraud"),
    "status": ("status",),
    # Last: afterwards the rejection stands.
    "reject": ("reject", "credit_risk", "1", "--by", "Ada", "--reason", "seen"),
}
# The version that decides goes on deciding, which is told by the exit status; `status` says that no service runs.
STATUS = {"reject": 1, "status": 1}

pytestmark = [
    pytest.mark.skipif(not CAMPAIGN, reason="takes hours: LOOPLINE_CAMPAIGN=1"),
    pytest.mark.timeout(7200),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillableHome]:
    folder = tmp_path_factory.mktemp("killed") / "home"
    variables = variables_of(folder)
    found = KillableHome(load_environment(variables), variables)
    prepared = os.environ.get("LOOPLINE_CAMPAIGN_HOME")
    if prepared:
        shutil.copytree(prepared, folder)
    for command in (["demo"], ["run", "card_fraud"]) if not prepared else ():
        answer = run_loopline(command, variables, 3600)
        assert answer.status == 0, answer.people
    yield found
    found.kill_all()


def content(home: KillableHome, first: date = FIRST) -> dict[str, str]:
    """For each table of data that the home has, the hash of the rows of the three days."""
    lake, found = Lake(home.environment.lake), {}
    days = [first + timedelta(days=number) for number in range(3)]
    for folder in sorted(Path(home.environment.lake).glob("*/*/_delta_log")):
        product, name = folder.parts[-3:-1]
        if name == "features" or name.startswith(("raw_", "validated_")):
            found[f"{product}/{name}"] = content_hash(lake.read(f"{product}/{name}", days=days))
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_command_goes_on_after_it_was_killed(home: KillableHome, name: str, tmp_path: Path) -> None:
    command = tuple(str(tmp_path / word) if word.startswith("features.") else word for word in COMMANDS[name])
    undisturbed, usual = home.done(*command)
    assert undisturbed.status == STATUS.get(name, 0), undisturbed.people
    before = content(home)
    for after, extent in moments(name, usual / 4, usual):
        where = f"{name} killed {extent} after {after:.1f} of {usual:.1f} s"
        pid = home.killed(after, extent, *command)
        left = home.active_runs()
        again, seconds = home.done(*command)
        assert again.status == undisturbed.status, f"{where}: {again.people}"
        assert seconds - usual < GOES_ON_SECONDS, f"{where}: the same command took {seconds:.0f} s"
        assert home.active_runs() == set(), where
        assert home.open_trainings() == [], where
        assert content(home) == before, where
        told = home.findings()
        assert [run_id for run_id in left if run_id not in told["runs"]] == [], f"{where}: {told}"
        assert not left or f"process {pid} is gone" in told["runs"], f"{where}: {told}"
        assert home.strangers() == [], where
        print(f"{where}: {len(left)} runs ended, again {seconds:.1f} s; {told['services']}", flush=True)


def test_a_demonstration_that_is_killed_again_and_again_reaches_its_decision(
    home: KillableHome, tmp_path: Path
) -> None:
    """Each attempt lives a little; the tables are those of the undisturbed home in the end."""
    folder = tmp_path / "home"
    variables = variables_of(folder)
    killed = KillableHome(load_environment(variables), variables)
    # Else each home would have tokens of its own, and other content.
    shutil.copytree(home.environment.home / "keys", folder / "keys")
    try:
        for after, extent in moments("demo from nothing", 3.0, 90.0):
            killed.killed(after, extent, "demo")
        answer = run_loopline(["demo", "--json"], variables, 3600)
        assert answer.status == 0, answer.people
        assert answer.told["decision"]["fallback"] is None
        assert killed.active_runs() == set()
        assert killed.open_trainings() == []
        ours = {name: rows for name, rows in content(home).items() if name.startswith("credit_risk/")}
        assert content(killed) == ours
        assert killed.strangers() == []
    finally:
        killed.kill_all()
