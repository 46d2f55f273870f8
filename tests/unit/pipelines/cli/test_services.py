"""The commands over this machine, where something is in their way."""

import json
import time
from pathlib import Path

import dagster as dg
import pytest

from pipelines.cli import app
from pipelines.operations.loop.run_job import dagster_instance
from resources.environments import Environment
from tests.support.models.registered import RegisteredHome
from tests.support.servers.ports import free_port, free_ports
from tests.unit.pipelines.cli.conftest import Refused


def test_a_damaged_table_of_processes_is_one_sentence(environment: Environment, refused: Refused) -> None:
    """A ProcessTableDamaged on its way through a command."""
    (environment.home / "services.json").write_text("[{")
    assert "services.json is damaged" in refused("status")


@pytest.mark.usefixtures("environment")
def test_services_that_do_not_run_are_status_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script reads the state of each service from the same JSON object as when all run."""
    monkeypatch.setattr("sys.argv", ["loopline", "status", "--json"])
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 1
    states = {service["name"]: service["state"] for service in json.loads(capsys.readouterr().out)["services"]}
    assert states == dict.fromkeys(["mlflow", "dagster", "daemon", "decisions", "stream"], "stopped")


@pytest.mark.usefixtures("environment")
def test_a_version_that_waits_is_in_the_status(
    environment: Environment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person is asked until somebody has answered; the run that asks has succeeded."""
    home = RegisteredHome(environment.home, "credit_risk")
    home.register()
    waiting = {
        "version": "1", "reason": "waits for an approver other than risk", "model_card": "page", "approve": "loopline "
        "approve credit_risk 1", "reject": "loopline reject credit_risk 1",
    }  # fmt: skip

    @dg.asset(key=["credit_risk", "deployment"])
    def deployment() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"champion": "none", "waiting": dg.MetadataValue.json(waiting)})

    with dagster_instance(environment) as instance:
        assert dg.materialize([deployment], instance=instance).success

    def told(*options: str) -> str:
        monkeypatch.setattr("sys.argv", ["loopline", "status", *options])
        with pytest.raises(SystemExit):
            app.main()
        return capsys.readouterr().out

    assert json.loads(told("--json"))["waiting"] == {"credit_risk": waiting}
    assert "credit_risk: version 1 waits for an approver" in told()
    assert "approve: loopline approve credit_risk 1" in told()
    home.approve("1")
    assert json.loads(told("--json"))["waiting"] == {}


@pytest.fixture
def prod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The port of every server of an environment prod, at which nobody listens."""
    port = free_port()
    for name, value in {
        "ENV": "prod", "HOME": str(tmp_path), "PORT_BASE": str(free_ports()), "LAKE": "s3://bank/lake",
        "DATABASE_URL": f"postgresql://bank:secret@127.0.0.1:{port}/bank", "LANDING": "s3://bank",
        "BUREAU_URL": f"http://127.0.0.1:{port}", "STREAM": f"kafka://127.0.0.1:{port}",
        "MLFLOW_URI": f"http://127.0.0.1:{port}", "MLFLOW_ARTIFACTS": "s3://bank/mlflow",
        "ONLINE_STORE": f"redis://127.0.0.1:{port}/0", "ROLLOUT": "s3://bank/rollout",
        "DECISION_LOG": str(tmp_path / "decisions"), "SPARK_MASTER": f"spark://127.0.0.1:{port}",
        "WEBHOOK": f"http://127.0.0.1:{port}/secret", "DAGSTER_DB_HOST": "127.0.0.1", "DAGSTER_DB_PORT": str(port),
        "DAGSTER_DB_NAME": "dagster", "DAGSTER_DB_USER": "dagster", "DAGSTER_DB_PASSWORD": "secret",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"LOOPLINE_{name}", value)
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return str(port)


def test_up_in_prod_says_what_it_starts_and_what_must_run_already(prod: str, refused: Refused) -> None:
    """Nothing is started beside a dead storage of Dagster, and the reason comes within seconds."""
    begun = time.monotonic()
    said = refused("up --json")
    assert time.monotonic() - begun < 15
    assert "starts here: dagster, daemon, decisions, stream; these servers must run already" in said
    for name in ("database", "landing zone", "bureau", "stream", "lake", "bundles", "online store", "Spark", "MLflow",
                 "MLflow's files", "records", "Dagster's storage", "webhook"):  # fmt: skip
        assert f"! {name} at " in said
    assert said.splitlines()[-1].startswith(f"✗ Dagster's storage at postgresql://127.0.0.1:{prod} does not answer")
    assert "secret" not in said
