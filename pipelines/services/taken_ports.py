"""Whether the ports of services are free.

Belongs here: the refusal before a service starts. Does not belong here: questions about one port
(`resources.processes.ports`), starting (`lifecycle.py`, `temporary.py`).
"""

from collections.abc import Sequence

from pipelines.services.catalog import Service
from resources.errors import LooplineError
from resources.processes.ports import port_holder, port_is_free


class ServiceError(LooplineError):
    """A service cannot be started; the message names the obstacle and how to remove it."""


def refuse_taken_ports(services: Sequence[Service]) -> None:
    """Refuses services whose port somebody listens on: their probe would be answered by that one.

    Raises:
        ServiceError: A port is taken; the message names the process.
    """
    taken = [
        f"port {service.port} ({service.name}) is taken by {port_holder(service.port)}"
        for service in services
        if service.port is not None and not port_is_free(service.port)
    ]
    if taken:
        raise ServiceError(f"{'; '.join(taken)}: stop it, or set LOOPLINE_PORT_BASE to the first of five free ports")
