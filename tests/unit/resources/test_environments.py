"""The environment: one of three, checked once, loudly."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resources import environments
from resources.clock import SimulatedClock
from resources.environments import UnknownEnvironment, load_environment


def test_local_needs_nothing_and_stays_under_its_home() -> None:
    environment = load_environment({"LOOPLINE_HOME": "/somewhere"})
    assert environment.name == "local"
    assert environment.lake == "/somewhere/lake"
    assert environment.database_url == "sqlite:////somewhere/bank/bank.db"
    assert environment.bureau_url == f"http://127.0.0.1:{environment.ports.bureau}"


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownEnvironment, match="LOOPLINE_ENV is 'production'; set it to one of local, staging, prod"):
        load_environment({"LOOPLINE_ENV": "production"})


def test_production_names_the_variable_that_is_missing() -> None:
    with pytest.raises(UnknownEnvironment, match="LOOPLINE_LAKE is not set"):
        load_environment({"LOOPLINE_ENV": "prod"})


@pytest.mark.parametrize("port", ["x", "80", "70000"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(UnknownEnvironment, match="LOOPLINE_PORT_BASE"):
        load_environment({"LOOPLINE_PORT_BASE": port})


@pytest.mark.parametrize("address", ["postgresql://bank:5432/db", "postgres://bank:5432/db"])
def test_a_postgresql_address_without_a_driver_means_the_one_that_is_there(address: str, tmp_path: Path) -> None:
    """SQLAlchemy alone would ask for another driver, which is not installed."""
    variables = {"LOOPLINE_HOME": str(tmp_path), "LOOPLINE_DATABASE_URL": address, "LOOPLINE_MLFLOW_URI": address}
    environment = load_environment(variables)
    assert environment.database_url == "postgresql+psycopg2://bank:5432/db"
    assert environment.mlflow_tracking_uri == "postgresql+psycopg2://bank:5432/db"
    named = {**variables, "LOOPLINE_DATABASE_URL": "postgresql+psycopg://bank/db"}
    assert load_environment(named).database_url == "postgresql+psycopg://bank/db"


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("mysql://u:p@shop/db", "mysql+pymysql://u:p@shop/db"),
        ("mariadb://shop/db", "mariadb+pymysql://shop/db"),
        ("mysql+mysqldb://shop/db", "mysql+mysqldb://shop/db"),
        ("iceberg+postgresql://shop/db", "iceberg+postgresql+psycopg2://shop/db"),
        ("iceberg+mysql://shop/db", "iceberg+mysql+pymysql://shop/db"),
        ("duckdb:////data/shop.duckdb", "duckdb:////data/shop.duckdb"),
    ],
)
def test_a_connection_without_a_driver_means_the_one_that_is_there(address: str, meant: str, tmp_path: Path) -> None:
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path), "LOOPLINE_CONNECTION_SHOP": address})
    assert environment.address_of("shop", {}) == meant
    assert load_environment({"LOOPLINE_HOME": str(tmp_path)}).address_of("shop", {"shop": address}) == meant


@pytest.mark.parametrize(
    ("given", "written", "message"),
    [
        (
            "sandbox: true",
            "sandbox: true\nlake: /elsewhere",
            "line .*: 'lake' is already given in line 2; give it once",
        ),
        ("sandbox: true", "sandbox: 'true'", "sandbox is 'true'; write true or false"),
        ("sandbox: true\n", "", "lacks sandbox"),
        ("sandbox: true", "sandbox: true\nlaek: /elsewhere", "has unknown keys laek"),
        ("webhook: ", "webhook: 17\n#", "webhook is 17; write a text"),
        ("lake: ", "\tlake: ", "line 2: a tab; indent with spaces"),
    ],
)
def test_a_wrong_file_of_addresses_is_refused(
    given: str, written: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of two addresses would win silently."""
    text = (environments.CHECKOUT / "infra" / "environments" / "local.yaml").read_text()
    assert given in text
    file = tmp_path / "infra" / "environments" / "local.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text.replace(given, written, 1))
    monkeypatch.setattr(environments, "CHECKOUT", tmp_path)
    with pytest.raises(UnknownEnvironment, match=message) as refused:
        load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})
    assert str(file) in str(refused.value)


def test_a_simulation_has_one_clock_for_all_its_processes(tmp_path: Path) -> None:
    file, moment = tmp_path / "clock", datetime(2025, 3, 1, 2, tzinfo=UTC)
    clock = load_environment({"LOOPLINE_CLOCK": str(file)}).clock
    assert isinstance(clock, SimulatedClock)
    clock.set(moment)
    elsewhere = load_environment({"LOOPLINE_CLOCK": str(file)}).clock
    assert elsewhere.now() == moment
    clock.set(moment + timedelta(days=1))
    assert elsewhere.now() == moment + timedelta(days=1)


def test_without_a_simulation_the_clock_is_the_machines() -> None:
    before = datetime.now(UTC)
    assert before <= load_environment({}).clock.now() <= datetime.now(UTC)


def test_production_runs_by_no_simulated_clock() -> None:
    with pytest.raises(UnknownEnvironment, match="staging runs by the machine's clock alone; unset it"):
        load_environment({"LOOPLINE_ENV": "staging", "LOOPLINE_CLOCK": "/tmp/clock"})
