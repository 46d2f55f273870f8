"""The code servers of Dagster's web server and of its daemon: one process for each code location.

Belongs here: which code servers of a service are gone. The web server does not start a killed one again, the daemon at
best after a minute, and no run of its location can be started or scheduled without it. Does not belong here: starting
services (`lifecycle.py`), the probes of containers (`probes.py`).
"""

from collections.abc import Sequence

from pipelines.services.catalog import ServiceName
from resources.environments import CHECKOUT
from resources.yaml_files import read_yaml

WITH_CODE_SERVERS: tuple[ServiceName, ...] = ("dagster", "daemon")


def lacking_code_servers(running: Sequence[str]) -> tuple[str, ...]:
    """The code locations of the workspace whose code server is not among the running processes.

    Args:
        running: The command lines of the processes below a web server or a daemon.
    """
    workspace = read_yaml(CHECKOUT / "infra" / "dagster" / "workspace.yaml")
    modules = [entry["python_module"] for entry in workspace["load_from"]]
    return tuple(
        module["location_name"]
        for module in modules
        if not any(module["module_name"] in line.replace("=", " ").split() for line in running)
    )


def gone(locations: Sequence[str]) -> str:
    """What it means that the code servers of these locations are gone."""
    return f"the code server of {', '.join(locations)} is gone, so no run of it can start"
