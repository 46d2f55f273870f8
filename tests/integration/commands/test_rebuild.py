"""`loopline rebuild`: a version trained again from its pins, in a process of its own."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.demo_home import run_loopline
from tests.support.trained_cards import TABLE, TrainedHome, trained_home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> TrainedHome:
    return trained_home(tmp_path_factory.mktemp("trained") / "home")


def test_a_rebuild_in_a_new_process_gives_the_same_bundle(home: TrainedHome) -> None:
    answer = run_loopline(["rebuild", "card_fraud", "1", "--json"], home.variables)
    assert answer.status == 0, answer.people
    assert answer.told["rebuilt"]["digest"] == answer.told["digest"] == home.bundle.digest
    assert answer.told["identical"]
    assert answer.told["differences"] == []
    assert answer.told["rebuilt"]["predictions"] == {"rows": 4_000, "different": 0, "largest": 0.0}


def test_a_changed_library_and_another_model_are_named(home: TrainedHome) -> None:
    recipe = home.bundle.parts.pins["recipe"]
    libraries = {**recipe["libraries"], "xgboost": "1.0.0"}
    pins = {**home.bundle.parts.pins, "recipe": {**recipe, "libraries": libraries}}
    altered = replace(home.bundle.parts.policy, threshold=0.123)
    home.publish(replace(home.bundle.parts, version="2", pins=pins, policy=altered))
    answer = run_loopline(["rebuild", "card_fraud", "2", "--json"], home.variables)
    assert answer.status == 1
    assert any("library xgboost was 1.0.0, and is " in sentence for sentence in answer.told["differences"])
    assert "policy.json of the bundle differs" in answer.told["differences"]
    assert answer.told["rebuilt"]["digest"] != answer.told["digest"]
    assert answer.told["rebuilt"]["predictions"]["different"] == 0


def test_a_table_that_was_vacuumed_is_named(home: TrainedHome, tmp_path: Path) -> None:
    shutil.copytree(home.environment.home, tmp_path / "home")
    for file in (tmp_path / "home" / "lake" / TABLE).rglob("*.parquet"):
        file.unlink()
    answer = run_loopline(["rebuild", "card_fraud", "1", "--json"], {"LOOPLINE_HOME": str(tmp_path / "home")})
    assert answer.status == 1
    assert answer.told["rebuilt"] is None
    assert any(f"{TABLE} cannot be read at version" in sentence for sentence in answer.told["differences"])
