"""The reader of an HTTP API.

Belongs here: asking an API for a day, page by page, asking again when it is busy, and what its answer means. Does not
belong here: the meaning of columns.
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from resources.loopback import is_loopback
from resources.sources.readers import Closing, DayRows, SourceBroken, SourceUnavailable, json_value, objects_table

_ATTEMPTS = 4
_LONGEST_WAIT = 60.0
_PAGES = 10_000


@dataclass(frozen=True)
class ApiForm:
    """How an API is asked, and where its answer has the rows; `assets.product.HttpEndpoint` describes it for people."""

    source: str
    path: str
    day_parameter: str = "day"
    rows_field: str = ""
    next_field: str = ""
    cursor_parameter: str = "cursor"
    key_header: str = ""


class HttpReader(Closing):
    """The JSON objects of each day: GET `{base}{path}?day=YYYY-MM-DD`, then its further pages.

    Args:
        token: The secret, sent as a bearer token or in the form's `key_header`; to this server alone.
        secret: The variable that gives the token, for messages.
        timeout: Seconds that the server may take for an answer.
        wait: Seconds before the second attempt; they double with each attempt.
    """

    def __init__(
        self,
        base: str,
        form: ApiForm,
        *,
        token: str | None = None,
        secret: str = "",
        timeout: float = 20.0,
        wait: float = 0.25,
    ) -> None:
        self._form, self._secret, self._wait = form, secret or "the token of its connection", wait
        headers = {} if token is None else {form.key_header or "Authorization": token}
        if token is not None and not form.key_header:
            headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=base, timeout=timeout, trust_env=not is_loopback(base), headers=headers)

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        """The rows of each day.

        Raises:
            SourceUnavailable: The server does not answer, is busy, or cut its answer short.
            SourceBroken: It refuses, or its answer is not of the form.
        """
        for day in days:
            yield self._day(day)

    def changed(self, recorded: Mapping[date, Mapping[str, Any]]) -> frozenset[date]:
        """See `Reader.changed`. None: an API is not asked for all its days again."""
        return frozenset()

    def _day(self, day: date) -> DayRows:
        where = f"source {self._form.source}, day {day}: {self._place}"
        items: list[dict[str, Any]] = []
        params = {self._form.day_parameter: day.isoformat()}
        url: httpx.URL | None = self._client.base_url.join(self._url(self._form.path)).copy_merge_params(params)
        asked: list[httpx.URL] = []
        while url is not None:
            if url in asked or len(asked) == _PAGES:
                raise SourceBroken(f"{where} answers page after page without an end ({len(asked)}); ask its owner")
            asked.append(url)
            answer = self._answer(url, where)
            found, following = self._page(answer, where)
            items += found
            url = self._next(answer, following, where)
        try:
            rows = objects_table(items)
        except ValueError as error:
            raise SourceBroken(f"{where} did not answer with JSON ({error}); ask its owner") from error
        return DayRows(day, rows, origin={"url": self._hidden(asked[0]), "pages": len(asked), "rows": len(items)})

    @property
    def _place(self) -> str:
        return self._hidden(self._client.base_url.join(self._url(self._form.path)))

    def _url(self, path: str) -> str:
        """The path under the whole of the base, as httpx merges it."""
        return f"{self._client.base_url.raw_path.decode().rstrip('/')}/{path.lstrip('/')}"

    def _hidden(self, url: httpx.URL) -> str:
        """The address without user and password."""
        return str(url.copy_with(username=None, password=None))

    def _answer(self, url: httpx.URL, where: str) -> httpx.Response:
        """The answer to a question, which is asked again while the server is busy or does not answer."""
        for attempt in range(_ATTEMPTS):
            try:
                answer = self._client.get(url)
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

    def _pause(self, attempt: int) -> float:
        return self._wait * 2**attempt * random.uniform(0.75, 1.25)

    def _page(self, answer: httpx.Response, where: str) -> tuple[list[dict[str, Any]], object]:
        """The rows of an answer, and what it says of the next page."""
        form, following = self._form, None
        try:
            content = json_value(answer.content)
        except (ValueError, RecursionError) as error:
            if answer.content.strip()[:1] in (b"[", b"{") and answer.content.rstrip()[-1:] not in (b"]", b"}"):
                raise SourceUnavailable(
                    f"{where} sent an answer that ends within a row; the day waits: run it again later"
                ) from error
            raise SourceBroken(f"{where} did not answer with JSON ({error}); ask its owner") from error
        if isinstance(content, dict):
            following = content.get(form.next_field) if form.next_field else None
            content = content.get(form.rows_field) if form.rows_field else content
        if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
            at = f" in '{form.rows_field}'" if form.rows_field else ""
            raise SourceBroken(
                f"{where} did not answer with a JSON array of objects{at}; name its field with rows_field=, or ask its "
                f"owner"
            )
        return content, following

    def _next(self, answer: httpx.Response, following: object, where: str) -> httpx.URL | None:
        """The address of the next page: of a link header, or of the field that names a link or a cursor."""
        link = answer.links.get("next", {}).get("url")
        if link is None and following not in (None, "", False):
            text = str(following)
            if not text.startswith(("http://", "https://", "/", "?")):
                return answer.url.copy_set_param(self._form.cursor_parameter, text)
            link = text
        if link is None:
            return None
        url = answer.url.join(link)
        base = self._client.base_url
        if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
            # The secret is for this server.
            raise SourceBroken(f"{where} names a next page on another server, {url.host}; ask its owner")
        return url

    def __exit__(self, *exception: object) -> None:
        self._client.close()


def _retry_after(answer: httpx.Response) -> float:
    """The seconds that the server asks to wait; 0 where it does not say."""
    text = answer.headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):  # neither a number nor a date with a zone
        return 0.0
