"""The environment: the addresses of everything outside, read and checked once.

Belongs here: the names of the environments, the addresses of each, and refusing unknown names and missing addresses.
The values are in `infra/environments/<name>.yaml`. Does not belong here: opening an address, secrets (`keys.py`).
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast, get_args
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from resources.clock import Clock, SimulatedClock, WallClock
from resources.errors import LooplineError
from resources.yaml_files import YamlError, read_yaml

EnvironmentName = Literal["local", "staging", "prod"]
Part = Literal["all", "decisions"]
"""What runs in a process: `decisions` is the decision service alone, which is given few addresses."""

CHECKOUT = Path(__file__).resolve().parents[1]
"""The folder of the code: a checkout, or the folder into which the wheel was installed."""
_FOR_DECISIONS = {"rollout", "online_store", "decision_log"}
_NOT_WRITTEN = ("name", "home", "ports", "connections", "simulated_clock")
"""The attributes that no environment's file gives."""
_DRIVERS = (
    (re.compile(r"^(iceberg\+)?postgres(?:ql)?://"), r"\1postgresql+psycopg2://"),
    (re.compile(r"^(iceberg\+)?(mysql|mariadb)://"), r"\1\2+pymysql://"),
)
"""Addresses that name no driver, and what they mean; Iceberg's catalogs are in databases too."""
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)(?::-((?:\{[a-z_]+\}|[^{}])*))?\}")


_CONNECTION = "LOOPLINE_CONNECTION_"
_TOKEN = "_TOKEN"
_OWN_CONNECTIONS = {"database": "database_url", "landing": "landing", "bureau": "bureau_url", "stream": "stream"}
"""The connections that every environment has, and its attribute for each."""


class UnknownConnection(LooplineError):
    """A source names a connection that has no address; the message names the variable to set."""


class UnknownEnvironment(LooplineError):
    """The environment is unknown, or lacks an address; the message names the variable to set."""


class Ports(BaseModel):
    """Loopback ports of the local services."""

    model_config = ConfigDict(frozen=True)

    dagster: int
    mlflow: int
    decisions: int
    bureau: int
    stream: int


class Environment(BaseModel):
    """The addresses of everything outside, for one environment.

    Attributes:
        home: Folder of everything that is written here: LOOPLINE_HOME, or `.loopline/` of the checkout, or of the
            user's home folder where a wheel is installed.
        lake: Folder or `s3://` prefix of the Delta tables.
        database_url: SQLAlchemy address of the operational database that sources read; `postgresql://` alone means
            psycopg2, `mysql://` and `mariadb://` mean PyMySQL.
        landing: Folder or `s3://` prefix where daily files land.
        stream: `file://<folder>` of tailed files, or `kafka://host:port`.
        mlflow_tracking_uri, mlflow_artifacts: MLflow's store and its artifact root.
        online_store: `lmdb://<folder>` or `redis://host:port/db`.
        rollout: Folder or `s3://` prefix of bundles and rollout manifests.
        decision_log: Folder to which the decision service appends.
        dagster_url: Address of Dagster's pages for people, for links; empty if it is not known.
        webhook: Address that alerts are posted to; empty for the console alone.
        alerts: Further targets of alerts, as JSON (`resources.alerts.targets`); empty for none.
        records: The project's own records, shared by all machines: the audit log, and the locks beside an MLflow
            server. A folder, or `postgresql+psycopg2://…`; LOOPLINE_RECORDS, or else the database of Dagster's storage.
        audit_anchors: Folder or `s3://` prefix where the audit log's heads are noted, best one that the log's writers
            can add to and not change; empty for none.
        sandbox: Whether the sandbox bank of this machine delivers the sources; it is filled on first use.
        card_transactions: Folder of the Fraud Detection Handbook's monthly Parquet files, which replace the sandbox's
            invented card payments; if empty, the sandbox invents them.
        connections: The addresses that LOOPLINE_CONNECTION_<NAME> give, by name in lower case; one for `database`,
            `landing`, `bureau` or `stream` is in the attribute of these.
        simulated_clock: The file of a simulation's clock, from LOOPLINE_CLOCK in `local`; `None` for the machine's.
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
    alerts: str
    records: str
    audit_anchors: str
    sandbox: bool
    card_transactions: str
    connections: dict[str, str] = {}
    simulated_clock: Path | None = None

    @property
    def clock(self) -> Clock:
        """The machine's clock, or the one of the simulation that runs here."""
        return WallClock() if self.simulated_clock is None else SimulatedClock(self.simulated_clock)

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
    def posted(self) -> Path:
        """Folder of the rows that are posted to the decision service, on the volume of its log."""
        return self.decision_log / ".posted"

    @property
    def pages(self) -> str:
        """Folder of the pages of monitoring; an `s3://` prefix beside the bundles where those are on S3."""
        return f"{self.rollout.rstrip('/')}/.pages" if "://" in self.rollout else str(self.home / "pages")

    @property
    def bank(self) -> Path:
        """The sandbox bank's folder."""
        return self.home / "bank"

    def address_of(self, connection: str, declared: Mapping[str, str]) -> str:
        """The address of a connection by its name.

        Args:
            declared: The addresses that the product declares, which count in `local` alone.

        Raises:
            UnknownConnection: It has none.
        """
        if connection in self.connections:
            return self.connections[connection]
        if connection in _OWN_CONNECTIONS:
            return str(getattr(self, _OWN_CONNECTIONS[connection]))
        if self.name == "local" and connection in declared:
            return _with_driver(declared[connection])
        product = f", or write Product(connections={{'{connection}': '…'}})" if self.name == "local" else ""
        raise UnknownConnection(
            f"connection '{connection}' has no address; set {_CONNECTION}{connection.upper()} to a folder, an s3:// "
            f"prefix or a server's address{product}"
        )


