"""Vacuum over a home with a registered model: what the model pins stays."""

import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.operations.data.vacuum import pinned_versions, vacuum
from pipelines.products import load_product
from resources.lake import DamagedPartition, Lake
from resources.lake.vacuum import Vacuum
from tests.support.models.registered import RegisteredHome

PRODUCT = load_product("credit_risk")
TRAINING_SET = "credit_risk/training_set"
PINNED = 7
KEEP = timedelta(days=30)


@pytest.fixture
def home(tmp_path: Path) -> RegisteredHome:
    home = RegisteredHome(tmp_path, "credit_risk")
    home.move(home.register())
    return home


def old_training_sets(home: RegisteredHome) -> Lake:
    """Ten versions of the training set, committed long ago."""
    lake = Lake(home.environment.lake)
    for version in range(10):
        lake.replace(TRAINING_SET, pa.table({"row": [version]}), days=None)
    (Path(home.environment.lake, TRAINING_SET) / "_log_digests").unlink()  # of the entries that change now
    for entry in Path(home.environment.lake, TRAINING_SET, "_delta_log").glob("*.json"):
        actions = [json.loads(line) for line in entry.read_text().splitlines()]
        for action in actions:
            if "commitInfo" in action:
                action["commitInfo"]["timestamp"] -= 90 * 86_400_000
        entry.write_text("\n".join(map(json.dumps, actions)))
    return lake


def test_registered_and_deployed_models_pin_their_tables_and_training_set(home: RegisteredHome) -> None:
    pins = {TRAINING_SET: {PINNED}, "loans/features": {41}, "loans/validated_payments": {12}}
    assert pinned_versions(PRODUCT, home.environment) == pins
    assert pinned_versions(load_product("card_fraud"), home.environment) == {}


def test_what_a_model_pins_and_the_newest_version_stay(home: RegisteredHome) -> None:
    lake = old_training_sets(home)
    told: list[Vacuum] = []
    planned = vacuum("credit_risk", home.environment, keep=KEEP, plan=True, report=told.append)
    assert planned.tables == tuple(told)
    assert told[0].kept == (PINNED, 9)
    assert lake.read(TRAINING_SET, version=0).num_rows == 1, "a plan removes nothing"
    done = vacuum("credit_risk", home.environment, keep=KEEP, plan=False, report=told.append)
    assert done.tables == planned.tables
    assert len(done.tables[0].replaced) == 8
    for version in (PINNED, 9):
        assert lake.read(TRAINING_SET, version=version)["row"].to_pylist() == [version]
    with pytest.raises(DamagedPartition):
        lake.read(TRAINING_SET, version=0)
