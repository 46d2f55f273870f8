"""Keys of the decision service's callers: adding, listing, revoking.

Belongs here: the change of the list and its line in the audit log, in this order under one lock. Does not belong here:
a key and the list (`assets.serving.access.keys`), reading the list while the service runs (`keyring.py` there).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from assets.governance.audit_database import audit_of
from assets.serving.access.keys import AccessKey, KeyList, new_key
from assets.serving.access.rates import rate
from resources.dependencies import require
from resources.environments import Environment
from resources.keys import Keys
from resources.locks import exclusive
from resources.rollout_store.store import RolloutStore

_EVERY = "every product"


def add_key(
    environment: Environment, name: str, roles: tuple[str, ...], *, by: str, reason: str, limit: str = ""
) -> tuple[AccessKey, str]:
    """A new key, valid within seconds, and its text, which is shown once and kept nowhere.

    Args:
        limit: The key's rate, as `20/second`; empty for the service's own.

    Raises:
        KeyListError: A role is unknown, the name is taken or no name, or the list is damaged.
        BadRate: The limit is no rate.
        AuditLogError: Who or why is empty; nothing was changed.
        DependencyDown: The records or the rollout store does not answer; nothing was changed.
    """
    if limit:
        rate(limit)
    now = datetime.now(UTC)
    key, text = new_key(name, roles, by=by, now=now, limit=limit)
    with _changing(environment) as (store, data, found):
        changed = found.with_key(key)
        _record(environment, "key_added", key, by=by, reason=reason, now=now)
        store.replace_access_keys(changed.to_json(Keys.of(environment.home).signing), expected=data)
    return key, text


def revoke_key(environment: Environment, name: str, *, by: str, reason: str) -> AccessKey:
    """Revokes the valid key of that name; running services refuse it within 5 seconds.

    Raises:
        KeyListError: No valid key has the name, or the list is damaged.
        AuditLogError, DependencyDown: See `add_key`.
    """
    now = datetime.now(UTC)
    with _changing(environment) as (store, data, found):
        changed = found.without(name, now)
        revoked = next(key for key in changed.keys if key.name == name and key.revoked == now)
        _record(environment, "key_revoked", revoked, by=by, reason=reason, now=now)
        store.replace_access_keys(changed.to_json(Keys.of(environment.home).signing), expected=data)
    return revoked


def access_keys(environment: Environment) -> KeyList:
    """All keys, with those that were revoked.

    Raises:
        KeyListError: The list is damaged.
        DependencyDown: The rollout store does not answer.
    """
    require(environment, "bundles")
    return _read(environment, _store(environment))[1]


@contextmanager
def _changing(environment: Environment) -> Iterator[tuple[RolloutStore, bytes | None, KeyList]]:
    """The store, the list's bytes and the list, which nobody else changes within the block."""
    require(environment, "records", "bundles")
    store = _store(environment)
    with exclusive(environment.records, "access keys"):
        yield store, *_read(environment, store)


def _record(environment: Environment, action: str, key: AccessKey, *, by: str, reason: str, now: datetime) -> None:
    """Writes the audit line, before the change is made: a key that nobody recorded never becomes valid."""
    audit_of(environment).append(
        actor=by, action=action, product=_EVERY, version="", reason=reason, at=now,
        details={"key": key.id, "name": key.name, "roles": list(key.roles), "limit": key.limit},
    )  # fmt: skip


def _read(environment: Environment, store: RolloutStore) -> tuple[bytes | None, KeyList]:
    data = store.read_access_keys()
    return data, KeyList() if data is None else KeyList.from_json(data, Keys.of(environment.home).signing)


def _store(environment: Environment) -> RolloutStore:
    return RolloutStore.open(environment.rollout, environment.home / "fetched")
