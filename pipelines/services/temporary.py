"""Services for the duration of a command.

Belongs here: starting the services that a command needs, and stopping them at its end. Services that `loopline up` has
started are left alone. Does not belong here: the list of services (`catalog.py`).
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from pipelines.services.catalog import common_variables, services_of
from resources.environments import CHECKOUT, Environment
from resources.processes.identity import ProcessIdentity
from resources.processes.table import ProcessTable, wait_until_answers

_START_SECONDS = 60.0


@contextmanager
def needed(environment: Environment, names: Collection[str]) -> Iterator[None]:
    """Within the block the named services answer; the services that were started for it are stopped at its end.

    What killed commands left behind is ended first.

    Raises:
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
                variables = {**common_variables(environment), **service.variables}
                process = table.start(
                    service.name, service.command, port=service.port, variables=variables, folder=CHECKOUT,
                    owner=ProcessIdentity.of_this_process(),
                )  # fmt: skip
                marks.append(process.mark)
            wait_until_answers(service.probe, timeout_seconds=_START_SECONDS, process=process)
        yield
    finally:
        # `loopline up` may have taken one over meanwhile.
        present = [process for process in table.all() if process.mark in marks and process.owner is not None]
        table.stop(*reversed(present))
