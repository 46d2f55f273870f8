"""The environment: one of three, checked once, loudly."""

import pytest

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
