"""The servers that an environment names, and whether each answers.

Belongs here: the list of these servers, and one short question to each. Does not belong here: the use of a server, the
services of this machine (`pipelines.services`), folders and files.

A library that meets a dead server asks it again for minutes. A command asks once before it starts, and says in one
sentence what is down.
"""

import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal
from urllib.parse import quote, urlsplit

from resources.environments import Environment
from resources.errors import LooplineError
from resources.loopback import is_loopback

DependencyName = Literal[
    "database", "landing zone", "bureau", "stream", "lake", "bundles", "online store", "Spark", "MLflow",
    "MLflow's files", "records", "Dagster's storage", "webhook",
]  # fmt: skip

SECONDS = 3.0
"""How long a server may take to answer."""


class DependencyDown(LooplineError):
    """A server does not answer; the message names it, its address without secrets, and the variable that names it."""


@dataclass(frozen=True)
class Dependency:
    """A server that the environment names.

    Attributes:
        name: A `DependencyName`, or that of a named connection.
        place: Its address without user, password and path.
        variable: The environment variable that gives the address.
        ask: Asks the server one question; raises `DependencyDown` with the reason alone if it does not answer.
    """

    name: str
    place: str
    variable: str
    ask: Callable[[], None]

    @property
    def remedy(self) -> str:
        """What to do when the server does not answer."""
        return f"start it, or correct {self.variable}"

    def problem(self) -> str | None:
        """Whether and why the server does not answer; `None` when it answers."""
        try:
            self.ask()
        except DependencyDown as down:
            return f"{self.name} at {self.place} does not answer ({down})"
        return None


def dependencies_of(environment: Environment, variables: Mapping[str, str] = os.environ) -> tuple[Dependency, ...]:
    """The servers of the environment; folders, files and services of this machine are none.

    Args:
        variables: Environment variables, from which the address of Dagster's storage is read.
    """
    addresses: list[tuple[str, str, str]] = [
        ("database", environment.database_url, "LOOPLINE_DATABASE_URL"),
        ("landing zone", environment.landing, "LOOPLINE_LANDING"),
        ("stream", environment.stream, "LOOPLINE_STREAM"),
        ("lake", environment.lake, "LOOPLINE_LAKE"),
        ("bundles", environment.rollout, "LOOPLINE_ROLLOUT"),
        ("online store", environment.online_store, "LOOPLINE_ONLINE_STORE"),
        ("Spark", environment.spark_master, "LOOPLINE_SPARK_MASTER"),
        ("MLflow", environment.mlflow_tracking_uri, "LOOPLINE_MLFLOW_URI"),
        ("MLflow's files", environment.mlflow_artifacts, "LOOPLINE_MLFLOW_ARTIFACTS"),
        ("records", environment.records, _variable_of_records(variables)),
        ("webhook", environment.webhook, "LOOPLINE_WEBHOOK"),
    ]
    addresses += [
        (_connection(name), address, f"LOOPLINE_CONNECTION_{name.upper()}")
        for name, address in environment.connections.items()
    ]
    if environment.bureau_url != f"http://127.0.0.1:{environment.ports.bureau}":
        addresses.append(("bureau", environment.bureau_url, "LOOPLINE_BUREAU_URL"))
    if environment.name != "local" and variables.get("LOOPLINE_DAGSTER_DB_HOST"):
        addresses.append(("Dagster's storage", _dagster_storage(variables), "LOOPLINE_DAGSTER_DB_HOST"))
    found = []
    for name, address, variable in addresses:
        ask = _question(name, address)
        if ask is not None:
            found.append(Dependency(name, _place(address), variable, ask))
    return tuple(found)


def problems_of(found: Sequence[Dependency]) -> Mapping[Dependency, str]:
    """The problem of each server that does not answer; all are asked at the same time."""
    if not found:
        return {}
    with ThreadPoolExecutor(max_workers=len(found)) as pool:
        problems = zip(found, pool.map(Dependency.problem, found), strict=True)
        return {one: problem for one, problem in problems if problem is not None}


