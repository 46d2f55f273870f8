"""The reader of an HTTP API.

Belongs here: asking an API for a day, and what its answer means. Does not belong here: the meaning of columns.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import httpx

from resources.loopback import is_loopback
from resources.sources.readers import Closing, DayRows, SourceBroken, SourceUnavailable, json_value, objects_table


class HttpReader(Closing):
    """One JSON array of objects for each day: GET `{base}{path}?day=YYYY-MM-DD`."""

    def __init__(self, name: str, base: str, path: str, *, token: str | None = None, timeout: float = 20.0) -> None:
        self._name, self._path = name, path
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=base, timeout=timeout, trust_env=not is_loopback(base), headers=headers)

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        for day in days:
            yield self._day(day)

    def _day(self, day: date) -> DayRows:
        where = f"source {self._name}, day {day}: {self._client.base_url}{self._path}"
        try:
            answer = self._client.get(self._path, params={"day": day.isoformat()})
        except httpx.TransportError as error:
            raise SourceUnavailable(f"{where} does not answer ({error}); start it, then run the day again") from error
        except httpx.DecodingError as error:
            raise SourceBroken(f"{where} sent an answer that cannot be decoded ({error}); ask its owner") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise SourceUnavailable(f"{where} answered {answer.status_code}; run the day again once it works")
        if answer.status_code != 200:
            # Without the body: it may quote a row.
            raise SourceBroken(f"{where} answered {answer.status_code} {answer.reason_phrase}; ask its owner")
        try:
            items = json_value(answer.content)
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise SourceBroken(f"{where} did not answer with a JSON array of objects; ask its owner")
            rows = objects_table(items)
        except (ValueError, RecursionError) as error:
            if answer.content.strip().startswith(b"[") and not answer.content.rstrip().endswith(b"]"):
                raise SourceUnavailable(
                    f"{where} sent an answer that ends within a row; the day waits: run it again later"
                ) from error
            raise SourceBroken(f"{where} did not answer with JSON ({error}); ask its owner") from error
        return DayRows(day, rows, origin={"url": str(answer.url), "rows": len(items)})

    def __exit__(self, *exception: object) -> None:
        self._client.close()
