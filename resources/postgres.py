"""Connections to PostgreSQL that are made for one use.

Belongs here: the engine of an address, with its driver and the longest wait for an answer. Does not belong here:
statements (`locks.py`, `assets.governance.audit_database`), the operational database (`resources.sources`).
"""

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

_CONNECT_SECONDS = 5


def is_postgres(address: str) -> bool:
    """Whether the address is one of PostgreSQL, with or without the name of a driver."""
    return address.startswith(("postgresql://", "postgresql+"))


def engine_of(address: str) -> sa.Engine:
    """An engine without a pool: a connection ends with its block. It waits a few seconds for a server, not for ever.

    SQLAlchemy reads `postgresql://` as a driver that is not installed here; it means psycopg2.
    """
    url = sa.make_url(address)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg2")
    return sa.create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": _CONNECT_SECONDS})


def reason_of(error: DBAPIError) -> str:
    """The driver's own message in one line."""
    return " ".join(str(error.orig).split())


def place_of(address: str) -> str:
    """Host, port and database of an address, for messages: without user and password."""
    url = sa.make_url(address)
    return f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"
