"""What a container's probe asks: whether the service of the container can do its work.

Belongs here: one question for each service that runs in a container of its own. Does not belong here: the services of
one machine (`lifecycle.py`), what a person on call asks (`pipelines.operations.doctor`), the probes' times (`infra/`).
"""

import subprocess
import sys
from pathlib import Path
from typing import Literal

import psutil

from pipelines.services.catalog import local
from pipelines.services.code_servers import gone, lacking_code_servers
from pipelines.services.decisions import decisions_at
from resources.environments import Ports
from resources.processes.ports import answers

Probed = Literal["dagster", "daemon", "decisions", "stream"]
_ANSWER_SECONDS = 5.0
_HEARTBEAT_SECONDS = 50.0


_MARKS: tuple[tuple[str, Probed], ...] = (
    ("dagster-webserver", "dagster"),
    ("dagster-daemon", "daemon"),
    ("assets.serving.service", "decisions"),
    ("pipelines.services.stream_follower", "stream"),
)


def service_at(pid: int) -> Probed | None:
    """The service that a process runs, or none; of process 1 it is the container's."""
    try:
        line = " ".join(psutil.Process(pid).cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return next((service for mark, service in _MARKS if mark in line), None)


def problem_of(service: Probed, ports: Ports, *, pid: int) -> str | None:
    """Why the service cannot do its work; `None` when it can.

    Args:
        pid: The process of the service, or one above it: 1 in a container.
    """
    if service == "decisions":
        return _silent(f"{decisions_at(ports).address}/readyz")
    if service == "stream":
        return _silent(f"{local(ports.stream)}/readyz")
    lacking = lacking_code_servers(_lines_below(pid))
    if lacking:
        return f"{gone(lacking)}; start the container again"
    return _silent(f"{local(ports.dagster)}/server_info") if service == "dagster" else _heartless()


def _silent(url: str) -> str | None:
    return None if answers(url, timeout_seconds=_ANSWER_SECONDS) else f"{url} does not answer, or not with success"


def _heartless() -> str | None:
    """Whether the daemon's threads have said lately that they work."""
    command = [str(Path(sys.executable).parent / "dagster-daemon"), "liveness-check"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_HEARTBEAT_SECONDS)
    except subprocess.TimeoutExpired:
        return f"Dagster's storage did not tell within {_HEARTBEAT_SECONDS:g} s whether the daemon works"
    return (
        None if done.returncode == 0 else f"no heartbeat of the daemon: {(done.stderr or done.stdout).strip()[-500:]}"
    )


def _lines_below(pid: int) -> tuple[str, ...]:
    found = []
    try:
        family = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return ()
    for member in family:
        try:
            found.append(" ".join(member.cmdline()))
        except psutil.NoSuchProcess:
            continue  # it ended while it was asked
    return tuple(found)
