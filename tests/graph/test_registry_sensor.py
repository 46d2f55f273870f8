"""An alias that was moved by hand in MLflow is told once, and its alert ends when a person has looked into it."""

import dagster as dg
import pytest

from assets.rollout.aliases import ALIAS_RESTORED
from pipelines.registry_sensor import registry_sensor
from resources.keys import Keys
from resources.notifications import Alert
from tests.support.models.evaluated_bundle import PRODUCT
from tests.support.models.registered import RegisteredHome


class Heard:
    """Keeps what was told."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.alerts.append(alert)


def tick(home: RegisteredHome, heard: Heard, cursor: str | None) -> str | None:
    keeper = home.keeper
    resources = {
        "tracking": keeper.tracking, "rollout": keeper.rollout, "audit": keeper.audit, "notifier": heard,
        "keys": Keys.of(home.environment.home),
    }  # fmt: skip
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(
        instance, cursor=cursor, resources=resources
    ) as context:  # fmt: skip
        registry_sensor(PRODUCT).evaluate_tick(context)
        return context.cursor


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> RegisteredHome:
    home = RegisteredHome(tmp_path_factory.mktemp("registry") / "home")
    home.move(home.register())
    home.keeper.follow("loans")
    home.register(compared_with="1")
    return home


def test_an_alias_moved_by_hand_is_taken_back_within_a_tick_and_told_once(home: RegisteredHome) -> None:
    heard = Heard()
    cursor = tick(home, heard, None)
    assert heard.alerts == []
    home.keeper.tracking._client.set_registered_model_alias("loans", "champion", "2")
    cursor = tick(home, heard, cursor)
    assert (home.alias, home.decides) == ("1", "1")
    (alert,) = heard.alerts
    assert (alert.kind, alert.severity) == ("alias_moved", "error")
    assert alert.message.startswith(
        "the alias champion was moved to version 2 by hand; the rollout state says version 1"
    )
    assert [one.action for one in home.keeper.audit.entries()].count(ALIAS_RESTORED) == 1
    tick(home, heard, cursor)
    assert len(heard.alerts) == 1
