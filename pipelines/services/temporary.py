"""Services for the duration of a command.

Belongs here: starting the services that a command needs, and stopping them at its end. Services that `loopline up` has
started are left alone. Does not belong here: the list of services (`catalog.py`).
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from pipelines.services.catalog import Service, common_variables, services_of
from pipelines.services.taken_ports import refuse_taken_ports
from resources.environments import CHECKOUT, Environment
from resources.processes.identity import ProcessIdentity
from resources.processes.running import ServiceProcess
from resources.processes.table import ProcessTable, wait_until_answers

_START_SECONDS = 60.0


@contextmanager
def needed(environment: Environment, names: Collection[str]) -> Iterator[None]:
    """Within the block the named services answer; the services that were started for it are stopped at its end.

    What killed commands left behind is ended first.

    Raises:
        ServiceError: The port of a service is taken.
        ProcessError: A service could not be started, died, or did not answer.
    """
    table = ProcessTable(environment.home)
    table.end(*(left for left in table.left_behind() if left.owner is not None or left.name in names))
    wanted = [service for service in services_of(environment) if service.name in names]
    running = {process.name: process for process in table.all()}
    marks = []
    try:
        for service in wanted:
            process = running.get(service.name)
            if process is None:
                process = start_for_command(environment, service)
                marks.append(process.mark)
            wait_until_answers(service.probe, timeout_seconds=_START_SECONDS, process=process)
        yield
    finally:
        # `loopline up` may have taken one over meanwhile.
        present = [process for process in table.all() if process.mark in marks and process.owner is not None]
        table.stop(*reversed(present))


def start_for_command(environment: Environment, service: Service) -> ServiceProcess:
    """Starts a service that is left behind once this process is gone; it need not answer yet.

    Raises:
        ServiceError: Its port is taken.
        ProcessError: It cannot be run, or it runs already.
    """
    refuse_taken_ports([service])
    return ProcessTable(environment.home).start(
        service.name, service.command, port=service.port,
        variables={**common_variables(environment), **service.variables}, folder=CHECKOUT,
        owner=ProcessIdentity.of_this_process(),
    )  # fmt: skip
