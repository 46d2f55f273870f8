"""A process that runs an asset of a pool in a Dagster instance: `python -m tests.support.servers.pool_holder HOME SEC`.

The step ends after so many seconds, or as soon as the file `let_go` (`LET_GO`) is in the home.
It prints `holding` once its step has the pool's slot, and the progress of its wait before that.
"""

import logging
import sys
import time
from pathlib import Path

import dagster as dg

from pipelines.jobs import PRODUCT_TAG
from pipelines.operations.loop.run_job import RunInterrupted, dagster_instance, run_job
from resources.dagster.executor import patient_executor
from resources.environments import load_environment

JOB = "card_fraud_daily"
POOL = "spark"
LET_GO = "let_go"


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


def main() -> None:
    """Runs the job once."""
    home, seconds = Path(sys.argv[1]), float(sys.argv[2])
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


if __name__ == "__main__":
    main()
