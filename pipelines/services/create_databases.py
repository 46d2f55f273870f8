"""Creates the databases that a deployment needs on the PostgreSQL of Dagster's storage.

    python -m pipelines.services.create_databases mlflow

Belongs here: creating the named databases, and the one that LOOPLINE_RECORDS names, where they are missing. Does not
belong here: their tables, which Dagster, MLflow and the audit log create themselves.
"""

import os
import sys
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError

from resources.environments import UnknownEnvironment, load_environment
from resources.errors import LooplineError
from resources.naming import checked_name
from resources.postgres import engine_of, is_postgres, place_of, reason_of

_ALREADY_THERE = "42P04"


class DatabaseNotCreated(LooplineError):
    """The server cannot be reached, or refuses; the message names it."""


def create_databases(server: str, names: Sequence[str]) -> tuple[str, ...]:
    """Creates the databases that are missing, and returns their names.

    Args:
        server: `postgresql+psycopg2://…` of any database of the server.

    Raises:
        BadName: A name is not a name.
        DatabaseNotCreated: The server cannot be reached, or refuses.
    """
    wanted = [checked_name(name, "database") for name in names]
    try:
        with engine_of(server).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            known = set(connection.execute(sa.text("SELECT datname FROM pg_database")).scalars())
            return tuple(name for name in wanted if name not in known and _created(connection, name))
    except (OperationalError, ProgrammingError) as error:
        raise DatabaseNotCreated(
            f"databases {', '.join(wanted)} cannot be created at {place_of(server)}: {reason_of(error)}"
        ) from error


def _created(connection: sa.Connection, name: str) -> bool:
    """Whether this call created the database; another process may have been faster."""
    try:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", None) != _ALREADY_THERE:
            raise
        return False
    return True


def main(arguments: Sequence[str]) -> None:
    """Creates them on the server of LOOPLINE_DAGSTER_DB_HOST, with the database of LOOPLINE_RECORDS on that server."""
    server = load_environment(_without_records()).records
    if not is_postgres(server):
        raise UnknownEnvironment("LOOPLINE_DAGSTER_DB_HOST, …_USER, …_PASSWORD and …_NAME are not all set; set them")
    records = sa.make_url(load_environment().records)
    names = list(arguments)
    if records.host == sa.make_url(server).host and records.database and records.database not in names:
        names.append(records.database)
    made = create_databases(server, names)
    print(f"created: {', '.join(made) or 'nothing, all are there'}")  # noqa: T201 - the answer of this command


def _without_records() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "LOOPLINE_RECORDS"}


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except LooplineError as error:
        sys.exit(str(error))
