"""The asset `deployment`, as Dagster runs it, from every broken state of rollout store and registry."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.bundle.files import FILES, load_bundle
from assets.rollout.assets import deployment_asset
from resources.clock import WallClock
from resources.keys import Keys
from tests.support.models.evaluated_bundle import PRODUCT
from tests.support.models.registered import RegisteredHome, empty, flip

KEY = dg.AssetKey(["loans", "deployment"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RegisteredHome:
    """Version 1 decides; version 2 was compared with it, and is approved."""
    home = RegisteredHome(tmp_path_factory.mktemp("made") / "home")
    home.register()
    home.approve("1")
    deployed(home, "1")
    home.register(compared_with="1")
    home.approve("2")
    return home


@pytest.fixture
def home(made: RegisteredHome, tmp_path: Path) -> RegisteredHome:
    """A copy of it, which may be broken."""
    return RegisteredHome(Path(shutil.copytree(made.home, tmp_path / "home")))


def run_deployment(home: RegisteredHome, version: str | None) -> dg.ExecuteInProcessResult:
    @dg.asset(key=["loans", "registered_model"])
    def registered_model() -> dict[str, str]:
        return {"version": home.keeper.tracking.versions("loans")[-1].version}

    keeper, environment = home.keeper, home.environment.model_copy(update={"sandbox": False})
    return dg.materialize(
        [registered_model, deployment_asset(PRODUCT)],
        resources={
            "tracking": keeper.tracking, "rollout": keeper.rollout, "audit": keeper.audit, "environment": environment,
            "keys": Keys.of(environment.home), "clock": WallClock(),
        },
        run_config={"ops": {"loans__deployment": {"config": {"version": version}}}} if version else {},
        raise_on_error=False,
    )  # fmt: skip


def deployed(home: RegisteredHome, version: str | None = None) -> dict[str, Any]:
    """The metadata of a deployment that succeeded."""
    result = run_deployment(home, version)
    assert result.success
    (event,) = result.asset_materializations_for_node("loans__deployment")
    return {name: value.value for name, value in event.metadata.items()}


def refused(home: RegisteredHome, version: str | None = None) -> str:
    """What a deployment that failed says."""
    result = run_deployment(home, version)
    (failure,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    data = failure.step_failure_data.user_failure_data
    assert data is not None, failure.step_failure_data.error
    return str(data.description)


def is_whole(home: RegisteredHome, version: str) -> None:
    """The version decides, its bundle is intact, and everything else says so too."""
    state = home.keeper.state("loans")
    assert state is not None
    assert (home.decides, home.alias) == (version, version)
    assert (home.audit[-1].version, home.audit[-1].details["generation"]) == (version, state.generation)
    assert home.audit[-1].details["digest"] == state.champion.digest
    load_bundle(home.published(version), home.keeper.key, state.champion.digest)
    assert home.keeper.is_whole("loans")
    generations = [entry.details["generation"] for entry in home.audit]
    assert generations == sorted(set(generations))


DAMAGE: dict[str, Callable[[Path], object]] = {
    **{f"a flipped bit in {name}": lambda folder, name=name: flip(folder / name) for name in FILES},  # type: ignore[misc]
    "a flipped bit in the manifest": lambda folder: flip(folder / "manifest.json"),
    "a flipped bit in the signature": lambda folder: flip(folder / "signature"),
    "a missing file": lambda folder: (folder / "kernel.json").unlink(),
    "a missing manifest": lambda folder: (folder / "manifest.json").unlink(),
    "a truncated file": lambda folder: (folder / "policy.json").write_bytes(b""),
    "a file too many": lambda folder: (folder / "model.onnx.bak").write_bytes(b"x"),
    "an empty folder": empty,
    "no folder": shutil.rmtree,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_bundle_is_published_again_before_anything_moves(damage: str, home: RegisteredHome) -> None:
    DAMAGE[damage](home.published("2"))
    deployed(home)
    is_whole(home, "2")


@pytest.mark.parametrize("damage", ["a flipped bit in the manifest", "a flipped bit in policy.json", "no folder"])
def test_the_damaged_bundle_of_the_champion_is_mended_by_deploying_it_again(damage: str, home: RegisteredHome) -> None:
    DAMAGE[damage](home.published("1"))
    assert not home.keeper.is_whole("loans")
    found = deployed(home, "1")
    assert found["repaired"] == ["the bundle of version 1 was published again from the registry"]
    is_whole(home, "1")


def test_a_version_that_is_whole_nowhere_moves_nothing(home: RegisteredHome) -> None:
    flip(home.published("2") / "policy.json")
    flip(home.registry_copy("2") / "policy.json")
    said = refused(home)
    assert "loans version 2 is whole nowhere" in said
    assert "loans_retrain" in said
    is_whole(home, "1")
    shutil.rmtree(home.published("2"))
    shutil.rmtree(home.registry_copy("2"))
    assert "loans version 2 is whole nowhere" in refused(home)
    is_whole(home, "1")


def test_a_champion_that_is_whole_nowhere_keeps_no_other_version_out(home: RegisteredHome) -> None:
    flip(home.published("1") / "policy.json")
    flip(home.registry_copy("1") / "policy.json")
    assert "version 1 is whole nowhere" in refused(home, "1")
    assert "version 1 is whole nowhere" in deployed(home, "2")["repaired"][0]
    is_whole(home, "2")


def test_another_intact_bundle_under_the_version_is_not_overwritten(home: RegisteredHome, tmp_path: Path) -> None:
    other = RegisteredHome(tmp_path / "other")
    shutil.copytree(home.home / "keys", other.home / "keys")
    other.register()
    other.register(compared_with="9")
    shutil.rmtree(home.published("2"))
    shutil.copytree(other.published("2"), home.published("2"))
    assert "already published with another content" in refused(home)
    is_whole(home, "1")
    assert (home.published("2") / "manifest.json").read_bytes() == (other.published("2") / "manifest.json").read_bytes()


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_alias_ahead_of_the_state_is_taken_back(version: str, home: RegisteredHome) -> None:
    home.point_alias("2")
    assert (home.decides, home.alias) == ("1", "2")
    deployed(home, version)
    is_whole(home, version)


@pytest.mark.parametrize("version", ["2", None])
def test_a_state_ahead_of_alias_and_audit_log_is_followed(version: str | None, home: RegisteredHome) -> None:
    """The process died after the state had moved."""
    home.move(home.keeper.release("loans", "2"))
    assert (home.decides, home.alias) == ("2", "1")
    assert deployed(home, version)["repaired"] == ["the alias champion was moved", "the audit log now has generation 2"]
    is_whole(home, "2")
    assert home.audit[-1].actor == "a run that died"
    assert deployed(home, version)["repaired"] == []


def test_an_audit_log_that_a_crash_tore_is_completed(home: RegisteredHome) -> None:
    home.move(home.keeper.release("loans", "2"))
    log = home.keeper.audit.path
    log.write_bytes(log.read_bytes() + b'{"action": "promote", "at":')
    deployed(home)
    is_whole(home, "2")


def test_a_lost_state_is_written_again(home: RegisteredHome) -> None:
    shutil.rmtree(home.home / "rollout" / "loans")
    assert deployed(home, "1")["repaired"][1] == "the lost rollout state was written again: version 1 decides"
    is_whole(home, "1")
    deployed(home, "2")
    is_whole(home, "2")


def test_a_damaged_state_is_refused_with_the_remedy(home: RegisteredHome) -> None:
    manifest = home.home / "rollout" / "loans" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-20])
    assert "the rollout manifest of loans is damaged" in refused(home)
    assert "or remove it and run: loopline repair loans" in refused(home)
    manifest.unlink()
    deployed(home, "2")
    is_whole(home, "2")


def test_of_two_deployments_at_once_one_wins_and_all_agree(home: RegisteredHome) -> None:
    home.register(compared_with="1")
    home.approve("3")
    results: dict[str, bool] = {}

    def deploy(version: str) -> None:
        results[version] = run_deployment(home, version).success

    threads = [threading.Thread(target=deploy, args=(version,)) for version in ("2", "3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    (winner,) = [version for version, won in results.items() if won]
    is_whole(home, winner)
    (loser,) = {"2", "3"} - {winner}
    assert f"compared with 1, but the champion now is {winner}" in refused(home, loser)
    is_whole(home, winner)


def test_a_version_without_an_approver_waits(home: RegisteredHome) -> None:
    """It is a state and not a failure: the metadata have what the approver needs."""
    home.register(compared_with="1")
    waiting = deployed(home)["waiting"]
    run_id = home.keeper.tracking.version("loans", "3").run_id
    assert waiting["version"] == "3"
    assert "waits for an approver other than risk@example.org" in waiting["reason"]
    assert waiting["model_card"].startswith("http://127.0.0.1:4701/#/experiments/1/runs/")
    assert waiting["model_card"].endswith(f"/{run_id}/artifacts/documents/model_card.md")
    assert waiting["approve"] == "loopline approve loans 3 --by NAME --reason TEXT"
    is_whole(home, "1")
