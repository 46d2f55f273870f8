"""A home in which the demonstration ran, and the command line over it.

Belongs here: what the tests of the demonstration share, which is the command as a person runs it, and where pictures of
pages go. Does not belong here: tests, driving a browser (`browser.py`).
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.products import load_product
from resources.environments import CHECKOUT, Environment, load_environment
from resources.lake import Lake
from resources.lake.content import content_hash
from tests.support.servers.ports import free_ports

PRODUCT = "credit_risk"
SOURCES = tuple(source.name for source in load_product(PRODUCT).sources)
DATA = (*(f"{layer}_{source}" for layer in ("raw", "validated") for source in SOURCES), "features")
Tables = dict[str, dict[str, Any]]
# Long enough for a machine that is busy with something else.
DEMO_SECONDS = 1200.0
COMMAND_SECONDS = 600.0


@dataclass(frozen=True)
class Answer:
    """What a command did.

    Attributes:
        told: The JSON object on its standard output, where nothing else may be; empty when it printed none.
        people: What it said to people, on its standard error.
    """

    status: int
    told: dict[str, Any]
    people: str


@dataclass(frozen=True)
class DemoHome:
    """A home in which `loopline demo --json` ran from nothing.

    Attributes:
        variables: What names the home and its ports in the environment of a command.
        demo: What that first demonstration answered.
    """

    environment: Environment
    variables: dict[str, str]
    demo: Answer

    def loopline(self, *arguments: str) -> Answer:
        """Runs the command in this home."""
        return run_loopline(arguments, self.variables)

    def done(self, *arguments: str) -> dict[str, Any]:
        """The JSON object of a command that must succeed."""
        answer = self.loopline(*arguments, "--json")
        assert answer.status == 0, answer.people
        return answer.told

    def tables(self) -> Tables:
        """The product's tables by name, with the hash of each day's rows; without the log of decisions, which grows."""
        found = {table["name"]: table for table in self.done("tables", PRODUCT, "--partitions")["tables"]}
        del found["decisions"]
        return found

    def versions(self) -> dict[str, int]:
        """The newest version of each table that holds data: raw, validated, features."""
        lake = Lake(self.environment.lake)
        return {name: lake.version(f"{PRODUCT}/{name}") for name in DATA}

    def contents(self, days: Sequence[date], versions: Mapping[str, int]) -> dict[str, dict[str, str]]:
        """For each of those tables at a version, the hash of each day that has rows; not asked of the command."""
        lake, found = Lake(self.environment.lake), {}
        for name, version in versions.items():
            rows = lake.read(f"{PRODUCT}/{name}", days=days, version=version)
            parts = {f"{day}": rows.filter(pc.equal(rows["day"], pa.scalar(day, pa.date32()))) for day in days}
            found[name] = {day: content_hash(part) for day, part in parts.items() if part.num_rows}
        return found

    def processes(self) -> list[str]:
        """The command lines of all processes of this home, whoever started them."""
        found = []
        for process in psutil.process_iter():
            try:
                command, home = process.cmdline(), process.environ().get("LOOPLINE_HOME")
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            named = any(str(self.environment.home) in word for word in command)
            if process.pid != os.getpid() and (named or home == str(self.environment.home)):
                found.append(" ".join(command))
        return found


def hashes_of(tables: Tables, days: Sequence[date]) -> dict[str, dict[str, str]]:
    """What `DemoHome.contents` must give of the days when the tables are these."""
    wanted = {f"{day}" for day in days}
    return {name: {day: found for day, found in tables[name]["hashes"].items() if day in wanted} for name in DATA}


def variables_of(home: Path) -> dict[str, str]:
    """What names a home, and ports that are free for it, in the environment of a command."""
    return {"LOOPLINE_HOME": str(home), "LOOPLINE_PORT_BASE": str(free_ports())}


def run_demo(variables: dict[str, str]) -> DemoHome:
    """The demonstration, which must succeed, in an empty home."""
    demo = run_loopline(["demo", "--json"], variables, DEMO_SECONDS)
    assert demo.status == 0, demo.people
    return DemoHome(load_environment(variables), variables, demo)


def run_loopline(arguments: Sequence[str], variables: dict[str, str], seconds: float = COMMAND_SECONDS) -> Answer:
    """The command as a process of its own; of Loopline and Dagster its environment says `variables` alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOOPLINE_", "DAGSTER_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        env=kept | variables, cwd=CHECKOUT, capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    return Answer(done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr)


def picture(name: str) -> Path:
    """The file for a page's picture: in the folder that LOOPLINE_TEST_OUTPUT names, or in build/test-output."""
    folder = Path(os.environ.get("LOOPLINE_TEST_OUTPUT") or CHECKOUT / "build" / "test-output")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.png"
