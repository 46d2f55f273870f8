"""Small values between assets: each run reads its own, as Dagster runs them."""

import threading
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from resources.dagster.json_values import JsonValues

SEEN: dg.AssetKey = dg.AssetKey(["loans", "evaluation"])


def job_of(folder: Path, before_evaluation: Any = None, *, broken: bool = False) -> dg.Definitions:
    """A model that tells its run, and an evaluation that records which model it was given."""

    @dg.asset(key=["loans", "model"])
    def model(context: dg.AssetExecutionContext) -> dict[str, str]:
        if before_evaluation is not None:
            before_evaluation()
        return {"mlflow_run": context.run.run_id}

    @dg.asset(key=["loans", "evaluation"], ins={"model": dg.AssetIn(key=["loans", "model"])})
    def evaluation(model: dict[str, str]) -> dg.MaterializeResult[None]:
        if broken:
            raise dg.Failure("not now")
        return dg.MaterializeResult(metadata={"model": model["mlflow_run"]})

    return dg.Definitions(
        assets=[model, evaluation],
        jobs=[dg.define_asset_job("retrain", "*")],
        resources={"io_manager": JsonValues(folder=str(folder))},
    )


def told(result: dg.ExecuteInProcessResult) -> object:
    (event,) = result.asset_materializations_for_node("loans__evaluation")
    return event.metadata["model"].value


def test_of_two_retrainings_at_once_each_evaluates_its_own_model(tmp_path: Path) -> None:
    """Both models are made before either is evaluated."""
    both = threading.Barrier(2, timeout=60)
    results: dict[int, dg.ExecuteInProcessResult] = {}

    def retrain(number: int) -> None:
        job = job_of(tmp_path, both.wait).resolve_job_def("retrain")
        # An instance each: two threads that write to one in-memory database lock each other out.
        with dg.DagsterInstance.ephemeral() as instance:
            results[number] = job.execute_in_process(instance=instance)

    threads = [threading.Thread(target=retrain, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert {number: told(result) for number, result in results.items()} == {
        number: result.run_id for number, result in results.items()
    }
    assert len({result.run_id for result in results.values()}) == 2


def test_a_run_that_is_repeated_after_a_failure_goes_on_with_the_values_of_that_run(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        failed = job_of(tmp_path, broken=True).resolve_job_def("retrain")
        first = failed.execute_in_process(instance=instance, raise_on_error=False)
        job = job_of(tmp_path).resolve_job_def("retrain")
        assert job.execute_in_process(instance=instance).success
        tags = {"dagster/parent_run_id": first.run_id, "dagster/root_run_id": first.run_id}
        again = repeated(job, instance, first.run_id, tags)
    assert told(again) == first.run_id


def repeated(job: Any, instance: dg.DagsterInstance, parent: str, tags: dict[str, str]) -> dg.ExecuteInProcessResult:
    """The evaluation alone, in a run that repeats another."""
    return job.execute_in_process(instance=instance, asset_selection=[SEEN], tags=tags)


def test_a_run_without_the_model_reads_the_last_one(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        job = job_of(tmp_path).resolve_job_def("retrain")
        with pytest.raises(FileNotFoundError, match="loans/model has no value"):
            job.execute_in_process(instance=instance, asset_selection=[SEEN])
        runs = [job.execute_in_process(instance=instance).run_id for _ in range(2)]
        assert told(job.execute_in_process(instance=instance, asset_selection=[SEEN])) == runs[-1]
    assert not list(tmp_path.rglob("*.new"))