def token_of(connection: str, variables: Mapping[str, str] | None = None) -> str | None:
    """The secret that LOOPLINE_CONNECTION_<NAME>_TOKEN gives for a connection; `None` without one."""
    variables = os.environ if variables is None else variables
    return variables.get(token_variable(connection)) or None


def token_variable(connection: str) -> str:
    """The variable that gives the secret of a connection."""
    return f"{_CONNECTION}{connection.upper()}{_TOKEN}"


def is_checkout() -> bool:
    """Whether the code runs from a checkout, and not from an installed wheel."""
    return (CHECKOUT / "pyproject.toml").exists()


def part_of(variables: Mapping[str, str]) -> Part:
    """The part of a deployment that LOOPLINE_PART names, which the image of the decision service sets; else `all`.

    Raises:
        UnknownEnvironment: The name is unknown.
    """
    name = variables.get("LOOPLINE_PART") or "all"
    if name not in get_args(Part):
        raise UnknownEnvironment(f"LOOPLINE_PART is {name!r}; set it to one of {', '.join(get_args(Part))}")
    return cast(Part, name)


def load_environment(variables: Mapping[str, str] | None = None, *, part: Part = "all") -> Environment:
    """The environment that LOOPLINE_ENV names (`local` when unset).

    Args:
        part: `decisions` for the decision service: the addresses that it does not use may be unset, and are then empty.

    Raises:
        UnknownEnvironment: The name is unknown, a variable without a default is unset, a port is not a number, or the
            environment's file is wrong.
    """
    variables = os.environ if variables is None else variables
    name = variables.get("LOOPLINE_ENV", "local")
    if name not in get_args(EnvironmentName):
        raise UnknownEnvironment(f"LOOPLINE_ENV is {name!r}; set it to one of {', '.join(get_args(EnvironmentName))}")
    clock = _simulated_clock(name, variables)
    home = (
        Path(variables.get("LOOPLINE_HOME") or (CHECKOUT if is_checkout() else Path.home()) / ".loopline")
        .expanduser()
        .resolve()
    )
    if home.exists() and not home.is_dir():
        raise UnknownEnvironment(
            f"LOOPLINE_HOME is {home}, which is not a folder; set it to a folder, or to a path that does not exist yet"
        )
    ports = _ports(variables)
    text = _addresses(CHECKOUT / "infra" / "environments" / f"{name}.yaml")
    places = {"home": str(home), "bureau_port": str(ports.bureau), "dagster_port": str(ports.dagster)}
    connections = _connections(variables)
    needed = (_FOR_DECISIONS if part == "decisions" else set(text)) - {_OWN_CONNECTIONS.get(c, "") for c in connections}
    values: dict[str, Any] = {
        key: _expand(key, value, variables, places, needed=key in needed) if isinstance(value, str) else value
        for key, value in text.items()
    }
    for connection, key in _OWN_CONNECTIONS.items():
        values[key] = connections.pop(connection, values[key])
    for key in ("database_url", "mlflow_tracking_uri", "records"):
        values[key] = _with_driver(values[key])
    values["connections"] = connections
    values["records"] = values["records"] or _dagster_database(variables)
    values["simulated_clock"] = clock
    return Environment(name=cast(EnvironmentName, name), home=home, ports=ports, **values)


