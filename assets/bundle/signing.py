"""Signatures and digests of bundles.

Belongs here: the keyed signature of a bundle's manifest, its check, the digest. Does not belong here: the key
(`resources.keys`), the manifest (`files.py`).
"""

import hashlib
import hmac

from resources.errors import LooplineError

SHORTEST_KEY = 32


class SignatureError(LooplineError):
    """The key is too short, or the signature does not fit manifest and key; the message says which."""


def sign(manifest: bytes, key: bytes) -> str:
    """HMAC-SHA256 of the manifest's bytes, as 64 hexadecimal digits.

    Raises:
        SignatureError: The key has fewer than 32 bytes.
    """
    if len(key) < SHORTEST_KEY:
        raise SignatureError(f"the signing key has {len(key)} bytes; it needs at least {SHORTEST_KEY}")
    return hmac.new(key, manifest, hashlib.sha256).hexdigest()


def verify(manifest: bytes, signature: str, key: bytes) -> None:
    """Checks a signature, in constant time.

    Raises:
        SignatureError: These bytes have another signature under this key.
    """
    if not hmac.compare_digest(sign(manifest, key).encode(), signature.encode()):
        raise SignatureError("the signature does not fit the manifest: it was altered, or signed with another key")


def digest(data: bytes) -> str:
    """SHA-256 of the bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
