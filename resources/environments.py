"""The environment: the addresses of everything outside, read and checked once.

Belongs here: the names of the environments, the addresses of each, and the refusal of everything else. The values are
in `infra/environments/<name>.yaml`. Does not belong here: opening an address, secrets (`keys.py`).
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml
from pydantic import BaseModel, ConfigDict

from resources.errors import LooplineError

EnvironmentName = Literal["local", "staging", "prod"]

CHECKOUT = Path(__file__).resolve().parents[1]
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)(?::-((?:\{[a-z_]+\}|[^{}])*))?\}")


class UnknownEnvironment(LooplineError):
    """The environment is not one of ours, or lacks an address; the message names the variable to set."""


class Ports(BaseModel):
    """Loopback ports of the local services."""

    model_config = ConfigDict(frozen=True)

    dagster: int
    mlflow: int
    decisions: int
    bureau: int


class Environment(BaseModel):
    """The addresses of everything outside, for one environment.

    Attributes:
        home: Folder of everything that this checkout writes (`.loopline/`, or LOOPLINE_HOME).
        lake: Folder or `s3://` prefix of the Delta tables.
        database_url: SQLAlchemy address of the operational database that sources read; `postgresql://` alone means
            psycopg2.
        landing: Folder or `s3://` prefix where daily files land.
        stream: `file://<folder>` of tailed files, or `kafka://host:port`.
        mlflow_tracking_uri, mlflow_artifacts: MLflow's store and its artifact root.
        online_store: `lmdb://<folder>` or `redis://host:port/db`.
        rollout: Folder or `s3://` prefix of bundles and rollout manifests.
        decision_log: Folder to which the decision service appends.
        dagster_url: Address of Dagster's pages for people, for links; empty if it is not known.
        webhook: Address that alerts are posted to; empty for the console alone.
        sandbox: Whether the sandbox bank of this machine delivers the sources; it is filled on first use.
        card_transactions: Folder of the Fraud Detection Handbook's monthly Parquet files, which replace the sandbox's
            invented card payments; empty for the invented ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: EnvironmentName
    home: Path
    ports: Ports
    lake: str
    database_url: str
    landing: str
    bureau_url: str
    stream: str
    mlflow_tracking_uri: str
    mlflow_artifacts: str
    online_store: str
    rollout: str
    decision_log: Path
    spark_master: str
    dagster_url: str
    webhook: str
    sandbox: bool
    card_transactions: str

    @property
    def dagster_home(self) -> Path:
        """The Dagster instance's folder."""
        return self.home / "dagster"

    @property
    def mlflow_url(self) -> str:
        """Address of MLflow's pages for people: its server's, or that of the server that `loopline up` starts."""
        uri = self.mlflow_tracking_uri
        return uri.rstrip("/") if uri.startswith(("http://", "https://")) else f"http://127.0.0.1:{self.ports.mlflow}"

    @property
    def bank(self) -> Path:
        """The sandbox bank's folder."""
        return self.home / "bank"


def load_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """The environment that LOOPLINE_ENV names (`local` when unset).

    Raises:
        UnknownEnvironment: The name is unknown, a variable without a default is unset, or a port is not a number.
    """
    variables = os.environ if variables is None else variables
    name = variables.get("LOOPLINE_ENV", "local")
    if name not in get_args(EnvironmentName):
        raise UnknownEnvironment(f"LOOPLINE_ENV is {name!r}; set it to one of {', '.join(get_args(EnvironmentName))}")
    home = Path(variables.get("LOOPLINE_HOME") or CHECKOUT / ".loopline").expanduser().resolve()
    if home.exists() and not home.is_dir():
        raise UnknownEnvironment(
            f"LOOPLINE_HOME is {home}, which is not a folder; set it to a folder, or to a path where one can be made"
        )
    ports = _ports(variables)
    text = yaml.safe_load((CHECKOUT / "infra" / "environments" / f"{name}.yaml").read_text(encoding="utf-8"))
    places = {"home": str(home), "bureau_port": str(ports.bureau), "dagster_port": str(ports.dagster)}
    values: dict[str, Any] = {
        key: _expand(key, value, variables, places) if isinstance(value, str) else value for key, value in text.items()
    }
    for key in ("database_url", "mlflow_tracking_uri"):
        values[key] = _with_driver(values[key])
    return Environment(name=cast(EnvironmentName, name), home=home, ports=ports, **values)


def _ports(variables: Mapping[str, str]) -> Ports:
    text = variables.get("LOOPLINE_PORT_BASE", "4700")
    if not text.isdecimal() or not 1024 <= int(text) <= 65000:
        raise UnknownEnvironment(f"LOOPLINE_PORT_BASE is {text!r}; set it to a port number from 1024 to 65000")
    base = int(text)
    return Ports(dagster=base, mlflow=base + 1, decisions=base + 2, bureau=base + 3)


def _with_driver(address: str) -> str:
    """The address of a database with the driver that is installed, where it names none."""
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg2://", address)


def _expand(key: str, text: str, variables: Mapping[str, str], places: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        variable, default = match.group(1), match.group(2)
        if variables.get(variable):
            return variables[variable]
        if default is None:
            raise UnknownEnvironment(f"{variable} is not set; it gives the environment's '{key}'")
        return default.format_map(places)

    return _VARIABLE.sub(value, text)
