"""The steward, as Dagster runs it: each step once, whoever looks; what the guard did is recorded."""

import shutil
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from assets.product import Rollout, Step
from assets.rollout.assets import deployment_asset, rollout_asset
from assets.rollout.moves import Who, begun, rolled_back
from assets.rollout.trial import Trial
from pipelines.rollout_sensor import rollout_sensor
from resources.clock import WallClock
from resources.keys import Keys
from resources.lake import Lake
from resources.notifications import Alert
from resources.rollout_store.manifest import RolloutManifest
from tests.support.models.evaluated_bundle import PRODUCT as DIRECT
from tests.support.models.registered import RegisteredHome
from tests.unit.rollout.outcomes.test_results import AB_TEST, BANDIT, outcomes
from tests.unit.rollout.rollout_samples import seen

POLICY = Rollout(steps=(Step(0.0, 100, timedelta(0)), Step(0.5, 100, timedelta(0))), outcomes="watched")
PRODUCT = replace(DIRECT, rollout=POLICY)


class Told:
    """Collects alerts."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.alerts.append(alert)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RegisteredHome:
    """Version 1 decides; version 2 is its shadow."""
    home = RegisteredHome(tmp_path_factory.mktemp("made") / "home")
    home.register()
    home.approve("1")
    deploy(home, "1")
    home.register(compared_with="1")
    home.approve("2")
    assert deploy(home, "2")["stage"] == "shadow"
    return home


@pytest.fixture
def home(made: RegisteredHome, tmp_path: Path) -> RegisteredHome:
    """A copy of it, which may move."""
    return RegisteredHome(Path(shutil.copytree(made.home, tmp_path / "home")))


def resources(home: RegisteredHome) -> dict[str, Any]:
    keeper, environment = home.keeper, home.environment.model_copy(update={"sandbox": False})
    return {
        "tracking": keeper.tracking, "rollout": keeper.rollout, "audit": keeper.audit, "environment": environment,
        "keys": Keys.of(environment.home), "clock": WallClock(), "lake": Lake(environment.lake),
    }  # fmt: skip


def deploy(home: RegisteredHome, version: str) -> Mapping[str, Any]:
    @dg.asset(key=["loans", "registered_model"])
    def registered_model() -> dict[str, str]:
        return {"version": version}

    result = dg.materialize([registered_model, deployment_asset(PRODUCT)], resources=resources(home))
    return metadata_of(result, "loans__deployment")


def looked(home: RegisteredHome, **config: str) -> Mapping[str, Any]:
    """The metadata of one run of the job."""
    result = dg.materialize(
        [rollout_asset(PRODUCT)],
        resources=resources(home),
        run_config={"ops": {"loans__rollout": {"config": config}}},
        selection=[dg.AssetKey(["loans", "rollout"])],
    )
    return metadata_of(result, "loans__rollout")


def metadata_of(result: dg.ExecuteInProcessResult, node: str) -> Mapping[str, Any]:
    (event,) = result.asset_materializations_for_node(node)
    tables = dg.TableMetadataValue
    return {name: value if isinstance(value, tables) else value.value for name, value in event.metadata.items()}


def state_of(home: RegisteredHome) -> RolloutManifest:
    state = home.keeper.state("loans")
    assert state is not None
    return state


def watched(home: RegisteredHome, requests: int, **faults: float) -> None:
    """What a process of the decision service has seen, as the guard writes it."""
    state, now = state_of(home), datetime.now(UTC)
    rows = list(seen(state, requests, np.random.default_rng(state.generation), **faults))
    trial = Trial.none(state.rollout, POLICY, now).after(rows, now)
    home.keeper.rollout.write_evidence("loans", state.rollout, f"2.a{state.generation}", trial.to_json())


def tick(home: RegisteredHome, told: Told, cursor: str | None) -> tuple[str | None, str, str | None]:
    """One tick of the sensor: the key of the run that it asks for, or why it asks for none; the cursor."""
    keeper = home.keeper
    lake = Lake(home.environment.lake)
    connections = {"rollout": keeper.rollout, "audit": keeper.audit, "notifier": told, "lake": lake}
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, cursor=cursor, resources=connections)
        found = rollout_sensor(PRODUCT, home.environment).evaluate_tick(context)
    keys = [request.run_key for request in found.run_requests or ()]
    return (keys[0] if keys else None), found.skip_message or "", found.cursor


def test_evidence_moves_a_version_from_shadow_to_champion_by_the_job_that_the_sensor_asks_for(
    home: RegisteredHome,
) -> None:
    told = Told()
    asked, why_not, cursor = tick(home, told, None)
    assert asked is None
    assert "0 of 100 requests" in why_not
    for stage in ("canary", "champion"):
        watched(home, 400)
        asked, _, cursor = tick(home, told, cursor)
        assert asked is not None
        assert asked.startswith(f"rollout:{state_of(home).generation}:")
        assert tick(home, told, cursor)[0] == asked
        found = looked(home)
        assert state_of(home).stage == stage
        assert "requests in" in str(found["reasons"])
    assert (home.decides, home.alias) == ("2", "2")
    assert told.alerts == []


def test_of_several_stewards_one_makes_the_step(home: RegisteredHome) -> None:
    watched(home, 400)
    threads = [threading.Thread(target=looked, args=(home,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [move.action for move in state_of(home).moves] == ["promote", "start", "advance"]


def test_what_the_guard_has_done_is_recorded_and_told(home: RegisteredHome) -> None:
    told, state = Told(), state_of(home)
    *_, cursor = tick(home, told, None)
    home.keeper.apply(rolled_back(state, Who("guard", "errors: 0.2 against the champion's 0", datetime.now(UTC))))
    asked, _, cursor = tick(home, told, cursor)
    assert asked is not None
    (alert,) = told.alerts
    assert (alert.title, alert.message) == (
        "version 2 was rolled back", "guard: errors: 0.2 against the champion's 0",
    )  # fmt: skip
    found = looked(home)
    assert found["stands"] == "version 1 decides alone"
    assert (home.audit[-1].action, home.alias) == ("promote", "1")
    entries = [(entry.action, entry.actor) for entry in home.keeper.audit.entries() if "generation" in entry.details]
    assert entries[-1] == ("roll_back", "guard")
    assert tick(home, told, cursor)[0] is None
    assert len(told.alerts) == 1


def test_a_breach_is_rolled_back_by_the_steward_too(home: RegisteredHome) -> None:
    watched(home, 400, errors=0.2)
    found = looked(home)
    assert (found["verdict"], state_of(home).rollout) == ("roll_back", "")
    history = found["history"]
    assert [record.data["action"] for record in history.records][:2] == ["roll_back", "start"]
    assert "errors: 0." in history.records[0].data["reason"]


def test_a_person_moves_it_from_the_launchpad(home: RegisteredHome) -> None:
    found = looked(home, action="roll_back", by="Ada Risk", reason="customers complain")
    assert found["stands"] == "version 1 decides alone"
    move = state_of(home).move
    assert (move.by, move.reason, move.version) == ("Ada Risk", "customers complain", "2")
    result = dg.materialize(
        [rollout_asset(PRODUCT)],
        resources=resources(home),
        run_config={"ops": {"loans__rollout": {"config": {"action": "freeze"}}}},
        selection=[dg.AssetKey(["loans", "rollout"])],
        raise_on_error=False,
    )
    assert not result.success
    (failure,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert "say who you are and why" in str(failure.step_failure_data)


def test_a_version_that_comes_during_a_rollout_waits(home: RegisteredHome) -> None:
    home.register(compared_with="1")
    home.approve("3")
    found = deploy(home, "3")
    assert "version 2 is the shadow of version 1; it ends by promotion or rollback" in found["waiting"]["reason"]


def under_test(home: RegisteredHome, policy: Rollout) -> RolloutManifest:
    """Version 2 is under trial by outcomes: 3,000 of them, which are better than the champion's."""
    who = Who("Ada Risk", "a test", datetime.now(UTC) - timedelta(days=1))
    ended = rolled_back(state_of(home), who)
    home.keeper.apply(ended)
    state = begun(ended, (home.keeper.release("loans", "2"),), policy, who)
    home.keeper.apply(state)
    rows = outcomes(state, 3_000, {"1": 0.3, "2": 0.05})
    Lake(home.environment.lake).replace("loans/outcomes", rows, days=[date(2026, 9, 1)])
    return state


