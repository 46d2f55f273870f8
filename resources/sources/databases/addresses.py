"""The address of a database, as a reader opens it.

Belongs here: what keeps a database as it is, and which kind it is. Does not belong here: the driver of an address
without one (`resources.environments`), asking the database (`reader.py`).
"""

from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

_MYSQL = ("mysql", "mariadb")


def is_mysql(dialect: str) -> bool:
    """Whether the name of a dialect is one of MySQL's."""
    return dialect in _MYSQL


def for_reading(url: str) -> sa.URL:
    """The address by which a SQLite file stays as it is: none is created, and no log of another's writes is applied."""
    parsed = sa.make_url(url)
    file = parsed.database or ":memory:"
    if parsed.get_backend_name() != "sqlite" or file.startswith((":memory:", "file:")):
        return parsed
    # Without a log, closing the last connection removes what opening created beside the file; read-only it stays.
    mode = "ro" if Path(f"{file}-wal").exists() else "rw"
    return parsed.set(database=f"file:{quote(file)}", query={**parsed.query, "mode": mode, "uri": "true"})
