"""The mark of a request with an idempotency key.

Belongs here: the mark, and its text in a record. Does not belong here: which decision the request got (`repeats.py`).

A mark holds digests, because callers make keys of whatever they have, and the log keeps no more than it needs. Keys of
different callers are different keys.
"""

import hashlib
from dataclasses import dataclass

from resources.errors import LooplineError


class OtherBody(LooplineError):
    """An idempotency key was used before, for a request with another body."""

    @classmethod
    def of_key(cls) -> "OtherBody":
        """The error, in its words."""
        return cls("the idempotency key was used for a request with another body; send a new key with a new request")


@dataclass(frozen=True)
class Mark:
    """A request with an idempotency key.

    Attributes:
        key: Digest of caller and key.
        body: Digest of the body.
    """

    key: bytes
    body: bytes

    @classmethod
    def of(cls, caller: str, key: str, body: bytes) -> "Mark":
        """The mark of a request."""
        return cls(_digest(f"{caller}\n{key}".encode()), _digest(body))

    @classmethod
    def from_text(cls, text: str) -> "Mark":
        """The mark that a record holds."""
        key, body = text.split(":")
        return cls(bytes.fromhex(key), bytes.fromhex(body))

    def __str__(self) -> str:
        return f"{self.key.hex()}:{self.body.hex()}"


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]
