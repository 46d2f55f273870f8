"""Products of a game day in processes of their own, side by side.

Belongs here: whether a scenario is played so, starting the processes, hearing them, one report of all. Does not belong
here: playing (`play.py`).

The bank's products share no rows but consents, and no answer of one changes a row of another: each process has the same
bank of the same seed, delivers from it what its own product reads, and its clock shows the same days. What two products
share in earnest, the decision service and the Dagster instance, each process has for itself; scenarios that are not
played apart have one of each.
"""

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import pyarrow as pa

from pipelines.operations.gameday.play import Progress, play
from pipelines.operations.gameday.report import Report, merged
from pipelines.operations.gameday.scenarios import Scenario
from pipelines.operations.gameday.stage import refuse_used
from resources.environments import load_environment
from resources.errors import LooplineError
from resources.processes.beginning import begin_process

_PORTS = 5
_JOIN_SECONDS = 60.0
_SIGNALS, _SIGNAL_SECONDS = 10, 2.0


class PartFailed(LooplineError):
    """The process of a product failed; the message names the product and says why."""


@dataclass(frozen=True)
class _Failed:
    words: str


def play_scenario(
    scenario: Scenario, seed: int, home: Path, variables: Mapping[str, str], progress: Progress
) -> Report:
    """Plays a scenario in an empty home; arguments and errors as `play`.

    Raises:
        PartFailed: The process of a product failed.
    """
    if not scenario.apart:
        return play(scenario, seed, home, variables, progress)
    refuse_used(home)
    started, base = time.perf_counter(), load_environment(variables).ports.dagster
    parts: dict[Connection, str] = {}
    reports: dict[str, Report] = {}
    with _processes() as begin:
        for number, name in enumerate(scenario.products):
            own = {**variables, "LOOPLINE_PORT_BASE": str(base + number * _PORTS)}
            parts[begin(scenario.alone(name), seed, home / name, own)] = name
        while parts:
            for one in wait([*parts]):
                assert isinstance(one, Connection)
                name, heard = parts[one], _heard(one)
                if isinstance(heard, Report):
                    reports[name] = heard
                    del parts[one]
                elif isinstance(heard, _Failed):
                    raise PartFailed(f"game day {scenario.name}, product {name}: {heard.words}")
                else:
                    progress(f"{name}: {heard}")
    return merged(scenario, [reports[name] for name in scenario.products], time.perf_counter() - started)


def _heard(one: Connection) -> str | Report | _Failed:
    try:
        found: str | Report | _Failed = one.recv()
        return found
    except EOFError:
        return _Failed("its process ended without a report")


@contextmanager
def _processes() -> Iterator["_Begin"]:
    """Begins processes, which have ended when the block has."""
    begin = _Begin()
    try:
        yield begin
    except BaseException:
        # The first signal may only cancel the Dagster run that is under way, after which the process would go on.
        for process in begin.processes * _SIGNALS:
            process.terminate()
            process.join(_SIGNAL_SECONDS)
        raise
    finally:
        for process in begin.processes:
            process.join(_JOIN_SECONDS)


class _Begin:
    def __init__(self) -> None:
        # A copy of this process would have its threads' locks, but not its threads.
        self._context = get_context("spawn")
        self.processes: list[BaseProcess] = []

    def __call__(self, scenario: Scenario, seed: int, home: Path, variables: Mapping[str, str]) -> Connection:
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_part, args=(scenario, seed, home, dict(variables), theirs))
        process.start()
        theirs.close()
        self.processes.append(process)
        return ours


def _part(scenario: Scenario, seed: int, home: Path, variables: Mapping[str, str], told: Connection) -> None:
    """The process of one product."""
    begin_process()
    # As after Ctrl-C: what this process has started ends with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    pa.set_cpu_count(1)  # the other core is another product's; a day's tables are too small for two
    try:
        told.send(play(scenario, seed, home, variables, told.send))
    except LooplineError as error:
        told.send(_Failed(str(error)))
