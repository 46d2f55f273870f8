"""MLflow's local database and the files beside it: moved, copied, lost and damaged homes."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from resources.tracking import Tracking, TrackingError
from resources.tracking.local_store import is_made
from tests.support.models.registered import RegisteredHome


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RegisteredHome:
    home = RegisteredHome(tmp_path_factory.mktemp("made") / "home")
    home.register()
    return home


@pytest.fixture
def copy(made: RegisteredHome, tmp_path: Path) -> RegisteredHome:
    return RegisteredHome(Path(shutil.copytree(made.home, tmp_path / "copy")))


def addresses(home: RegisteredHome) -> set[str]:
    """Every address of a file that the database holds, but that of MLflow's own experiment."""
    queries = (
        "SELECT artifact_location FROM experiments WHERE experiment_id <> 0",
        "SELECT artifact_uri FROM runs",
        "SELECT source FROM model_versions",
        "SELECT storage_location FROM model_versions",
    )
    with closing(sqlite3.connect(home.home / "mlflow" / "mlflow.db")) as database:
        return {str(value) for query in queries for (value,) in database.execute(query)}


def test_a_copied_home_reads_and_writes_its_own_files(
    made: RegisteredHome, copy: RegisteredHome, tmp_path: Path
) -> None:
    before = sorted(made.home.rglob("*"))
    assert copy.keeper.tracking.bundle("loans", "1", tmp_path / "out").is_dir()
    assert {address.startswith(f"file://{copy.home}/mlflow/artifacts/loans") for address in addresses(copy)} == {True}
    copy.register()
    assert copy.registry_copy("2").is_dir()
    assert sorted(made.home.rglob("*")) == before


def test_files_that_lie_elsewhere_keep_their_address(copy: RegisteredHome, tmp_path: Path) -> None:
    """Another folder for artifacts is for new runs; the old ones stay where they are."""
    environment = copy.environment
    moved = Tracking(environment.mlflow_tracking_uri, str(tmp_path / "new"), environment.mlflow_tracking_uri)
    run_id = copy.keeper.tracking.version("loans", "1").run_id
    assert moved.bundle("loans", "1", tmp_path / "out").is_dir()
    with moved.run("loans", "training") as run:
        run.documents({"card": "# Card"})
    assert (tmp_path / "new" / "loans" / run.run_id / "artifacts" / "documents" / "card.md").is_file()
    assert any(address.endswith(f"/loans/{run_id}/artifacts") for address in addresses(copy))


@pytest.mark.parametrize("damage", ["missing", "empty", "of another home", "garbage"])
@pytest.mark.parametrize("left", ["artifacts", "bundles"])
def test_a_database_that_is_not_of_this_home_is_refused(
    damage: str, left: str, copy: RegisteredHome, tmp_path: Path
) -> None:
    database = copy.home / "mlflow" / "mlflow.db"
    shutil.rmtree(copy.home / "rollout" if left == "artifacts" else copy.home / "mlflow" / "artifacts")
    if damage == "missing":
        database.unlink()
    elif damage == "of another home":
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE experiments SET name = 'other' WHERE name = 'loans'")
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("UPDATE registered_models SET name = 'other'")
    else:
        database.write_bytes(b"" if damage == "empty" else b"no database " * 1000)
    before = database.read_bytes() if database.exists() else None
    tracking = copy.keeper.tracking
    for use in (tracking.check, lambda: tracking.versions("loans")):
        with pytest.raises(TrackingError, match="from a backup"):
            use()
    assert (database.read_bytes() if database.exists() else None) == before


def test_a_new_home_has_nothing_to_compare_with(tmp_path: Path) -> None:
    RegisteredHome(tmp_path / "new").keeper.tracking.check()
    assert is_made(tmp_path / "new" / "mlflow" / "mlflow.db")


def test_a_database_whose_making_was_killed_is_made_again(tmp_path: Path) -> None:
    """MLflow makes it by migrations, each committed by itself, and cannot complete a part of them."""
    folder = tmp_path / "new" / "mlflow"
    folder.mkdir(parents=True)
    (folder / ".making").mkdir()
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection, connection:
        connection.execute("CREATE TABLE experiments (experiment_id INTEGER, name VARCHAR(256))")
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
    tracking = RegisteredHome(tmp_path / "new").keeper.tracking
    tracking.check()
    assert tracking.versions("loans") == ()
    assert not (folder / ".making").exists()
