"""Dependencies that are taken away, and given back.

Belongs here: making a dependency fail as it fails in earnest: a server stops, a folder is gone, a database is locked by
somebody who is stuck. Does not belong here: when that happens (the plan), what the loop does about it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.operations.decisions.decide import wait_until_live
from pipelines.services.catalog import ServiceName, services_of
from pipelines.services.temporary import start_for_command
from resources.environments import Environment
from resources.processes.table import ProcessTable, wait_until_answers
from resources.sandbox.planned.incidents import Dependency

_START_SECONDS = 300.0
_SERVICES: tuple[ServiceName, ...] = ("bureau", "decisions")


@dataclass
class Dependencies:
    """The dependencies of a game day: its services run, unless they were taken away.

    Attributes:
        environment: Where they are.
    """

    environment: Environment
    products: tuple[str, ...]
    _down: frozenset[Dependency] = frozenset()
    _held: sqlite3.Connection | None = None

    @contextmanager
    def running(self, *names: ServiceName) -> Iterator[None]:
        """Within the block these services run."""
        try:
            for name in names:
                self._start(name)
            yield
        finally:
            self.set_down(frozenset())
            table = ProcessTable(self.environment.home)
            table.stop(*table.all())

    def set_down(self, down: frozenset[Dependency]) -> None:
        """Takes these dependencies away, and gives back those that were taken away and are none of them."""
        for name in sorted(self._down - down):
            self._give_back(name)
        for name in sorted(down - self._down):
            self._take(name)
        self._down = down

    def _take(self, name: Dependency) -> None:
        if name in _SERVICES:
            table = ProcessTable(self.environment.home)
            table.stop(*(process for process in table.all() if process.name == name))
        elif name == "tracking":
            # Whoever has the database open would go on with a file that is moved away.
            self._held = sqlite3.connect(self._path(name), isolation_level=None, timeout=_START_SECONDS)
            self._held.execute("BEGIN EXCLUSIVE")
        else:
            path = self._path(name)
            if path.exists():
                path.rename(path.with_name(f"{path.name}.away"))

    def _give_back(self, name: Dependency) -> None:
        if name == "bureau" or name == "decisions":
            self._start(name)
            return
        if self._held is not None and name == "tracking":
            self._held.close()
            self._held = None
            return
        path = self._path(name)
        away = path.with_name(f"{path.name}.away")
        if away.exists():
            if path.is_dir():  # whoever ran meanwhile may have made an empty one
                path.rename(path.with_name(f"{path.name}.meanwhile"))
            away.rename(path)

    def _path(self, name: Dependency) -> Path:
        environment = self.environment
        places = {
            "landing": environment.landing,
            "database": environment.database_url.removeprefix("sqlite:///"),
            "stream": environment.stream.removeprefix("file://"),
            "online_store": environment.online_store.removeprefix("lmdb://"),
            "tracking": environment.mlflow_tracking_uri.removeprefix("sqlite:///"),
        }
        return Path(places[name])

    def _start(self, name: ServiceName) -> None:
        service = next((one for one in services_of(self.environment) if one.name == name), None)
        if service is None:
            return
        process = start_for_command(self.environment, service)
        wait_until_answers(service.probe, timeout_seconds=_START_SECONDS, process=process)
        if name == "decisions":
            for product in self.products:
                wait_until_live(self.environment, product)
