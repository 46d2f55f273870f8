"""The processes of the services that belong to the products of the workspace: Dagster's code servers, and the follower.

Belongs here: which code servers of a service are gone, and whether a service still runs the present workspace. Dagster
does not start a killed code server again, and no run of its location can be started or scheduled without it. Does not
belong here: starting services (`lifecycle.py`), the workspace (`pipelines.workspace`).
"""

from pipelines.services.catalog import Service, ServiceName
from pipelines.workspace import code_locations
from resources.processes.table import ServiceProcess, command_line, command_lines

WITH_CODE_SERVERS: tuple[ServiceName, ...] = ("dagster", "daemon")


def lacking_code_servers(process: ServiceProcess) -> tuple[str, ...]:
    """The code locations of the workspace whose code server does not run below this process."""
    running = _words(process)
    return tuple(location.name for location in code_locations() if location.module not in running)


def runs_workspace(service: Service, process: ServiceProcess) -> bool:
    """Whether a service runs every product of the present workspace, and none that was left out since its start."""
    if service.name in WITH_CODE_SERVERS:
        present = {location.module for location in code_locations()}
        running = {word for word in _words(process) if word.startswith("pipelines.") and word.endswith(".definitions")}
        return present <= _words(process) and running <= present
    return service.name != "stream" or command_line(process)[-len(service.command) :] == service.command


def _words(process: ServiceProcess) -> frozenset[str]:
    return frozenset(word for line in command_lines(process) for word in line.replace("=", " ").split())
