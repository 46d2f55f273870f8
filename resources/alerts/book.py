"""The book of alerts: the state of each, shared by all processes of an environment.

Belongs here: reading the states of a product and changing them so that no other process changes them meanwhile, in a
file or in PostgreSQL; the form in which they are kept. Does not belong here: what becomes of an alert (`life.py`).

The book is among the records of the environment (`Environment.records`), beside the audit log: a file
`alerts/<product>.json` under a lock, or a row of a product in the table `loopline_alerts`.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from resources.alerts.life import AlertState, Mark
from resources.alerts.policy import AlertError
from resources.durable_files import make_folder, replace_file
from resources.locks import exclusive
from resources.naming import checked_name
from resources.notifications import Alert
from resources.postgres import engine_of, is_postgres, place_of, reason_of

States = Mapping[str, AlertState]
"""The alerts of a product, by case."""

_LOCK = 7_026_815_332
"""The advisory lock under which a product's row is changed."""
_MAKE = "CREATE TABLE IF NOT EXISTS loopline_alerts (product text PRIMARY KEY, states text NOT NULL)"
_WRITE = """INSERT INTO loopline_alerts (product, states) VALUES (:product, :states)
    ON CONFLICT (product) DO UPDATE SET states = EXCLUDED.states"""
_KEPT = timedelta(days=30)
"""How long an alert that has ended is kept."""


class AlertBook(ABC):
    """The alerts of every product."""

    @abstractmethod
    def read(self, product: str) -> States:
        """The alerts of a product that stand, and those that ended in the last 30 days.

        Raises:
            AlertError: The book cannot be used, or is damaged.
        """

    @abstractmethod
    def change(self, product: str, step: Callable[[States], States], now: datetime) -> States:
        """Replaces the alerts of a product by what `step` makes of them; no other process changes them meanwhile.

        Args:
            step: Must not take long: others wait.
            now: Alerts that ended long before are dropped.

        Raises:
            AlertError: The book cannot be used, or is damaged.
        """


@dataclass(frozen=True)
class FileBook(AlertBook):
    """A file for each product, in a folder of this machine."""

    folder: Path

    def read(self, product: str) -> States:
        """See `AlertBook.read`."""
        path = self._path(product)
        try:
            return _parsed(path.read_bytes(), str(path))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise AlertError(f"the book of alerts {path} cannot be read: {error}") from error

    def change(self, product: str, step: Callable[[States], States], now: datetime) -> States:
        """See `AlertBook.change`."""
        path = self._path(product)
        with exclusive(str(self.folder), f"alerts of {product}"):
            before = self.read(product)
            states = _recent(step(before), now)
            if states != before:
                make_folder(path.parent)
                replace_file(path, _written(states), mode=0o600)
        return states

    def _path(self, product: str) -> Path:
        return self.folder / f"{checked_name(product, 'product')}.json"


@dataclass(frozen=True)
class DatabaseBook(AlertBook):
    """A row for each product, in the PostgreSQL of the records."""

    address: str

    def read(self, product: str) -> States:
        """See `AlertBook.read`."""
        with self._connected() as connection:
            return self._row(connection, product) if _is_made(connection) else {}

    def change(self, product: str, step: Callable[[States], States], now: datetime) -> States:
        """See `AlertBook.change`."""
        with self._connected() as connection, connection.begin():
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            if not _is_made(connection):
                connection.execute(sa.text(_MAKE))
            before = self._row(connection, product)
            states = _recent(step(before), now)
            if states != before:
                connection.execute(sa.text(_WRITE), {"product": product, "states": _written(states).decode()})
        return states

    def _row(self, connection: sa.Connection, product: str) -> States:
        row = connection.execute(
            sa.text("SELECT states FROM loopline_alerts WHERE product = :product"), {"product": product}
        ).scalar()
        return {} if row is None else _parsed(row.encode(), f"loopline_alerts, product {product}")

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        if not is_postgres(self.address):
            raise AlertError(
                "the book of alerts has no place: set LOOPLINE_RECORDS to postgresql+psycopg2://user:password@host/db"
            )
        try:
            with engine_of(self.address).connect() as connection:
                yield connection
        except OperationalError as error:
            raise AlertError(
                f"the book of alerts in PostgreSQL at {place_of(self.address)} cannot be used: {reason_of(error)}; "
                "start it, or correct LOOPLINE_RECORDS"
            ) from error


def open_book(records: str) -> AlertBook:
    """The book among the records of an environment; nothing is opened before its first use.

    Args:
        records: `Environment.records`: a folder, `postgresql+psycopg2://…`, or empty where neither is set.
    """
    return FileBook(Path(records) / "alerts") if records and "://" not in records else DatabaseBook(records)


def state_json(state: AlertState) -> dict[str, Any]:
    """A state as plain values."""
    return json.loads(json.dumps(asdict(state), default=datetime.isoformat))


def _is_made(connection: sa.Connection) -> bool:
    return connection.execute(sa.text("SELECT to_regclass('loopline_alerts')")).scalar() is not None


def _recent(states: States, now: datetime) -> States:
    """A silence outlives its alert: the next one of the case is silent too."""
    return {
        case: state
        for case, state in states.items()
        if state.resolved_at is None or now - state.resolved_at < _KEPT or state.is_silent(now)
    }


def _written(states: States) -> bytes:
    return json.dumps({case: state_json(state) for case, state in states.items()}, indent=1).encode() + b"\n"


def _parsed(data: bytes, where: str) -> States:
    try:
        return {case: _state(values) for case, values in json.loads(data).items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AlertError(
            f"the book of alerts {where} is damaged ({error!r}); remove it: alerts that stand are told again"
        ) from error


def _state(values: dict[str, Any]) -> AlertState:
    moments = {name: _moment(value) for name, value in values.items() if name.endswith(("_at", "_until"))}
    marks = {name: _mark(values[name]) for name in ("acknowledged", "silence")}
    plain = {**values, **moments, **marks, "alert": Alert(**values["alert"]), "reached": tuple(values["reached"])}
    return AlertState(**plain)


def _mark(values: dict[str, Any] | None) -> Mark | None:
    return (
        None if values is None else Mark(**{**values, "at": _moment(values["at"]), "until": _moment(values["until"])})
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
