"""Exclusive locks across processes.

Belongs here: an exclusive lock by name: a file beside a local database or in a folder, or an advisory lock in
PostgreSQL. Does not belong here: the work that is done under a lock.

A crash leaves no lock behind: the kernel drops a file's lock when the process ends, and PostgreSQL drops a
transaction's lock when the connection ends.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from resources.errors import LooplineError
from resources.postgres import engine_of, is_postgres, place_of, reason_of

_POLL_SECONDS = 0.02
_LOCK_NOT_AVAILABLE = "55P03"


class LockError(LooplineError):
    """The lock cannot be acquired; the message names the lock and the remedy."""


class LockTimeout(LockError):
    """Another process held the lock during the whole wait; the same call may succeed later."""


@contextmanager
def exclusive(address: str, name: str, *, wait: timedelta = timedelta(seconds=60)) -> Iterator[None]:
    """Holds the lock during the block.

    Args:
        address: `sqlite:///<file>` or a folder (a lock file in it), or `postgresql+psycopg2://…` (an advisory lock).
        name: The name of the lock; locks of different names are independent.
        wait: How long to wait for another holder.

    Raises:
        LockTimeout: Another process held the lock for longer than `wait`.
        LockError: The address is empty or of no known kind, the database cannot be reached, or its connection was lost
            while the lock was held.
    """
    if not address:
        raise LockError(
            f"lock '{name}' has no place; set LOOPLINE_RECORDS to postgresql+psycopg2://user:password@host/db"
        )
    if is_postgres(address):
        with _advisory(address, name, wait):
            yield
        return
    with _lock_file(_folder(address) / f".{_slug(name)}.lock", wait):
        yield


def _folder(address: str) -> Path:
    if address.startswith("sqlite:///"):
        return Path(address.removeprefix("sqlite:///")).parent
    if "://" in address:
        raise LockError(
            f"no lock at {address.split('://')[0]}://…; give a folder, sqlite:/// or postgresql+psycopg2://"
        )
    return Path(address)


def _slug(name: str) -> str:
    """A file name: the letters and digits of the name, and a digest so that two names never share a file."""
    plain = "".join(letter if letter.isalnum() else "-" for letter in name)[:40]
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@contextmanager
def _lock_file(path: Path, wait: timedelta) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + wait.total_seconds()
        while not _taken(handle):
            if time.monotonic() >= deadline:
                raise LockTimeout(f"lock {path} was held by another process for {wait.total_seconds():g} s; try again")
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _connected(address: str, name: str) -> sa.Connection:
    try:
        return engine_of(address).connect()
    except OperationalError as error:
        raise LockError(
            f"lock '{name}': PostgreSQL at {place_of(address)} cannot be used: {reason_of(error)}; "
            "start it, or correct the address"
        ) from error


@contextmanager
def _advisory(address: str, name: str, wait: timedelta) -> Iterator[None]:
    """A transaction-level advisory lock: unlike a session-level one it works behind a connection pooler."""
    key = int.from_bytes(hashlib.sha256(f"loopline:{name}".encode()).digest()[:8], "big", signed=True)
    with _connected(address, name) as connection, connection.begin():
        connection.execute(sa.text(f"SET LOCAL lock_timeout = {max(1, round(wait.total_seconds() * 1000))}"))
        try:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
        except OperationalError as error:
            if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
                raise
            raise LockTimeout(
                f"lock '{name}' was held by another process for {wait.total_seconds():g} s; try again"
            ) from error
        yield
        try:
            connection.execute(sa.text("SELECT 1"))
        except OperationalError as error:
            raise LockError(f"the connection that held lock '{name}' was lost; check what was written") from error
