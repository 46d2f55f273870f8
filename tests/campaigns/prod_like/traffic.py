"""A slow stream of decisions, and what was answered to each.

Belongs here: the client and its record. Does not belong here: the decision service, the judgement of the record
(`test_prod_like.py`).
"""

import http.client
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Self

PAUSE_SECONDS = 0.25
_TIMEOUT_SECONDS = 15.0
_KEY_SECONDS = 10.0


@dataclass(frozen=True)
class Answered:
    """What came back for one request.

    Attributes:
        at: Seconds on the monotonic clock at which it was sent.
        seconds: How long the answer took.
        status: The HTTP status; 0 if no answer came.
        answer: The JSON object of the answer, or the reason why none came.
    """

    at: float
    seconds: float
    status: int
    answer: Mapping[str, Any]


class Traffic:
    """Sends one request after the other from its start to its end, over a connection that stays open."""

    def __init__(self, port: int, product: str, example: Mapping[str, Any], customers: int, key: str) -> None:
        self._port, self._product, self._example, self._customers = port, product, example, customers
        self._headers = {"Content-Type": "application/json", "X-API-Key": key}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.record: list[Answered] = []

    def __enter__(self) -> Self:
        self._wait_for_key()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(2 * _TIMEOUT_SECONDS)

    def _wait_for_key(self) -> None:
        """A key that was just added counts within seconds."""
        deadline = time.monotonic() + _KEY_SECONDS
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_SECONDS)
            connection.request("GET", "/openapi.json", headers=self._headers)
            status = connection.getresponse().status
            connection.close()
            if status == 200:
                return
            assert time.monotonic() < deadline, f"the key is refused with {status} after {_KEY_SECONDS:.0f} s"
            time.sleep(PAUSE_SECONDS)

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_SECONDS)
        for number in count(1):
            if self._over.is_set():
                connection.close()
                return
            customer = f"C{number * 37 % self._customers:07}"
            request = {"product": self._product, "request": {**self._example, "customer_id": customer}}
            begun = time.monotonic()
            status, answer = _ask(connection, json.dumps(request).encode(), self._headers)
            self.record.append(Answered(begun, time.monotonic() - begun, status, answer))
            self._over.wait(PAUSE_SECONDS)


def _ask(
    connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str]
) -> tuple[int, Mapping[str, Any]]:
    try:
        connection.request("POST", "/decide", body, dict(headers))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        connection.close()
        return 0, {"error": repr(error)}
