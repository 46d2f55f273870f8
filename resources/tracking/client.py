"""MLflow's client, opened without its console output.

Belongs here: MLflow's settings, opening the client, and the calls that depend on its error codes. Does not belong
here: runs (`run.py`), the registry (`tracking.py`).

MLflow is imported on first use, because the import takes seconds. Only its client is used, never the fluent interface:
there is no active run in a global, no call of git, and nothing is written to the working directory.
"""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from resources.locks import exclusive
from resources.tracking.local_store import checked_store, is_made
from resources.tracking.versions import TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

ABSENT = "RESOURCE_DOES_NOT_EXIST"
PRESENT = "RESOURCE_ALREADY_EXISTS"

_SQLITE = "sqlite:///"
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    # By itself MLflow asks a dead server seven times, with pauses that add up to minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def open_client(uri: str, lock: str, artifacts: str, rollout: str) -> "MlflowClient":
    """A client of the store and registry at an address; makes the tables of a database.

    Args:
        uri: `sqlite:///…`, `postgresql+psycopg2://…` or a server's `http(s)://…`.
        lock: Address of the lock under which tables are made (`resources.locks`).
        artifacts, rollout: The folders that a local database belongs to (`local_store.checked_store`).

    Raises:
        TrackingError: A local database does not belong to the files beside it.
    """
    if not uri.startswith("http"):
        prepare_store(uri, lock, artifacts, rollout)
    client = _quiet_client(uri)
    if not uri.startswith("http"):
        # The first query creates the tables of a database; two processes that create them at once fail.
        with exclusive(lock, "mlflow-schema"):
            client.search_registered_models(max_results=1)
    return client


def prepare_store(uri: str, lock: str, artifacts: str, rollout: str) -> None:
    """Checks a database against the files beside it, and makes an SQLite database that does not exist.

    The arguments are those of `open_client`. The database appears whole: MLflow makes it by dozens of migrations, and
    can neither use nor complete one whose making was cut off.

    Raises:
        TrackingError: The database does not belong to the files beside it.
    """
    with exclusive(lock, "mlflow-schema"):
        checked_store(uri, artifacts, rollout)
        if not uri.startswith(_SQLITE):
            return
        database = Path(uri.removeprefix(_SQLITE))
        if is_made(database):
            return
        making = database.parent / ".making"
        if making.exists():
            shutil.rmtree(making)  # left by a killed process
        making.mkdir(parents=True)
        make_database(making / database.name)
        (making / database.name).replace(database)
        shutil.rmtree(making)


def make_database(file: Path) -> None:
    """Makes an SQLite database with MLflow's tables, in about a second."""
    client = _quiet_client(f"{_SQLITE}{file}")
    client.search_experiments(max_results=1)
    client.search_registered_models(max_results=1)


def _quiet_client(uri: str) -> "MlflowClient":
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def experiment_id(client: "MlflowClient", name: str, artifacts: str) -> str:
    """The id of the experiment with a name; creates the experiment if it does not exist.

    Args:
        artifacts: Folder or `s3://` prefix for the files of its runs; empty where the server decides.

    Raises:
        TrackingError: The experiment was deleted in MLflow, which keeps the name.
    """
    known = client.get_experiment_by_name(name)
    if known is None:
        with unless(PRESENT):
            return str(client.create_experiment(name, artifact_location=_location(artifacts, name)))
        known = client.get_experiment_by_name(name)
    if known is None or known.lifecycle_stage != "active":
        raise TrackingError(f"experiment '{name}' was deleted in MLflow; restore it: mlflow experiments restore")
    return str(known.experiment_id)


@contextmanager
def unless(code: str) -> Iterator[None]:
    """Suppresses MLflow's error with this code, and no other error."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != code:
            raise


def _location(artifacts: str, name: str) -> str | None:
    if not artifacts:
        return None
    root = artifacts if "://" in artifacts else Path(artifacts).resolve().as_uri()
    return f"{root.rstrip('/')}/{name}"
