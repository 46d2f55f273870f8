"""One run in this process: how it ends, and where Dagster's pages have it."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.evaluation.checks import gate_checks, gate_results
from assets.evaluation.gates import GateSignals, evaluate
from assets.evaluation.known import known_gates
from assets.materialising import TRY_AGAIN
from assets.product import GatePolicy
from pipelines.cli.render.failures import failure_json, show_failure
from pipelines.jobs import PRODUCT_TAG
from pipelines.operations.loop.run_job import RunFailed, RunInterrupted, dagster_instance, run_job
from resources.dagster.executor import patient_executor
from resources.environments import load_environment

JOB = "card_fraud_daily"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    home: Path = tmp_path_factory.mktemp("home")
    with dagster_instance(load_environment({"LOOPLINE_HOME": str(home)})) as found:
        yield found


def definitions(error: Exception | None) -> dg.Definitions:
    """A job of one asset, which ends with the error."""

    @dg.asset(key=dg.AssetKey(["card_fraud", "scored"]))
    def scored() -> None:
        if error is not None:
            raise error

    job = dg.define_asset_job(JOB, selection=[scored], tags={PRODUCT_TAG: "card_fraud"})
    return dg.Definitions(assets=[scored], jobs=[job], executor=patient_executor)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (dg.Failure(description="day 2026-09-30 is lacking", allow_retries=False), r"^day 2026-09-30 is lacking$"),
        (ZeroDivisionError("division by zero"), r"^scored: ZeroDivisionError: division by zero$"),
    ],
)
def test_a_step_that_failed_is_the_runs_failure(instance: dg.DagsterInstance, error: Exception, said: str) -> None:
    with pytest.raises(RunFailed, match=said):
        run_job(definitions(error), instance, JOB)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_whose_step_would_be_tried_again(instance: dg.DagsterInstance, number: int) -> None:
    """The daily assets are tried again after a failure; what a person ends stays ended."""
    attempts = []

    @dg.asset(key=dg.AssetKey(["card_fraud", "scored"]), retry_policy=TRY_AGAIN)
    def scored() -> None:
        attempts.append(1)
        os.kill(os.getpid(), number)
        time.sleep(5)

    job = dg.define_asset_job(JOB, selection=[scored], tags={PRODUCT_TAG: "card_fraud"})
    found = dg.Definitions(assets=[scored], jobs=[job], executor=patient_executor)
    with pytest.raises(RunInterrupted, match=f"of {JOB} was ended by a signal; the same command goes on with it"):
        run_job(found, instance, JOB)
    assert len(attempts) == 1
    (run,) = instance.get_runs(limit=1)
    assert run.is_finished


def test_a_run_is_in_its_products_code_location(instance: dg.DagsterInstance) -> None:
    """The timeline groups runs by the job of a code location, and leaves out runs without one."""
    run = instance.get_run_by_id(run_job(definitions(None), instance, JOB))
    assert run is not None
    assert run.remote_job_origin is not None
    assert run.remote_job_origin.location_name == "card_fraud"
    assert run.remote_job_origin.repository_origin.repository_name == "__repository__"
    assert run.tags[PRODUCT_TAG] == "card_fraud"
    assert run.tags["dagster/max_retries"] == "0", "the daemon would run it beside the person who does"


def test_a_gate_that_was_not_asked_is_shown_as_that(
    instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check passes, since it stops nothing; the table says neither passed nor 1.0."""
    key = dg.AssetKey(["card_fraud", "evaluation"])
    verdict = evaluate(GateSignals(first_model=True, no_protected=True), GatePolicy(min_auc=0.7))

    @dg.asset(key=key, check_specs=gate_checks(key, known_gates(GatePolicy(min_auc=0.7))))
    def evaluation() -> Iterator[dg.MaterializeResult[None]]:
        yield dg.MaterializeResult(check_results=gate_results(verdict))

    job = dg.define_asset_job("card_fraud_retrain", selection=[evaluation], tags={PRODUCT_TAG: "card_fraud"})
    refusing = dg.Definitions(assets=[evaluation], jobs=[job], executor=patient_executor)
    with pytest.raises(RunFailed) as failure:
        run_job(refusing, instance, "card_fraud_retrain")
    gates = {gate["name"]: (gate["passed"], gate["value"]) for gate in failure.value.gates.results}
    not_asked = ("champion_comparison", "slice_auc", "selection_ratio", "odds_gap")
    assert [gates[name] for name in (*not_asked, "auc")] == [(None, None)] * 4 + [(False, None)]
    show_failure(failure.value)
    lines = [" ".join(line.split()) for line in capsys.readouterr().err.splitlines()]
    assert "odds_gap ≤ 0.2 not asked" in lines
    assert "champion_comparison ≤ 0.02 not asked" in lines


def test_a_refused_gate_comes_with_every_gate_and_the_report(
    instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table tells how near the others were; a gate whose value is unknown has not passed."""
    key = dg.AssetKey(["card_fraud", "evaluation"])
    verdict = evaluate(GateSignals(auc=0.6), GatePolicy(min_auc=0.7))

    @dg.asset(key=key, check_specs=gate_checks(key, known_gates(GatePolicy(min_auc=0.7))))
    def evaluation() -> Iterator[dg.MaterializeResult[None]]:
        page = dg.MetadataValue.url("http://127.0.0.1:4701/#/experiments/1/runs/ab")
        yield dg.MaterializeResult(metadata={"mlflow_run": page}, check_results=gate_results(verdict))

    job = dg.define_asset_job("card_fraud_retrain", selection=[evaluation], tags={PRODUCT_TAG: "card_fraud"})
    refusing = dg.Definitions(assets=[evaluation], jobs=[job], executor=patient_executor)
    with pytest.raises(RunFailed, match=r"evaluation: refused by .* and \d+ more") as failure:
        run_job(refusing, instance, "card_fraud_retrain")
    gates = {gate["name"]: gate for gate in failure.value.gates.results}
    assert list(gates) == [gate.name for gate in verdict.results]
    assert gates["auc"] == {
        "name": "auc", "value": 0.6, "comparison": "at_least", "threshold": 0.7, "passed": False
    }  # fmt: skip
    show_failure(failure.value)
    said = capsys.readouterr().err
    assert [line.split()[0] for line in said.splitlines() if line.endswith(("passed", "failed"))] == list(gates)
    assert "unknown" in said
    assert "report: http://127.0.0.1:4701/#/experiments/1/runs/ab" in said
    assert failure_json(failure.value, "refused")["gates"] == list(failure.value.gates.results)
