"""A process that runs an asset of a pool in a Dagster instance.

The step ends after so many seconds, or as soon as the file `let_go` (`LET_GO`) is in the home.
It prints `holding` once its step has the pool's slot, and the progress of its wait before that.
"""

import logging
import multiprocessing
import os
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import dagster as dg

from pipelines.jobs import PRODUCT_TAG
from pipelines.operations.loop.run_job import RunInterrupted, dagster_instance, run_job
from resources.dagster.executor import patient_executor
from resources.environments import load_environment

JOB = "card_fraud_daily"
POOL = "spark"
LET_GO = "let_go"
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


def definitions(seconds: float, pool: str = POOL, let_go: Path | None = None) -> dg.Definitions:
    """One asset that holds the pool for some seconds, or until a file is there."""

    @dg.asset(key=dg.AssetKey(["card_fraud", "held"]), pool=pool)
    def held() -> None:
        print("holding", flush=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (let_go and let_go.exists()):
            time.sleep(min(0.1, seconds))

    job = dg.define_asset_job(JOB, selection=[held], tags={PRODUCT_TAG: "card_fraud"})
    return dg.Definitions(assets=[held], jobs=[job], executor=patient_executor)


class Holder:
    """The process, forked from one that has loaded the libraries.

    Attributes:
        lines: What it prints.
    """

    def __init__(self, home: Path, seconds: float) -> None:
        heard, said = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(target=_hold, args=(home, seconds, said))
        self._process.start()
        said.close()
        self.lines = os.fdopen(os.dup(heard.fileno()), encoding="utf-8")
        heard.close()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def wait(self, seconds: float | None = None) -> int:
        """Waits for its end; its exit status, below 0 the signal that ended it.

        Raises:
            AssertionError: It has not ended within the seconds.
        """
        self._process.join(seconds)
        assert self._process.exitcode is not None, f"process {self.pid} has not ended in {seconds} s"
        return self._process.exitcode

    def send(self, number: int) -> None:
        """Sends it a signal."""
        os.kill(self.pid, number)

    def close(self) -> None:
        """Ends it, if it runs, and what is kept of it."""
        self._process.kill()
        self._process.join()
        self.lines.close()


def _hold(home: Path, seconds: float, said: Connection) -> None:
    """Runs the job once."""
    os.dup2(said.fileno(), sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    log = logging.getLogger("loopline.progress")
    log.setLevel(logging.INFO)
    log.addHandler(logging.StreamHandler(sys.stdout))
    environment = load_environment({"LOOPLINE_HOME": str(home)})
    with dagster_instance(environment) as instance:
        try:
            run_job(definitions(seconds, let_go=home / LET_GO), instance, JOB)
        except RunInterrupted as ended:
            print(ended, flush=True)
            sys.exit(1)
