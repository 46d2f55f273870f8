"""The services of this machine, and the command that starts each.

Belongs here: names, commands, ports, addresses and environment variables. Does not belong here: starting, probing and
stopping services (`lifecycle.py`, `temporary.py`).
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from assets.serving.launch import serve_command, serve_variables
from pipelines.services.decisions import decisions_at
from pipelines.workspace import WORKSPACE, listed_products
from resources.environments import CHECKOUT, Environment, is_checkout

ServiceName = Literal["bureau", "mlflow", "dagster", "daemon", "decisions", "stream"]

_UNTOLD_WARNING = "ignore:Parameter `backfill_policy`"
"""Of Dagster: that the parameter is in beta."""


@dataclass(frozen=True)
class Service:
    """The command and the addresses of one service.

    Attributes:
        port: The loopback port on which it listens; `None` if it does not listen.
        address: The address for people; empty if it does not listen.
        probe: The address that answers with success once the service is ready; empty if it does not listen.
        variables: Environment variables beyond `common_variables`.
    """

    name: ServiceName
    command: tuple[str, ...]
    port: int | None
    address: str
    probe: str
    variables: Mapping[str, str] = field(default_factory=dict)


def services_of(environment: Environment) -> tuple[Service, ...]:
    """The services that run on this machine in that environment, in the order of their start.

    The credit bureau is one of them once the sandbox is filled, the MLflow server if the environment names no remote
    one.
    """
    filled = (environment.bank / "bureau" / "reports").is_dir()
    return tuple(service for service in planned_services(environment) if service.name != "bureau" or filled)


def planned_services(environment: Environment) -> tuple[Service, ...]:
    """All services of the environment, including a bureau whose sandbox is not filled yet."""
    found = [_dagster(environment), _daemon(), _decisions(environment), _stream(environment)]
    if not environment.mlflow_tracking_uri.startswith(("http://", "https://")):
        found.insert(0, _mlflow(environment))
    if environment.bureau_url == local(environment.ports.bureau):
        found.insert(0, _bureau(environment))
    return tuple(found)


def common_variables(environment: Environment) -> dict[str, str]:
    """The environment variables of every service: those of this process, and those that describe the environment."""
    known = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "LOOPLINE_ENV": environment.name,
        "LOOPLINE_HOME": str(environment.home),
        "LOOPLINE_PORT_BASE": str(environment.ports.dagster),
        "DAGSTER_HOME": str(environment.dagster_home),
        **({"LOOPLINE_CLOCK": str(environment.simulated_clock)} if environment.simulated_clock else {}),
        # A console script does not import from its working directory, so it would not find the checkout.
        **({"PYTHONPATH": os.pathsep.join([str(CHECKOUT), *([known] if known else [])])} if is_checkout() else {}),
        "PYTHONUNBUFFERED": "1",
        # Each code server would say it of each of some fifty assets, at every start and for every run.
        "PYTHONWARNINGS": ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), _UNTOLD_WARNING))),
        # No usage data are sent to the authors of the libraries.
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def local(port: int) -> str:
    """The address of a loopback port."""
    return f"http://127.0.0.1:{port}"


def _bureau(environment: Environment) -> Service:
    port = environment.ports.bureau
    data = str(environment.bank / "bureau")
    return Service(
        name="bureau",
        command=(sys.executable, "-m", "resources.sandbox.systems.bureau", "--data", data, "--port", str(port)),
        port=port,
        address=local(port),
        probe=f"{local(port)}/healthz",
    )


def _mlflow(environment: Environment) -> Service:
    port = environment.ports.mlflow
    return Service(
        name="mlflow",
        command=(
            *(_program("mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", environment.mlflow_tracking_uri),
            *("--default-artifact-root", environment.mlflow_artifacts, "--no-serve-artifacts"),
        ),
        port=port,
        address=local(port),
        probe=f"{local(port)}/health",
        # Without the job runner the server has two processes instead of ten, and no unauthenticated job API.
        variables={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
    )


def _dagster(environment: Environment) -> Service:
    port = environment.ports.dagster
    return Service(
        name="dagster",
        command=(_program("dagster-webserver"), *_workspace(), "-h", "127.0.0.1", "-p", str(port)),
        port=port,
        address=local(port),
        probe=f"{local(port)}/server_info",
    )


def _daemon() -> Service:
    command = (_program("dagster-daemon"), "run", *_workspace())
    return Service(name="daemon", command=command, port=None, address="", probe="")


def _decisions(environment: Environment) -> Service:
    port = environment.ports.decisions
    return Service(
        name="decisions",
        command=serve_command(host="127.0.0.1", port=port),
        port=port,
        address=decisions_at(environment.ports).address,
        probe=f"{decisions_at(environment.ports).address}/livez",
        variables=serve_variables(environment, {}),
    )


def _stream(environment: Environment) -> Service:
    """Follows the products' streams into the online stores; it waits for streams and stores that do not exist yet."""
    port = environment.ports.stream
    return Service(
        name="stream",
        command=(sys.executable, "-m", "pipelines.services.stream_follower", "--port", str(port), *listed_products()),
        port=port,
        address=local(port),
        probe=f"{local(port)}/livez",
    )


def _workspace() -> tuple[str, str]:
    return "-w", str(WORKSPACE)


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)