def test_a_bandit_moves_its_shares_and_records_what_each_arm_is_worth_beside_its_own_numbers(
    home: RegisteredHome, made: RegisteredHome
) -> None:
    under_test(home, BANDIT)
    found = looked(home)
    move = state_of(home).move
    assert (move.action, move.by) == ("reassign", "steward")
    values = {(one["policy"], one["method"]): one for one in move.details["values"]}
    assert values["version 2 − version 1", "doubly robust"]["low"] > 0.0
    assert [*home.keeper.audit.entries()][-1].details["values"] == move.details["values"]
    assert {record.data["method"] for record in found["values"].records} == {"inverse propensity", "doubly robust"}
    assert found["page_2"].endswith("/artifacts/documents/rollout.html")
    pages = [page.read_text() for page in home.home.rglob("documents/rollout.html")]
    assert ["Values by propensities" in page for page in pages] == [True]


def test_an_a_b_test_ends_at_its_horizon_by_asking_and_records_what_each_arm_is_worth(home: RegisteredHome) -> None:
    under_test(home, replace(AB_TEST, horizon=timedelta(hours=1)))
    found = looked(home)
    move = state_of(home).move
    assert (move.action, move.reason) == ("pause", "the horizon is reached: a person decides by the report")
    assert len(move.details["values"]) == 6
    assert "data:image/png" in found["interval_2"]
    assert [record.data["conclusion"] for record in found["experiments"].records] == ["better"]
