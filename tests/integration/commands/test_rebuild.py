"""`loopline rebuild`: a version trained again from its pins, in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.operations.data.vacuum import vacuum
from resources.environments import CHECKOUT, load_environment
from resources.lake import Lake, LakeError
from resources.tracking import Tracking
from tests.integration.demo_home import run_loopline
from tests.support.models.trained_cards import TABLE, TrainedHome, trained_home, training_rows


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> TrainedHome:
    return trained_home(tmp_path_factory.mktemp("trained") / "home")


def test_the_exported_model_checks_itself_beside_its_measurements(home: TrainedHome, tmp_path: Path) -> None:
    answer = run_loopline(["export-model", "card_fraud", "1", str(tmp_path / "model"), "--json"], home.variables)
    assert answer.status == 0, answer.people
    found = {one["variant"]: one for one in answer.told["measured"]}
    assert found["float32"]["rows"] == 4_000
    assert [found[variant]["pays"] for variant in ("float32", "float16", "int8")] == [True, False, False]
    done = subprocess.run(
        [sys.executable, tmp_path / "model" / "score.py", "--check"], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stdout


def test_a_rebuild_in_a_new_process_gives_the_same_bundle(home: TrainedHome) -> None:
    answer = run_loopline(["rebuild", "card_fraud", "1", "--json"], home.variables)
    assert answer.status == 0, answer.people
    assert answer.told["rebuilt"]["digest"] == answer.told["digest"] == home.bundle.digest
    assert answer.told["identical"]
    assert answer.told["differences"] == []
    assert answer.told["rebuilt"]["predictions"] == {"rows": 4_000, "different": 0, "largest": 0.0}


def test_a_rebuild_after_later_days_and_a_vacuum_in_a_fresh_environment_gives_the_same_bundle(
    home: TrainedHome, tmp_path: Path
) -> None:
    """The training set has grown since; what nothing refers to is removed; nothing of this process is handed on."""
    shutil.copytree(home.environment.home, tmp_path / "home", ignore=shutil.ignore_patterns("rollout", "made-1"))
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})
    tracking = Tracking.of(environment)
    with tracking.run("card_fraud", "training") as run:
        tracking.next_version("card_fraud", run.run_id)
    replace(home, environment=environment).publish(home.bundle.parts)
    lake, pinned = Lake(environment.lake), home.bundle.parts.pins["version"]
    for seed in (2, 3):
        lake.replace(TABLE, training_rows(6_000, seed=seed), days=None)
    removed = vacuum("card_fraud", environment, keep=timedelta(0), plan=False, report=lambda one: None)
    kept = {one.table: one.kept for one in removed.tables}[TABLE]
    assert pinned in kept
    assert pinned + 1 not in kept
    with pytest.raises(LakeError):
        lake.read(TABLE, version=pinned + 1)
    variables = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "HOME": str(tmp_path),
        "LOOPLINE_HOME": str(environment.home), "LANG": "C",
        "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "17", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    # For which processor OpenBLAS computes: another one's sums differ in their last bits.
    variables |= {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "rebuild", "card_fraud", "1", "--json"],
        env=variables, cwd="/", capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["identical"], told["differences"]) == (True, [])
    assert told["rebuilt"]["digest"] == home.bundle.digest
    assert told["rebuilt"]["predictions"] == {"rows": 4_000, "different": 0, "largest": 0.0}


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


def test_a_training_set_of_another_place_is_not_taken_for_the_pinned_one(home: TrainedHome) -> None:
    home.publish(replace(home.bundle.parts, version="3", pins={**home.bundle.parts.pins, "table": "another"}))
    answer = run_loopline(["rebuild", "card_fraud", "3", "--json"], home.variables)
    assert answer.status == 1
    assert answer.told["rebuilt"] is None
    assert any("is another table than the one of the training" in told for told in answer.told["differences"])
