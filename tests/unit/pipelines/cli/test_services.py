"""The commands over this machine, where something is in their way."""

import json

import pytest

from pipelines.cli import app
from resources.environments import Environment
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