def _addresses(file: Path) -> Mapping[str, str | bool]:
    """The addresses as they are written; all that an environment has, and no others."""
    try:
        text = read_yaml(file)
    except YamlError as error:
        raise UnknownEnvironment(str(error)) from error
    if not isinstance(text, Mapping):
        raise UnknownEnvironment(f"{file} is {text!r}; write its addresses as NAME: VALUE")
    known = {name for name in Environment.model_fields if name not in _NOT_WRITTEN}
    for name, faults in (("lacks", known - set(text)), ("has unknown keys", set(text) - known)):
        if faults:
            raise UnknownEnvironment(f"{file} {name} {', '.join(sorted(map(str, faults)))}")
    for name, value in text.items():
        if not isinstance(value, bool if name == "sandbox" else str):
            wanted = "true or false" if name == "sandbox" else "a text"
            raise UnknownEnvironment(f"{file}: {name} is {value!r}; write {wanted}")
    return text


def _ports(variables: Mapping[str, str]) -> Ports:
    text = variables.get("LOOPLINE_PORT_BASE", "4700")
    if not text.isdecimal() or not 1024 <= int(text) <= 65000:
        raise UnknownEnvironment(f"LOOPLINE_PORT_BASE is {text!r}; set it to a port number from 1024 to 65000")
    base = int(text)
    return Ports(dagster=base, mlflow=base + 1, decisions=base + 2, bureau=base + 3, stream=base + 4)


def _connections(variables: Mapping[str, str]) -> dict[str, str]:
    """The addresses of named connections; secrets, whose variables end in _TOKEN, are read where they are used."""
    return {
        name.removeprefix(_CONNECTION).lower(): _with_driver(address)
        for name, address in variables.items()
        if name.startswith(_CONNECTION) and not name.endswith(_TOKEN) and address
    }


def _simulated_clock(name: str, variables: Mapping[str, str]) -> Path | None:
    """The file of a simulation's clock.

    Raises:
        UnknownEnvironment: One is named outside `local`, where decisions are about real people.
    """
    file = variables.get("LOOPLINE_CLOCK")
    if file and name != "local":
        raise UnknownEnvironment(f"LOOPLINE_CLOCK is {file!r}: {name} runs by the machine's clock alone; unset it")
    return Path(file) if file else None


def _with_driver(address: str) -> str:
    """The address of a database with the driver that is installed, where it names none."""
    for without, driver in _DRIVERS:
        address = without.sub(driver, address)
    return address


def _dagster_database(variables: Mapping[str, str]) -> str:
    """The address of Dagster's PostgreSQL; empty where its variables are not set."""
    names = [f"LOOPLINE_DAGSTER_DB_{part}" for part in ("USER", "PASSWORD", "HOST", "PORT", "NAME")]
    user, password, host, port, database = (variables.get(name, "") for name in names)
    if not (user and password and host and database):
        return ""
    place = f"[{host}]" if ":" in host else host
    return f"postgresql+psycopg2://{quote(user, safe='')}:{quote(password, safe='')}@{place}:{port or 5432}/{database}"


def _expand(key: str, text: str, variables: Mapping[str, str], places: Mapping[str, str], *, needed: bool) -> str:
    def value(match: re.Match[str]) -> str:
        variable, default = match.group(1), match.group(2)
        if variables.get(variable):
            return variables[variable]
        if default is None and not needed:
            return ""
        if default is None:
            elsewhere = (
                "; the decision service's container is not given it: run the command where Dagster runs"
                if part_of(variables) == "decisions"
                else ""
            )
            raise UnknownEnvironment(f"{variable} is not set; it gives the environment's '{key}'{elsewhere}")
        return default.format_map(places)

    return _VARIABLE.sub(value, text)
