"""The processes of the services that belong to the products of the workspace: Dagster's code servers, and the follower.

Belongs here: which code servers of a service are gone, and whether a service still runs the present workspace. The web
server does not start a killed code server again, the daemon at best after a minute, and no run of its location can be
started or scheduled without it. Does not belong here: starting services (`lifecycle.py`), the probes of containers
(`probes.py`), the workspace (`pipelines.workspace`).
"""

from collections.abc import Sequence

from pipelines.services.catalog import Service, ServiceName
from pipelines.workspace import code_locations
from resources.processes.running import ServiceProcess, command_line, command_lines

WITH_CODE_SERVERS: tuple[ServiceName, ...] = ("dagster", "daemon")


def lacking_code_servers(running: Sequence[str]) -> tuple[str, ...]:
    """The code locations of the workspace whose code server is not among the running processes.

    Args:
        running: The command lines of the processes below a web server or a daemon.
    """
    words = _words(running)
    return tuple(location.name for location in code_locations() if location.module not in words)


def gone(locations: Sequence[str]) -> str:
    """What it means that the code servers of these locations are gone."""
    return f"the code server of {', '.join(locations)} is gone, so no run of it can start"


def runs_another_workspace(service: Service, process: ServiceProcess) -> bool:
    """Whether a service runs other products than those of the present workspace."""
    if service.name in WITH_CODE_SERVERS:
        words = _words(command_lines(process))
        running = {word for word in words if word.startswith("pipelines.") and word.endswith(".definitions")}
        return running != {location.module for location in code_locations()}
    return service.name == "stream" and command_line(process)[-len(service.command) :] != service.command


def _words(lines: Sequence[str]) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.replace("=", " ").split())
