"""Commands and services that are killed at random moments.

Belongs here: a home whose commands are killed, alone or with all that they started, and what such a kill must not leave
behind. Does not belong here: the tests.
"""

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

import dagster as dg
import psutil

from resources.environments import CHECKOUT, Environment
from tests.integration.demo_home import Answer, run_loopline

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
SEED = os.environ.get("LOOPLINE_CAMPAIGN_SEED", "1")
MOMENTS = int(os.environ.get("LOOPLINE_CAMPAIGN_MOMENTS", "20")) if CAMPAIGN else 1
Extent = Literal["alone", "with its children"]


def kept_variables() -> dict[str, str]:
    """The environment of this process without what it says of Loopline and Dagster."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LOOPLINE_", "DAGSTER_"))}


def moments(name: str, shortest: float, longest: float) -> list[tuple[float, Extent]]:
    """Seconds after which to kill, and how; the same for the same seed and name."""
    chance = random.Random(f"{SEED} {name}")
    extents: tuple[Extent, ...] = ("alone", "with its children")
    return [(chance.uniform(shortest, longest), extents[number % 2]) for number in range(MOMENTS)]


def kill(pid: int, extent: Extent) -> None:
    """Kills a process, or the process and all its descendants at once."""
    leader = psutil.Process(pid)
    family = leader.children(recursive=True) if extent == "with its children" else []
    for process in (leader, *family):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs([leader, *family], timeout=10)


@dataclass(frozen=True)
class KillableHome:
    """A home whose commands and services are killed."""

    environment: Environment
    variables: dict[str, str]

    def done(self, *command: str) -> tuple[Answer, float]:
        """Runs a command to its end; also its seconds."""
        begun = time.monotonic()
        return run_loopline([*command, "--json"], self.variables), time.monotonic() - begun

    def killed(self, after: float, extent: Extent, *command: str) -> int | None:
        """Kills the command after some seconds; its pid, or `None` if it had ended before."""
        with subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", *command],
            cwd=CHECKOUT, env=kept_variables() | self.variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            try:
                process.wait(timeout=after)
            except subprocess.TimeoutExpired:
                kill(process.pid, extent)
                return process.pid
        return None

    def active_runs(self) -> set[str]:
        """The runs that are recorded as under way, and those that hold or await a slot; this look ends nothing."""
        if not (self.environment.dagster_home / "databases-created").exists():
            return set()
        with dg.DagsterInstance.from_config(str(self.environment.dagster_home)) as instance:
            runs = {run.run_id for run in instance.get_runs() if not run.is_finished}
            return runs | instance.event_log_storage.get_concurrency_run_ids()

    def open_trainings(self) -> list[str]:
        """MLflow's runs that are recorded as under way."""
        file = self.environment.home / "mlflow" / "mlflow.db"
        if not file.exists():
            return []
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            return [run for (run,) in connection.execute("SELECT run_uuid FROM runs WHERE status = 'RUNNING'")]

    def findings(self) -> dict[str, str]:
        """What `loopline doctor` says, by subject."""
        return {finding["name"]: finding["detail"] for finding in self.done("doctor")[0].told["findings"]}

    def strangers(self, known: Sequence[int | None] = ()) -> list[str]:
        """The command lines of the processes of this home that are not descendants of the known ones."""
        family = {pid for leader in known if leader for pid in _family(leader)}
        return [" ".join(one.cmdline()) for one in self._processes() if one.pid not in family]

    def kill_all(self) -> None:
        """Ends what a failed test left."""
        for process in self._processes():
            process.kill()

    def _processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and process.environ().get("LOOPLINE_HOME") == str(self.environment.home):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found


def _family(pid: int) -> list[int]:
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []
