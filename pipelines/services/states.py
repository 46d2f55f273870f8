"""The state of a service: what it answers, and what it says of itself.

Belongs here: the criteria for each state. Does not belong here: starting and stopping services (`lifecycle.py`), the
list of services (`catalog.py`), the probes of containers (`probes.py`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.services.catalog import Service, local
from pipelines.services.code_servers import gone, lacking_code_servers, runs_another_workspace
from pipelines.services.decisions import decisions_at
from pipelines.services.stream_health import HealthUnknown, read_health
from resources.dagster.server import DagsterServer
from resources.environments import Environment
from resources.processes.ports import answers
from resources.processes.running import ServiceProcess, command_lines, is_alive
from resources.rollout_store.store import RolloutStore

State = Literal["running", "silent", "broken", "died", "stopped"]


@dataclass(frozen=True)
class ServiceStatus:
    """The state of one service.

    Attributes:
        state: `running` (it answers), `silent` (alive, no answer), `broken` (it answers, and reports a problem), `died`
            (it was started and has ended), `stopped`.
        address: The address for people; empty if the service does not listen.
        detail: The problem, or other information for people; empty if there is none.
    """

    name: str
    state: State
    address: str
    pid: int | None
    log: Path | None
    detail: str = ""


def status_of(service: Service, process: ServiceProcess | None, environment: Environment) -> ServiceStatus:
    """The present state of a service, whose process is recorded if it was started."""
    state, detail = _state(service, process, environment)
    pid, log = (process.pid, process.log) if process is not None else (None, None)
    return ServiceStatus(service.name, state, service.address, pid, log, detail)


def _state(service: Service, process: ServiceProcess | None, environment: Environment) -> tuple[State, str]:
    if process is None:
        return "stopped", ""
    if not is_alive(process):
        return "died", f"process {process.pid} is gone; its log is {process.log}"
    if service.probe and not answers(service.probe):
        return "silent", f"{service.probe} does not answer"
    if service.name == "dagster":
        return _with_code_servers(process, *_code_locations(environment))
    if service.name == "daemon":
        return _with_code_servers(process, *_daemon_health(environment))
    if service.name == "decisions":
        return _champions(environment)
    if service.name == "stream":
        if runs_another_workspace(service, process):
            return "broken", "it follows other products than those of workspace.yaml; run: loopline up"
        return _streams(environment)
    return "running", ""


def _with_code_servers(process: ServiceProcess, state: State, detail: str) -> tuple[State, str]:
    """The state of a service of Dagster that has this state by its own account."""
    lacking = lacking_code_servers(command_lines(process)) if state == "running" else ()
    if not lacking:
        return state, detail
    return "broken", f"{gone(lacking)}; run: loopline up"


def _code_locations(environment: Environment) -> tuple[State, str]:
    server = DagsterServer(local(environment.ports.dagster))
    loading = server.loading_locations()
    if loading:
        return "silent", f"still loading {', '.join(loading)}"
    broken = [f"{name} does not load: {message}" for name, message in server.broken_locations().items()]
    return ("broken", "; ".join(broken)) if broken else ("running", "")


def _daemon_health(environment: Environment) -> tuple[State, str]:
    webserver = local(environment.ports.dagster)
    if not answers(f"{webserver}/server_info"):
        return "silent", "the Dagster web server, which reports the health of the daemon, does not answer"
    unwell = DagsterServer(webserver).unwell_daemons()
    return ("silent", f"no heartbeat of {', '.join(unwell)}") if unwell else ("running", "")


def _champions(environment: Environment) -> tuple[State, str]:
    if answers(f"{decisions_at(environment.ports).address}/readyz"):
        return "running", ""
    if RolloutStore.open(environment.rollout, environment.home / "fetched").products():
        return "broken", "no champion is loaded, although one is rolled out; the log of the service says why"
    return "running", "no champion is rolled out yet, so no decision is possible; run: loopline run PRODUCT"


def _streams(environment: Environment) -> tuple[State, str]:
    try:
        found = read_health(local(environment.ports.stream))
    except HealthUnknown as error:
        return "silent", str(error)
    unwell = [one.sentence for one in found if not one.is_well]
    return ("broken" if unwell else "running"), "; ".join(unwell or [one.sentence for one in found])
