"""The empty databases of Dagster and MLflow, made once for all tests of a process.

Belongs here: copies of them in place of their making. Does not belong here: the places of the databases and what else
a new home has: that is the product's own code, which runs in every test.

Both libraries make their tables by dozens of migrations, which takes a second or two of a test with a home of its own.
Commands that a test starts as processes make them themselves.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from pipelines.services import lifecycle
from resources.tracking import client


@contextmanager
def made_once(folder: Path) -> Iterator[None]:
    """Within the block new databases are copies of the first ones.

    Args:
        folder: An empty one, for the first ones.
    """
    make_database, make_databases = client.make_database, lifecycle.make_databases

    def copied_database(file: Path) -> None:
        first = folder / "mlflow.db"
        if first.exists():
            shutil.copyfile(first, file)
            return
        make_database(file)
        beside = folder / f"mlflow.{os.getpid()}"  # a forked process may do the same
        shutil.copyfile(file, beside)
        beside.replace(first)

    def copied_databases(home: Path) -> None:
        first = folder / "dagster"
        if first.exists():
            for entry in first.iterdir():
                shutil.copytree(entry, home / entry.name)
            return
        make_databases(home)
        beside = folder / f"dagster.{os.getpid()}"
        for entry in home.iterdir():
            if entry.is_dir():
                shutil.copytree(entry, beside / entry.name)
        if not first.exists():
            beside.rename(first)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "make_database", copied_database)
        patch.setattr(lifecycle, "make_databases", copied_databases)
        patch.setattr(ScriptDirectory, "from_config", _read_once())
        yield


def _read_once() -> "staticmethod[[Config], ScriptDirectory]":
    """In place of reading all migrations of a library for every database, also for those in memory."""
    read, known = ScriptDirectory.from_config, dict[str | None, ScriptDirectory]()

    def of(config: Config) -> ScriptDirectory:
        place = config.get_main_option("script_location")
        if place not in known:
            known[place] = read(config)
        return known[place]

    return staticmethod(of)
