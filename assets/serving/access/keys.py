"""The keys of callers: what a key may do, and the signed list of all keys.

Belongs here: making a key, recognising one, the list as bytes and back. Does not belong here: where the list is kept
(`resources.rollout_store`), reading it again while the service runs (`keyring.py`), routes (`assets.serving.http`).

A key is `llk_<id>_<secret>`. The id is public and finds the key; of the secret, 256 random bits, only the SHA-256 is
kept: a slow hash protects passwords that people choose, and would cost every request its milliseconds.

The list is signed with the key that signs bundles, so write access to the store's bucket makes nobody a caller. It is
numbered, so an old list, in which a revoked key is still valid, is no replacement for a newer one.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal, cast, get_args

from assets.bundle.signing import SignatureError, sign, verify
from resources.errors import LooplineError
from resources.naming import is_version

KeyRole = Literal["decide", "explain", "feedback", "operate"]
"""What a key may do: ask for decisions; read earlier ones and cases for review; post events, outcomes and reviews; read
metrics."""
ROLES: tuple[KeyRole, ...] = get_args(KeyRole)

_KEY = re.compile(r"llk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_DOMAIN = b"loopline access keys\n"


class KeyListError(LooplineError):
    """The list is damaged, or a change of it is impossible; the message says which and what to do."""


@dataclass(frozen=True, kw_only=True)
class AccessKey:
    """A caller's key, without its secret.

    Attributes:
        name: The caller's name, for logs and audit; no two valid keys have the same.
        digest: SHA-256 of the whole key, as 64 hexadecimal digits.
        limit: Rate of this key, as `20/second`; empty for the service's own (LOOPLINE_RATE_LIMIT).
        revoked: When it was revoked; `None` while it is valid.
    """

    id: str
    name: str
    roles: tuple[KeyRole, ...]
    digest: str
    created: datetime
    by: str
    limit: str = ""
    revoked: datetime | None = None

    def opens(self, text: str) -> bool:
        """Whether the text is this key; takes the same time for every text."""
        return hmac.compare_digest(_digest(text), self.digest)


@dataclass(frozen=True)
class KeyList:
    """All keys, with those that were revoked.

    Attributes:
        generation: Grows by one with each change.
    """

    generation: int = 0
    keys: tuple[AccessKey, ...] = ()

    @property
    def valid(self) -> Mapping[str, AccessKey]:
        """The valid keys by their ids."""
        return {key.id: key for key in self.keys if key.revoked is None}

    def named(self, name: str) -> AccessKey | None:
        """The valid key of a caller."""
        return next((key for key in self.valid.values() if key.name == name), None)

    def with_key(self, key: AccessKey) -> "KeyList":
        """The list with one more key.

        Raises:
            KeyListError: A valid key has the name already.
        """
        if self.named(key.name) is not None:
            raise KeyListError(
                f"a key named '{key.name}' is valid already; revoke it (loopline keys revoke), or choose another name"
            )
        return KeyList(self.generation + 1, (*self.keys, key))

    def without(self, name: str, now: datetime) -> "KeyList":
        """The list in which the caller's key is revoked.

        Raises:
            KeyListError: No valid key has the name.
        """
        revoked = self.named(name)
        if revoked is None:
            names = ", ".join(sorted(key.name for key in self.valid.values())) or "none"
            raise KeyListError(f"no valid key is named '{name}'; the valid ones: {names}")
        keys = tuple(replace(key, revoked=now) if key.id == revoked.id else key for key in self.keys)
        return KeyList(self.generation + 1, keys)

    def to_json(self, signing_key: bytes) -> bytes:
        """The list as signed JSON."""
        content = {"generation": self.generation, "keys": [_record(key) for key in self.keys]}
        signature = sign(_signed(content), signing_key)
        return json.dumps({**content, "signature": signature}, indent=2).encode()

    @classmethod
    def from_json(cls, data: bytes, signing_key: bytes) -> "KeyList":
        """The list that `to_json` wrote.

        Raises:
            KeyListError: It was not written so, or was signed with another key.
        """
        try:
            content = json.loads(data)
            signature = content.pop("signature")
            verify(_signed(content), signature, signing_key)
            return cls(content["generation"], tuple(_key(record) for record in content["keys"]))
        except SignatureError as error:
            raise KeyListError(
                "the list of access keys was altered, or signed with another LOOPLINE_SIGNING_KEY; restore "
                "access_keys.json of the rollout store, or remove it and add the keys again: loopline keys add"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KeyListError(f"access_keys.json of the rollout store is no list of keys: {error!r}") from error


def new_key(name: str, roles: tuple[str, ...], *, by: str, now: datetime, limit: str = "") -> tuple[AccessKey, str]:
    """A new key, and its text, which is kept nowhere.

    Raises:
        KeyListError: The name is no name, or a role is unknown or missing.
    """
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        wrong = f"role '{unknown[0]}' is unknown" if unknown else "the key has no role"
        raise KeyListError(f"{wrong}; give one or several of {', '.join(ROLES)}")
    if not is_version(name):
        raise KeyListError(f"key name {name!r} is not a name; write letters, digits, '.', '_' and '-', at most 63")
    key_id = secrets.token_hex(6)
    text = f"llk_{key_id}_{secrets.token_urlsafe(32)}"
    ordered = tuple(role for role in ROLES if role in roles)
    return AccessKey(id=key_id, name=name, roles=ordered, digest=_digest(text), created=now, by=by, limit=limit), text


def id_in(text: str) -> str | None:
    """The id in a key's text; `None` where it has not the form of a key."""
    found = _KEY.fullmatch(text)
    return found.group(1) if found else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _signed(content: Mapping[str, Any]) -> bytes:
    return _DOMAIN + json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _record(key: AccessKey) -> dict[str, Any]:
    times = {"created": key.created.isoformat(), "revoked": key.revoked and key.revoked.isoformat()}
    return asdict(key) | times | {"roles": list(key.roles)}


def _key(record: Mapping[str, Any]) -> AccessKey:
    revoked = record["revoked"]
    return AccessKey(
        **{
            **record,
            "roles": tuple(cast(KeyRole, role) for role in record["roles"]),
            "created": datetime.fromisoformat(record["created"]),
            "revoked": None if revoked is None else datetime.fromisoformat(revoked),
        }
    )
