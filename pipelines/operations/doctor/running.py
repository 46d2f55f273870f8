"""Checks of the processes of this home: services and runs.

Belongs here: a function for each check. They end what killed commands left behind, as every command does. Does not
belong here: other checks (`machine.py`, `settings.py`).
"""

from datetime import UTC, datetime, timedelta

from pipelines.operations.doctor.finding import Finding
from pipelines.operations.loop.run_job import dagster_instance
from pipelines.services.lifecycle import status
from pipelines.services.probes import problem_of, service_at
from resources.dagster.run_owners import dead_runs_since
from resources.dependencies import DependencyDown
from resources.environments import Environment
from resources.processes.ended import ended_since
from resources.processes.table import ProcessTable


def services(environment: Environment, *, first: int = 1) -> Finding:
    """Whether each service that `loopline up` started can do its work, or that of this container.

    Named are also the services of the last day that were found dead or unable to work, and ended. A service that a
    killed command had started for itself is ended here; one of `loopline up` waits for that command. A service that
    nobody started is no fault.

    Args:
        first: The first process of the container.
    """
    table = ProcessTable(environment.home)
    table.end(*(process for process in table.left_behind() if process.owner is not None))
    ended = [one.sentence for one in ended_since(environment.home, datetime.now(UTC) - timedelta(days=1))]
    started = {process.name for process in table.all()}
    own = service_at(first)
    if not started and own is not None:
        problem = problem_of(own, environment.ports, pid=first)
        remedy = "" if problem is None else "start the container again; its log has the reason"
        return Finding("services", problem is None, f"{own} works" if problem is None else f"{own}: {problem}", remedy)
    found = [service for service in status(environment) if service.name in started]
    unwell = [
        f"{service.name} {'' if service.state == 'died' else 'is '}{service.state}: {service.detail}"
        for service in found
        if service.state != "running"
    ]
    if unwell:
        remedy = "loopline up, then read the log that `loopline status` names"
        return Finding("services", False, "; ".join((*unwell, *ended)), remedy)
    running = f"running: {', '.join(service.name for service in found)}" if found else "none is started here"
    return Finding("services", True, "; ".join((running, *ended)))


def runs(environment: Environment) -> Finding:
    """The runs of the last day whose process was killed; those that are not ended yet are ended.

    It passes unless Dagster's storage does not answer.
    """
    if not (environment.dagster_home / "dagster.yaml").exists():
        return Finding("runs", True, "no run yet")
    now = datetime.now(UTC)
    try:
        with dagster_instance(environment) as instance:
            dead = dead_runs_since(instance, now - timedelta(days=1))
    except DependencyDown as down:
        return Finding("runs", False, str(down), "see Dagster's storage")
    if not dead:
        return Finding("runs", True, "every active run has its process")
    return Finding("runs", True, "; ".join(run.sentence for run in dead))
