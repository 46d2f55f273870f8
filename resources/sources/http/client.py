"""Asking a server over HTTP: its secret, its pace, and asking again while it is busy.

Belongs here: one question to the server of a connection, until it has an answer. Does not belong here: which pages a
day has, and what an answer means (`api.py`).
"""

import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from resources.loopback import is_loopback
from resources.sources.readers import SourceBroken, SourceUnavailable

_ATTEMPTS = 4
_LONGEST_WAIT = 60.0
_UNCHANGED = 304


class ApiClient:
    """The server of an API.

    Args:
        token: The secret, sent as a bearer token or in `key_header`; to this server alone.
        secret: The variable that gives the token, for messages.
        timeout: Seconds that the server may take for an answer.
        wait: Seconds before the second attempt; they double with each attempt.
        most_a_second: How many questions the server takes in a second; `None` for any number.
    """

    def __init__(
        self,
        base: str,
        *,
        token: str | None,
        key_header: str,
        secret: str,
        timeout: float,
        wait: float,
        most_a_second: float | None,
    ) -> None:
        self._secret, self._wait = secret or "the token of its connection", wait
        self._gap, self._asked_at = 0.0 if most_a_second is None else 1.0 / most_a_second, 0.0
        headers = {} if token is None else {key_header or "Authorization": token}
        if token is not None and not key_header:
            headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=base, timeout=timeout, trust_env=not is_loopback(base), headers=headers)

    def url(self, path: str, params: Mapping[str, str]) -> httpx.URL:
        """A path under the whole of the base, as httpx merges it."""
        base = self._client.base_url
        below = f"{base.raw_path.decode().rstrip('/')}/{path.lstrip('/')}"
        return base.join(below).copy_merge_params(params)

    def joined(self, path_and_query: str) -> httpx.URL:
        """The address of a path, with its query, of the server."""
        return self._client.base_url.join(path_and_query)

    def followed(self, answer: httpx.Response, link: str, where: str) -> httpx.URL:
        """The address of a link in an answer.

        Raises:
            SourceBroken: It leads to another server: the secret is for this one.
        """
        url, base = answer.url.join(link), self._client.base_url
        if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
            raise SourceBroken(f"{where} names a next page on another server, {url.host}; ask its owner")
        return url

    def ask(self, url: httpx.URL, where: str, *, unless: str = "") -> httpx.Response | None:
        """The answer to a question, which is asked again while the server is busy or does not answer.

        Args:
            where: Source, day and address, for messages.
            unless: The ETag of an answer that is known.

        Returns:
            `None` if the known answer still holds.

        Raises:
            SourceUnavailable, SourceBroken: It does not answer; it refuses.
        """
        headers = {"If-None-Match": unless} if unless else {}
        for attempt in range(_ATTEMPTS):
            self._keep_pace()
            try:
                answer = self._client.get(url, headers=headers)
            except httpx.TransportError as error:
                if attempt + 1 < _ATTEMPTS:
                    time.sleep(self._pause(attempt))
                    continue
                raise SourceUnavailable(
                    f"{where} does not answer ({error}); start it, then run the day again"
                ) from error
            except httpx.DecodingError as error:
                raise SourceBroken(f"{where} sent an answer that cannot be decoded ({error}); ask its owner") from error
            if answer.status_code == 200:
                return answer
            if answer.status_code == _UNCHANGED and unless:
                return None
            if answer.status_code < 500 and answer.status_code not in (408, 429):
                break
            pause = max(self._pause(attempt), _retry_after(answer))
            if attempt + 1 == _ATTEMPTS or pause > _LONGEST_WAIT:
                later = f"; it asks to wait {_retry_after(answer):.0f} s" if _retry_after(answer) else ""
                raise SourceUnavailable(
                    f"{where} answered {answer.status_code}{later}; run the day again once it works"
                )
            time.sleep(pause)
        # Without the body: it may quote a row.
        wants_secret = f"set its secret, {self._secret}, or " if answer.status_code in (401, 403) else ""
        remedy = f"{wants_secret}ask its owner"
        raise SourceBroken(f"{where} answered {answer.status_code} {answer.reason_phrase}; {remedy}")

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def _keep_pace(self) -> None:
        time.sleep(max(self._asked_at + self._gap - time.monotonic(), 0.0))
        self._asked_at = time.monotonic()

    def _pause(self, attempt: int) -> float:
        return self._wait * 2**attempt * random.uniform(0.75, 1.25)


def hidden(url: httpx.URL) -> str:
    """The address without user and password."""
    return str(url.copy_with(username=None, password=None))


def _retry_after(answer: httpx.Response) -> float:
    """The seconds that the server asks to wait; 0 where it does not say."""
    text = answer.headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):  # neither a number nor a date with a zone
        return 0.0
