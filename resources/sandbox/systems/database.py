"""The bank's operational database.

Belongs here: the tables, and filling them in one transaction. Does not belong here: generating the rows.

Moments are ISO-8601 text in UTC with microseconds, as in an old core system: the text sorts by time, on SQLite and on
PostgreSQL.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from resources.errors import listed
from resources.sandbox.systems.origin import Origin
from resources.sandbox.world.feeds import Feed
from resources.sandbox.world.incidents import SandboxError

_METADATA = sa.MetaData()
TABLES = {
    "applications": sa.Table(
        "applications",
        _METADATA,
        sa.Column("application_id", sa.String(16), primary_key=True),
        sa.Column("customer_id", sa.String(16), nullable=False),
        sa.Column("event_time", sa.String(27), nullable=False),
        sa.Column("known_at", sa.String(27), nullable=False, index=True),
        sa.Column("amount", sa.Float(53), nullable=False),
        sa.Column("term_months", sa.Integer, nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("income_monthly", sa.Float(53), nullable=False),
        sa.Column("employment", sa.String(16), nullable=False),
        sa.Column("employment_years", sa.Float(53)),
        sa.Column("housing", sa.String(16), nullable=False),
        sa.Column("existing_debt", sa.Float(53), nullable=False),
        sa.Column("dependents", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("sex", sa.String(8), nullable=False),
        sa.Column("age", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("email", sa.String(128), nullable=False),
        sa.Column("national_id", sa.String(16), nullable=False),
    ),
    "consents": sa.Table(
        "consents",
        _METADATA,
        sa.Column("consent_id", sa.String(16), primary_key=True),
        sa.Column("customer_id", sa.String(16), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("event_time", sa.String(27), nullable=False),
        sa.Column("known_at", sa.String(27), nullable=False, index=True),
    ),
}
_ORIGINS = sa.Table(
    "sandbox_origin",
    _METADATA,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("origin", sa.String(16), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("first_day", sa.String(10), nullable=False),
    sa.Column("last_day", sa.String(10), nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
)


def database_origins(database_url: str) -> dict[str, Origin]:
    """For each table that the sandbox has filled, its origin; empty for a database without such a table.

    Raises:
        SandboxError: A table is not the sandbox's, or has rows that the sandbox did not write.
    """
    with _engine(database_url) as engine, engine.connect() as connection:
        present = set(sa.inspect(connection).get_table_names())
        foreign = sorted(present - {table.name for table in _METADATA.sorted_tables})
        if foreign:
            raise SandboxError(
                f"database {engine.url!r} has tables that the sandbox did not write ({listed(foreign)}); move the "
                "database, or fill another one"
            )
        found: dict[str, Origin] = {}
        if _ORIGINS.name in present:
            for row in connection.execute(sa.select(_ORIGINS)):
                days = {"first_day": date.fromisoformat(row.first_day), "last_day": date.fromisoformat(row.last_day)}
                found[row.name] = Origin(origin=row.origin, digest=row.digest, rows=row.rows, **days)
        for name in TABLES.keys() & present - found.keys():
            if connection.execute(sa.select(sa.literal(1)).select_from(TABLES[name]).limit(1)).first():
                raise SandboxError(
                    f"database {engine.url!r}: table {name} has rows that the sandbox did not write; "
                    "move them, or fill another database"
                )
        return found


def fill_database(database_url: str, feeds: Mapping[str, Feed], origins: Mapping[str, Origin]) -> None:
    """Creates missing tables, then writes all feeds and their origins in one transaction."""
    with _engine(database_url) as engine:
        _METADATA.create_all(engine)
        with engine.begin() as connection:
            for name, feed in feeds.items():
                rows = feed.table.to_pylist()
                if rows:
                    connection.execute(sa.insert(TABLES[name]), rows)
                origin = origins[name]
                marker = {
                    "name": name,
                    "origin": origin.origin,
                    "digest": origin.digest,
                    "first_day": origin.first_day.isoformat(),
                    "last_day": origin.last_day.isoformat(),
                    "rows": origin.rows,
                }
                connection.execute(sa.insert(_ORIGINS), marker)


@contextmanager
def _engine(database_url: str) -> Iterator[sa.Engine]:
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()
