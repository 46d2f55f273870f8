"""Services for the duration of a command.

Belongs here: starting the services that a command needs, and stopping them at its end. Services that `loopline up` has
started are left alone. Does not belong here: the list of services (`catalog.py`).
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from pipelines.services.catalog import common_variables, services_of
from resources.environments import CHECKOUT, Environment
from resources.processes.table import ProcessTable, is_alive, wait_until_answers

_START_SECONDS = 60.0


@contextmanager
def needed(environment: Environment, names: Collection[str]) -> Iterator[None]:
    """Within the block the named services answer; the services that were started for it are stopped at its end.

    Raises:
        ProcessError: A service could not be started, died, or did not answer.
    """
    table = ProcessTable(environment.home)
    running = {process.name for process in table.all() if is_alive(process)}
    missing = [service for service in services_of(environment) if service.name in names and service.name not in running]
    started = []
    try:
        for service in missing:
            variables = {**common_variables(environment), **service.variables}
            process = table.start(
                service.name, service.command, port=service.port, variables=variables, folder=CHECKOUT
            )
            started.append(process)
            wait_until_answers(service.probe, timeout_seconds=_START_SECONDS, process=process)
        yield
    finally:
        for process in reversed(started):
            table.stop(process)
