"""The code servers of Dagster's web server and of its daemon: one process for each code location.

Belongs here: which code servers of a service are gone. Dagster does not start a killed one again, and no run of its
location can be started or scheduled without it. Does not belong here: starting services (`lifecycle.py`).
"""

from pipelines.services.catalog import ServiceName
from resources.environments import CHECKOUT
from resources.processes.table import ServiceProcess, command_lines
from resources.yaml_files import read_yaml

WITH_CODE_SERVERS: tuple[ServiceName, ...] = ("dagster", "daemon")


def lacking_code_servers(process: ServiceProcess) -> tuple[str, ...]:
    """The code locations of the workspace whose code server does not run below this process."""
    running = command_lines(process)
    workspace = read_yaml(CHECKOUT / "workspace.yaml")
    modules = [entry["python_module"] for entry in workspace["load_from"]]
    return tuple(
        module["location_name"]
        for module in modules
        if not any(module["module_name"] in line.replace("=", " ").split() for line in running)
    )
