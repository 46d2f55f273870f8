"""Which services run on this machine, and where they listen."""

from pathlib import Path

import pytest

from pipelines.services.catalog import services_of
from resources.environments import Environment, load_environment


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return load_environment({"LOOPLINE_HOME": str(tmp_path)})


def test_every_service_listens_on_this_machine_only(environment: Environment) -> None:
    (environment.bank / "bureau" / "reports").mkdir(parents=True)
    found = services_of(environment)
    assert [service.name for service in found] == ["bureau", "mlflow", "dagster", "daemon", "decisions", "stream"]
    assert [service.port for service in found if service.port] == [
        environment.ports.bureau, environment.ports.mlflow, environment.ports.dagster,
        environment.ports.decisions, environment.ports.stream,
    ]  # fmt: skip
    assert all(service.address.startswith("http://127.0.0.1:") for service in found if service.address)
    assert not [service.name for service in found if "0.0.0.0" in service.command]


def test_services_that_are_elsewhere_are_not_started(environment: Environment) -> None:
    elsewhere = environment.model_copy(update={"mlflow_tracking_uri": "http://mlflow:5000"})
    assert [service.name for service in services_of(elsewhere)] == ["dagster", "daemon", "decisions", "stream"]
