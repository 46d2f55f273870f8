"""What may be told of a database's error.

Belongs here: whether the text of an error may quote a value of a row, and what is told in its place. Does not belong
here: reading (`reader.py`).
"""

import sqlite3

import sqlalchemy as sa

_REFUSALS = frozenset({"28", "3D", "3F", "42"})
"""Classes of SQLSTATE: authorisation, names, syntax and rights."""
_ABOUT_NO_VALUE = _REFUSALS | {"08", "40", "53", "57", "58"}
"""And connection, transaction, resources, operator, system."""


def quotes_no_value(error: sa.exc.DBAPIError) -> bool:
    """Whether an error is about the connection, a right or a name, so that its text quotes no value of a row."""
    state = _state(error.orig)
    if error.connection_invalidated or state is not None:
        return error.connection_invalidated or str(state)[:2] in _ABOUT_NO_VALUE
    if isinstance(error.orig, sqlite3.Error):
        # SQLite's own errors have a name; those of Python, when it reads a value, have none, or name a function.
        own = getattr(error.orig, "sqlite_errorname", None) is not None
        return own and "user-defined function" not in str(error.orig)
    return isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError))


def is_refusal(error: sa.exc.DBAPIError) -> bool:
    """Whether the server answered that it will not: MySQL's driver has the same error for a server that is down."""
    return str(_state(error.orig))[:2] in _REFUSALS


def code_of(error: BaseException | None) -> str:
    """The kind of a driver's error, and its SQLSTATE where it has one."""
    state = _state(error)
    return type(error).__name__ + (f" {state}" if state else "")


def _state(error: BaseException | None) -> str | None:
    """SQLSTATE, under the name that the driver gives it."""
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
