"""Dependencies that are taken away fail for those who have them open too, and are given back as they were."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.operations.gameday.outages import Dependencies
from pipelines.operations.gameday.stage import game_environment
from resources.clock import SimulatedClock
from resources.environments import Environment


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    clock = SimulatedClock(tmp_path / "clock")
    clock.set(datetime(2026, 3, 1, tzinfo=UTC))
    return game_environment(tmp_path, clock, {})


@pytest.fixture
def registry(environment: Environment) -> Iterator[sqlite3.Connection]:
    """A connection that is open all the time, as MLflow's client has one."""
    path = Path(environment.mlflow_tracking_uri.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path, timeout=0.1)) as connection:
        connection.execute("CREATE TABLE models (name TEXT)")
        connection.commit()
        yield connection


def test_a_registry_that_is_down_answers_nobody(environment: Environment, registry: sqlite3.Connection) -> None:
    dependencies = Dependencies(environment, ("card_fraud",))
    dependencies.set_down(frozenset({"tracking"}))
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        registry.execute("SELECT * FROM models").fetchall()
    dependencies.set_down(frozenset())
    assert registry.execute("SELECT * FROM models").fetchall() == []


def test_a_folder_that_is_down_is_gone_and_what_others_made_meanwhile_is_put_aside(environment: Environment) -> None:
    landing, dependencies = Path(environment.landing), Dependencies(environment, ("card_fraud",))
    landing.mkdir(parents=True)
    (landing / "file").write_text("delivered")
    dependencies.set_down(frozenset({"landing"}))
    assert not landing.exists()
    landing.mkdir()
    dependencies.set_down(frozenset())
    assert (landing / "file").read_text() == "delivered"
