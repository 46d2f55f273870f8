"""Starting, probing and stopping the services of this machine.

Belongs here: the order of the steps. Does not belong here: the list of services (`catalog.py`), the criteria for each
state of a service (`states.py`), the life of a process (`resources.processes.table`), the work of the services.
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipelines.services.catalog import Service, common_variables, planned_services, services_of
from pipelines.services.code_servers import WITH_CODE_SERVERS, lacking_code_servers, runs_another_workspace
from pipelines.services.states import ServiceStatus, status_of
from pipelines.services.taken_ports import ServiceError, refuse_taken_ports
from resources.dagster.server import DagsterServerError
from resources.environments import CHECKOUT, Environment
from resources.processes.ports import answers
from resources.processes.running import ServiceProcess, command_lines, log_tail
from resources.processes.spawning import ProcessError
from resources.processes.table import ProcessTable, wait_until_answers
from resources.tracking import Tracking

# Five processes import their libraries at the same time, on a machine that may have two cores.
_START_SECONDS = 240.0
# A service that answers may still be loading a bundle or a code location.
_SETTLE_SECONDS = 20.0
# A service that is older and does not answer has not just been started.
_YOUNG_SECONDS = 40.0
_ANSWER_SECONDS = 6.0


Report = Callable[[ServiceStatus], None]


def _unreported(_: ServiceStatus) -> None:
    """Ignores the status of a service."""


def up(environment: Environment, *, report: Report = _unreported) -> tuple[ServiceStatus, ...]:
    """Starts the services that do not run, and returns once all answer; running services are left alone.

    A web server or daemon of Dagster that lost a code server is started again, and so is a service that lives but does
    not answer any more, and one that runs another workspace than the present one, after a product was added or removed.
    What a killed command or service left behind is ended first.

    A service that answers may still be `broken`: a code location does not load, a bundle is refused.

    Args:
        report: Called with the status of each service as soon as it is known.

    Raises:
        ServiceError: A port is taken, or a service died or did not answer. The services that this call started are
            stopped again.
        TrackingError: MLflow's database is missing or damaged beside existing runs; no service was started.
    """
    table = ProcessTable(environment.home)
    services = services_of(environment)
    with _locked(environment.home):
        table.end(*table.left_behind())
        _end_impaired(table, services)
        _take_over(table)
        running = {process.name for process in table.all()}
        missing = [service for service in services if service.name not in running]
        refuse_taken_ports(missing)
        prepare_dagster_home(environment)
        Tracking.of(environment).check()
        started: list[ServiceProcess] = []
        try:
            started += [_start(table, service, environment) for service in missing]
            processes = {process.name: process for process in table.all()}
            return tuple(
                _reported(_wait_for(service, processes[service.name], environment), report) for service in services
            )
        except (ProcessError, DagsterServerError) as error:
            table.stop(*started)
            raise ServiceError(str(error)) from error


def check_ports(environment: Environment) -> None:
    """Checks that every port that `up` needs is free, before long preparations for it.

    Raises:
        ServiceError: A port is taken; the message names the process.
    """
    table = ProcessTable(environment.home)
    with _locked(environment.home):
        table.end(*table.left_behind())
        running = {process.name for process in table.all()}
        refuse_taken_ports([service for service in planned_services(environment) if service.name not in running])


def down(environment: Environment, *, report: Report = _unreported) -> tuple[ServiceStatus, ...]:
    """Stops every recorded service with all processes that it started, and returns the stopped services.

    Raises:
        ProcessError: A process cannot be ended.
    """
    table = ProcessTable(environment.home)
    with _locked(environment.home):
        processes = table.all()
        table.stop(*processes)
        return tuple(
            _reported(ServiceStatus(process.name, "stopped", "", process.pid, process.log), report)
            for process in processes
        )


def status(environment: Environment) -> tuple[ServiceStatus, ...]:
    """The present state of each service of the environment."""
    processes = {process.name: process for process in ProcessTable(environment.home).all()}
    return tuple(status_of(service, processes.get(service.name), environment) for service in services_of(environment))


def prepare_dagster_home(environment: Environment) -> Path:
    """Creates the folder of the Dagster instance with its settings, and returns it, the value of DAGSTER_HOME."""
    home = environment.dagster_home
    template = CHECKOUT / "infra" / "dagster" / ("local.yaml" if environment.name == "local" else "prod.yaml")
    text = template.read_text(encoding="utf-8")
    settings = text.replace("${DAGSTER_HOME}", str(home))
    target = home / "dagster.yaml"
    with _locked(home):
        if not target.exists() or target.read_text(encoding="utf-8") != settings:
            beside = home / ".dagster.yaml"
            beside.write_text(settings, encoding="utf-8")
            beside.replace(target)
        if environment.name == "local":
            _create_databases(home, text)
    return home


def _create_databases(home: Path, template: str) -> None:
    """Creates the SQLite databases of the instance, once; each of its folders appears whole or not at all.

    Dagster cannot read an instance whose creation was cut off, nor one that two processes created at the same time.
    """
    marker = home / "databases-created"
    if marker.exists():
        return
    making = home / ".making"
    if making.exists():
        shutil.rmtree(making)  # left by a killed process
    making.mkdir()
    (making / "dagster.yaml").write_text(template.replace("${DAGSTER_HOME}", str(making)), encoding="utf-8")
    make_databases(making)
    for folder in [entry for entry in making.iterdir() if entry.is_dir()]:
        if not (home / folder.name).exists():
            folder.rename(home / folder.name)
    shutil.rmtree(making)
    marker.touch()


def make_databases(home: Path) -> None:
    """Makes the SQLite databases of the instance whose settings are in a folder."""
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(home)) as instance:
        for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
            if storage is not None:
                storage.alembic_version()


def _end_impaired(table: ProcessTable, services: Sequence[Service]) -> None:
    """Ends the services that lost a part of themselves: a code server, which Dagster does not start again, or a worker.

    A service that does not answer is given time to start: a killed `loopline up` may have started it a moment ago.
    """
    known: Mapping[str, Service] = {service.name: service for service in services}
    for process in table.all():
        service = known.get(process.name)
        lacking = lacking_code_servers(command_lines(process)) if process.name in WITH_CODE_SERVERS else ()
        if lacking:
            table.end(process, why=f"the code server of {', '.join(lacking)} was gone")
        elif service is not None and runs_another_workspace(service, process):
            table.end(process, why="it ran another workspace: a product was added or removed")
        elif service is not None and service.probe and not _answers_soon(service.probe, process.started):
            table.end(process, why="it did not answer any more")


def _answers_soon(probe: str, started: float) -> bool:
    """Whether the address answers within a few seconds, or until its service, started at a moment, is not young."""
    deadline = max(time.time() + _ANSWER_SECONDS, started + _YOUNG_SECONDS)
    while not answers(probe):
        if time.time() > deadline:
            return False
        time.sleep(0.5)
    return True


def _take_over(table: ProcessTable) -> None:
    """Keeps the services that a command which still runs has started for itself: its end does not stop them."""
    for process in table.all():
        if process.owner is not None:
            table.keep(process)


def _start(table: ProcessTable, service: Service, environment: Environment) -> ServiceProcess:
    variables = {**common_variables(environment), **service.variables}
    return table.start(service.name, service.command, port=service.port, variables=variables, folder=CHECKOUT)


def _wait_for(service: Service, process: ServiceProcess, environment: Environment) -> ServiceStatus:
    if service.probe:
        wait_until_answers(service.probe, timeout_seconds=_START_SECONDS, process=process)
    patience = {"silent": time.monotonic() + _START_SECONDS, "broken": time.monotonic() + _SETTLE_SECONDS}
    found = status_of(service, process, environment)
    while time.monotonic() < patience.get(found.state, 0.0):
        time.sleep(0.5)
        found = status_of(service, process, environment)
    if found.state in ("silent", "died"):
        tail = log_tail(process)
        raise ProcessError(f"{service.name} does not work: {found.detail}. The end of {process.log}:\n{tail}")
    return found


def _reported(found: ServiceStatus, report: Report) -> ServiceStatus:
    report(found)
    return found


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock of the folder, so that two commands do not change it at the same time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
