"""Commands that are killed at random moments, and the same command again.

With `LOOPLINE_CAMPAIGN=1` each command is killed at twenty moments; otherwise two short ones at one moment each.
"""

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
import pytest

from resources.environments import CHECKOUT, Environment, load_environment
from tests.integration.conftest import LAST
from tests.integration.demo_home import run_loopline, variables_of

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
MOMENTS = 20 if CAMPAIGN else 1
GOES_ON_SECONDS = 30.0
DAYS = ("--from", (LAST - timedelta(days=2)).isoformat(), "--to", LAST.isoformat())
PREPARED = ("run", "card_fraud", *DAYS, "--through", "validation")
COMMANDS = {
    "backfill": ("backfill", "card_fraud", *DAYS, "--select", "raw_fraud_labels,validated_fraud_labels"),
    "load": ("load", "card_fraud"),
    **({"run": PREPARED, "backfill with features": ("backfill", "card_fraud", *DAYS)} if CAMPAIGN else {}),
}
_KEPT = {name: value for name, value in os.environ.items() if not name.startswith(("LOOPLINE_", "DAGSTER_"))}


@dataclass(frozen=True)
class Home:
    """A home with the sandbox's card payments and a few days of card_fraud."""

    environment: Environment
    variables: dict[str, str]

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", *command],
            cwd=CHECKOUT, env=_KEPT | self.variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def whole(self, *command: str) -> tuple[float, float]:
        """Runs the command to its end; seconds to its first asset, and in all."""
        begun = time.monotonic()
        first = None
        with self.start(*command) as process:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if first is None and "rows" in line:
                    first = time.monotonic() - begun
        assert process.returncode == 0, "".join(said)
        assert first is not None, "".join(said)
        return first, time.monotonic() - begun

    def killed(self, after: float, *command: str) -> int:
        """Kills the command after some seconds; its pid."""
        with self.start(*command) as process:
            try:
                process.wait(timeout=after)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.pid


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    variables = variables_of(tmp_path_factory.mktemp("killed"))
    found = Home(load_environment(variables), variables)
    found.whole(*PREPARED)
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_command_goes_on_after_it_was_killed(home: Home, name: str) -> None:
    command = COMMANDS[name]
    usual, duration = home.whole(*command)
    chance = random.Random(name)
    for _ in range(MOMENTS):
        after = chance.uniform(usual / 2, duration)
        pid = home.killed(after, *command)
        with_run = active_runs(home)
        first, _ = home.whole(*command)
        assert first - usual < GOES_ON_SECONDS, f"killed after {after:.1f} s, it went on only after {first:.0f} s"
        assert active_runs(home) == set()
        answer = run_loopline(["doctor", "--json"], home.variables)
        (told,) = [finding["detail"] for finding in answer.told["findings"]
                   if finding["name"] == "runs"]  # fmt: skip
        for run_id in with_run:
            assert run_id in told
            assert f"process {pid} is gone" in told


def active_runs(home: Home) -> set[str]:
    """The runs that are recorded as under way, and those that hold or await a slot; nothing is ended by this look."""
    with dg.DagsterInstance.from_config(str(home.environment.dagster_home)) as instance:
        runs = {run.run_id for run in instance.get_runs() if not run.is_finished}
        return runs | instance.event_log_storage.get_concurrency_run_ids()
