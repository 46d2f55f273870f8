"""The first failure of a run, from what the instance recorded."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from pipelines.runs.failures import RunFailure, first_failure
from tests.support.servers.ports import free_port

KEY = dg.AssetKey(["loans", "model"])
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def failure_of(instance: dg.DagsterInstance, asset: dg.AssetsDefinition) -> RunFailure:
    result = dg.materialize([asset], instance=instance, run_config=QUIET, raise_on_error=False)
    assert not result.success
    return first_failure(instance, result.run_id, "loans")


def test_a_described_failure_is_its_description(instance: dg.DagsterInstance) -> None:
    @dg.asset(key=KEY)
    def model() -> None:
        raise dg.Failure(description="table loans/training_set is damaged; run it again", allow_retries=False)

    failure = failure_of(instance, model)
    assert failure == RunFailure("model", "table loans/training_set is damaged; run it again", complete=True)
    assert failure.sentence == failure.message


def test_an_error_is_its_own_message_with_the_asset(instance: dg.DagsterInstance) -> None:
    @dg.asset(key=KEY)
    def model() -> None:
        raise ZeroDivisionError("division by zero")

    assert failure_of(instance, model).sentence == "model: ZeroDivisionError: division by zero"


def test_a_server_that_was_lost_is_one_sentence_with_a_remedy(instance: dg.DagsterInstance) -> None:
    """SQLAlchemy says it in five lines, of which the last is a link to its documentation."""
    address = f"postgresql+psycopg2://bank:secret@127.0.0.1:{free_port()}/bank"

    @dg.asset(key=KEY)
    def model() -> None:
        sa.create_engine(address).connect()

    said = failure_of(instance, model).sentence
    assert said.startswith("model: a server was lost meanwhile (")
    assert said.endswith("`loopline doctor` tells which, then run the same command again")
    assert "\n" not in said
    assert "secret" not in said


def test_checks_that_refused_are_named_with_the_asset(instance: dg.DagsterInstance) -> None:
    specs = [dg.AssetCheckSpec(name, asset=KEY, blocking=blocking) for name, blocking in _CHECKS]

    @dg.asset(key=KEY, check_specs=specs)
    def model() -> Iterator[dg.MaterializeResult[Any]]:
        refused = [
            dg.AssetCheckResult(passed=False, check_name=name, description=f"{name} is too low") for name, _ in _CHECKS
        ]
        yield dg.MaterializeResult(check_results=refused)

    assert failure_of(instance, model).sentence == "model: refused by auc is too low; profit is too low"


_CHECKS = [("auc", True), ("profit", True), ("size", False)]


def test_a_run_without_a_step_has_the_reason_of_the_run(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(dg.define_asset_job("job", [KEY]).resolve(asset_graph=_graph()))
    instance.report_run_failed(run, message="the worker was lost")
    assert first_failure(instance, run.run_id, "loans") == RunFailure("", "the worker was lost", complete=False)


def _graph() -> Any:
    @dg.asset(key=KEY)
    def model() -> None: ...

    return dg.Definitions([model]).resolve_asset_graph()