def require(environment: Environment, *names: DependencyName, connections: Collection[str] = ()) -> None:
    """Returns if those of the named dependencies, and of the named connections, that are servers answer.

    Raises:
        DependencyDown: At least one does not; the message names each.
    """
    wanted = {*names, *connections, *map(_connection, connections)}
    problems = problems_of([known for known in dependencies_of(environment) if known.name in wanted])
    if problems:
        raise DependencyDown("; ".join(f"{problem}: {one.remedy}" for one, problem in problems.items()))


def _connection(name: str) -> str:
    return f"connection {name}"


def _question(name: str, address: str) -> Callable[[], None] | None:
    """The question to the server at an address; `None` for an address that names no server."""
    address = address.removeprefix("iceberg+")  # a catalog is a server, or in a database
    scheme = address.partition("://")[0]
    if scheme.startswith(("postgresql", "mysql", "mariadb")):
        return partial(_ask_database, address)
    if scheme == "s3":
        return partial(_ask_bucket, address)
    if scheme in ("redis", "rediss"):
        return partial(_ask_redis, address)
    if scheme in ("http", "https") and name != "webhook":
        return partial(_ask_web, f"{address.rstrip('/')}/health" if name == "MLflow" else address)
    if scheme in ("kafka", "spark", "http", "https"):
        return partial(_connect, address)
    return None


def _place(address: str) -> str:
    parts = urlsplit(address.removeprefix("iceberg+"))
    return f"{parts.scheme.partition('+')[0]}://{parts.netloc.rpartition('@')[2]}"


def _variable_of_records(variables: Mapping[str, str]) -> str:
    """Where LOOPLINE_RECORDS is unset, the records are in the database of Dagster's storage."""
    return "LOOPLINE_RECORDS" if variables.get("LOOPLINE_RECORDS") else "LOOPLINE_DAGSTER_DB_HOST"


def _dagster_storage(variables: Mapping[str, str]) -> str:
    user, password, host, port, name = (
        variables.get(f"LOOPLINE_DAGSTER_DB_{part}", "") for part in ("USER", "PASSWORD", "HOST", "PORT", "NAME")
    )
    return f"postgresql+psycopg2://{quote(user, '')}:{quote(password, '')}@{host}:{port}/{name}"


def _ask_database(address: str) -> None:
    import sqlalchemy as sa

    url = sa.make_url(address).difference_update_query(["catalog"])  # of Iceberg
    patience = {"connect_timeout": round(SECONDS)}
    if url.get_driver_name() == "pymysql":
        patience["read_timeout"] = round(SECONDS)  # a server that takes the connection may never greet
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=patience)
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    except sa.exc.OperationalError as error:
        raise DependencyDown(_first_line(error.orig or error)) from error


def _ask_bucket(address: str) -> None:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    settings = Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": 1})
    try:
        boto3.client("s3", config=settings).list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except (BotoCoreError, ClientError) as error:
        raise DependencyDown(_first_line(error)) from error


def _ask_redis(address: str) -> None:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    never = Retry(NoBackoff(), 0)
    client = redis.Redis.from_url(address, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=never)
    try:
        client.ping()
    except redis.exceptions.RedisError as error:
        raise DependencyDown(_first_line(error)) from error
    finally:
        client.close()


def _ask_web(address: str) -> None:
    # Proxy settings are for other machines; an address on this machine is asked directly.
    handlers = [urllib.request.ProxyHandler({})] if is_loopback(address) else []
    try:
        with urllib.request.build_opener(*handlers).open(address, timeout=SECONDS):
            return
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise DependencyDown(f"HTTP {error.code}") from error
    except (OSError, ValueError) as error:
        raise DependencyDown(_first_line(getattr(error, "reason", error))) from error


def _connect(address: str) -> None:
    """Opens a connection to one of the address's servers."""
    servers = urlsplit(address).netloc.rpartition("@")[2].split(",")
    ports = {"http": 80, "https": 443}
    problem: Exception | None = None
    for server in servers:
        parts = urlsplit(f"//{server}")
        try:
            port = parts.port or ports.get(address.partition(":")[0], 0)
            with socket.create_connection((parts.hostname or "", port), timeout=SECONDS):
                return
        except (OSError, ValueError) as error:
            problem = error
    raise DependencyDown(_first_line(problem)) from problem


def _first_line(error: object) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
