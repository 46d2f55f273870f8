"""MLflow's SQLite database and the files beside it, checked and kept together before MLflow opens them.

Belongs here: the refusal of an empty or damaged database beside existing files, and the addresses of files in a home
that has moved. Does not belong here: MLflow's client (`client.py`); stores on servers, whose addresses do not move.

MLflow records the absolute address of each run's files. A home that was moved or copied has its files at another place:
without new addresses MLflow would read and write the files of the old home.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from resources.tracking.versions import TrackingError

_SQLITE = "sqlite:///"


def checked_store(uri: str, artifacts: str, rollout: str) -> None:
    """Checks the database against the files beside it, and gives each run the present address of its files.

    Nothing is done for a store on a server. A run whose files are not below `artifacts` keeps its address.

    Args:
        uri: Address of the store, `sqlite:///<file>`.
        artifacts: Folder of the runs' files; `<experiment>/<run>/artifacts` below it.
        rollout: Folder of the rollout store; empty when there is none to compare with.

    Raises:
        TrackingError: The database is missing, empty or damaged, although there are runs or published bundles; the
            message says what to do.
    """
    if not uri.startswith(_SQLITE) or "://" in artifacts or not artifacts:
        return
    database, root = Path(uri.removeprefix(_SQLITE)), Path(artifacts).resolve()
    experiments = {folder.name for folder in _folders(root) if _folders(folder)}
    bundles = {folder.name for folder in _folders(Path(rollout)) if (folder / "bundles").is_dir()} if rollout else set()
    with _reading(database) as connection:
        tables = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        known = _names(connection, "experiments", tables)
        models = _names(connection, "registered_models", tables)
        lost = sorted((experiments - known) | (bundles - models))
        if lost:
            raise TrackingError(
                f"MLflow's database {database} is not the one of this home: it knows nothing of {', '.join(lost)}, "
                f"although {root if experiments - known else rollout} has files of it. Restore the database from a "
                f"backup; to begin a new registry, move {root} and {rollout or 'the rollout store'} away first"
            )
        if not known or not _has_moved(connection, root):
            return
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        _move(connection, root)


@contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the database, or to an empty one in memory when the file does not exist; nothing is made."""
    missing = not database.exists()
    address = ":memory:" if missing else f"{database.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, timeout=30, uri=not missing)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise TrackingError(
            f"MLflow's database {database} cannot be read: {error}; restore it from a backup"
        ) from error


def is_made(database: Path) -> bool:
    """Whether MLflow made the database to its end: the last step is the experiment `Default`."""
    with _reading(database) as connection:
        tables = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return bool(_names(connection, "experiments", tables))


def _folders(place: Path) -> list[Path]:
    """The folders in a folder, without hidden ones; none when it does not exist."""
    if not place.is_dir():
        return []
    return [entry for entry in place.iterdir() if entry.is_dir() and not entry.name.startswith(".")]


def _names(connection: sqlite3.Connection, table: str, tables: set[str]) -> set[str]:
    if table not in tables:
        return set()
    return {str(name) for (name,) in connection.execute(f"SELECT name FROM {table}")}


def _has_moved(connection: sqlite3.Connection, root: Path) -> bool:
    """Whether an experiment's files are recorded at another place; every new experiment is recorded below the root."""
    return any(location != _address(root / name) for _, name, location in _experiments(connection))


def _experiments(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Id, name and recorded address of each experiment but MLflow's own, which has no runs."""
    query = "SELECT experiment_id, name, artifact_location FROM experiments WHERE experiment_id <> 0"
    return [(identity, str(name), str(location)) for identity, name, location in connection.execute(query)]


def _move(connection: sqlite3.Connection, root: Path) -> None:
    for experiment, name, _ in _experiments(connection):
        place = root / name
        update = "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?"
        connection.execute(update, (_address(place), experiment))
        runs = connection.execute("SELECT run_uuid, artifact_uri FROM runs WHERE experiment_id = ?", (experiment,))
        for run, old in runs.fetchall():
            new = _address(place / run / "artifacts")
            if old == new or not (place / run / "artifacts").is_dir():
                continue
            connection.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (new, run))
            for column in ("source", "storage_location"):
                connection.execute(
                    f"UPDATE model_versions SET {column} = ? || substr({column}, ?) "
                    f"WHERE run_id = ? AND substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, run, len(old), old),
                )


def _address(place: Path) -> str:
    return place.as_uri()
