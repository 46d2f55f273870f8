"""Who calls, and whether the caller may: the judgement on one request's key.

Belongs here: what a route may need, reading the key from the header fields, finding its caller, the caller's rate. Does
not belong here: which route needs what, and the answers that refuse (`assets.serving.http.access`), the keys
(`keys.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assets.serving.access.keys import KeyRole

if TYPE_CHECKING:  # a client of Redis is slow to import, and the server's supervisor imports the table of routes
    from assets.serving.access.keyring import Keyring
    from assets.serving.access.rates import Rates

Needed = KeyRole | Literal["any", "open"]
"""What a route needs: a key with that role, any valid key, or no key at all."""


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes:
        name: The name of the caller's key; empty without one, where none is required.
        rate: The caller's rate; empty for none.
    """

    name: str = ""
    rate: str = ""


@dataclass(frozen=True)
class Refused:
    """Why a request is refused: no key, no valid key, or a key without the role."""

    status: Literal[401, 403]
    why: Literal["unauthenticated", "forbidden"]
    sentence: str


class Access:
    """Judges the keys of requests.

    Args:
        required: Whether requests need a key.
        open_metrics: Whether what needs the role `operate` is open.
        rate: The rate of a caller whose key has none.
    """

    def __init__(self, keyring: "Keyring", rates: "Rates", *, required: bool, open_metrics: bool, rate: str) -> None:
        self.keyring = keyring
        self._rates = rates
        self._required, self._open_metrics, self._rate = required, open_metrics, rate

    def judge(self, needed: Needed, headers: Iterable[tuple[bytes, bytes]]) -> Caller | Refused:
        """The caller of a request, or why it is refused.

        Args:
            headers: The header fields, names in lower case.
        """
        text = _key_in(headers)
        key = None if text is None else self.keyring.find(text)
        is_open = needed == "open" or not self._required or (needed == "operate" and self._open_metrics)
        if key is None and is_open:
            return Caller(rate=self._rate)
        if key is None:
            sentence = (
                "the request has no key; send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
                if text is None
                else "the key is unknown or was revoked; ask whoever runs the service for another one"
            )
            return Refused(401, "unauthenticated", sentence)
        if not is_open and needed != "any" and needed not in key.roles:
            sentence = f"the key '{key.name}' may {', '.join(key.roles)}; this needs a key that may {needed}"
            return Refused(403, "forbidden", sentence)
        return Caller(name=key.name, rate=key.limit or self._rate)

    async def wait_of(self, caller: Caller, *, cost: int = 1) -> float:
        """Counts a request of the caller; the seconds to wait where it is beyond the caller's rate, else 0."""
        return await self._rates.wait_of(caller.name, caller.rate, cost=cost) if caller.rate else 0.0


def _key_in(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key in the header fields; `None` without one. Bytes that no key has stay wrong bytes."""
    found: str | None = None
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            found = value[7:].strip().decode("latin-1")
        elif name == b"x-api-key" and found is None:
            found = value.strip().decode("latin-1")
    return found
