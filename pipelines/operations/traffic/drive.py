"""Sending rows to the decision service, on schedule: `loopline traffic`.

Belongs here: the clock, the connections, the report. Does not belong here: the schedule (`pace.py`), the rows
(`rows.py`), the counts (`tally.py`).
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import aiohttp

from assets.product import Product
from pipelines.operations.decisions.decide import (
    JSON_BODY,
    decide_address,
    decision_body,
    moment_of,
    not_running,
    products_address,
    request_fields,
)
from pipelines.operations.traffic.pace import Pace
from pipelines.operations.traffic.rows import requests_of, rows_to_send
from pipelines.operations.traffic.tally import Answer, Summary, Tally, read_answer
from pipelines.services.decisions import DecisionsAt, decisions_at
from resources.environments import Environment
from resources.lake import Lake

_TELL_SECONDS = 5.0
_READY_SECONDS = 20.0
_KEPT_SECONDS = 60.0
"""The service keeps a connection for 65 s after an answer: the client must be the first to close it."""

Ended = Literal["complete", "out of rows", "interrupted"]


@dataclass(frozen=True)
class Choice:
    """Which rows are sent.

    Attributes:
        table: A table of the product; `None` for the valid rows of the spine's source.
        first: Only rows of this UTC day and later ones; `None` for all.
        seed: Decides their order.
        again: Whether rows are sent again when all were sent.
    """

    table: str | None = None
    first: date | None = None
    seed: int = 0
    again: bool = False


@dataclass(frozen=True)
class TrafficReport:
    """What was sent, and what came back.

    Attributes:
        rows: How many different rows there were to send.
        ended: Whether the traffic went on to its end, or ended when all rows were sent, or was interrupted.
    """

    product: str
    pace: Pace
    rows: int
    ended: Ended
    summary: Summary

    @property
    def whole(self) -> bool:
        """Whether every planned request left at its time and was decided."""
        return self.ended == "complete" and self.summary.decided == self.pace.requests

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "product": self.product, "rate": self.pace.rate, "for_seconds": self.pace.seconds, "rows": self.rows,
            "ended": self.ended, "whole": self.whole, **self.summary.to_dict(),
        }  # fmt: skip


def send_traffic(
    environment: Environment,
    product: Product,
    pace: Pace,
    choice: Choice,
    *,
    timeout: float,
    begin: Callable[[int], None],
    tell: Callable[[Summary], None],
) -> TrafficReport:
    """Sends rows of a table to the running service. Ctrl-C ends it: what is in flight is still awaited.

    Args:
        timeout: Seconds after which a client gives up on an answer.
        begin: Called with the number of rows before the first is sent.
        tell: Called every few seconds with the counts since the last call.

    Raises:
        NoAnswer: The service does not run, or has no champion of the product.
        NoRows: There are no rows to send.
    """
    fields = request_fields(environment, product.name)
    rows = rows_to_send(Lake(environment.lake), product, fields, table=choice.table, first=choice.first)
    begin(rows.num_rows)
    drawn = requests_of(rows, seed=choice.seed, again=choice.again)
    requests = ({**request, **moment_of(product, environment)} for request in drawn)
    drive = _Drive(pace, decisions_at(environment.ports), product.name, timeout)
    ended, summary = asyncio.run(drive.run(requests, tell))
    return TrafficReport(product.name, pace, rows.num_rows, ended, summary)


@dataclass
class _Drive:
    """One traffic while it runs."""

    pace: Pace
    at: DecisionsAt
    product: str
    timeout: float
    whole: Tally = field(default_factory=Tally)
    lately: Tally = field(default_factory=Tally)
    in_flight: set["asyncio.Task[None]"] = field(default_factory=set)
    started: float = 0.0

    async def run(self, requests: Iterator[dict[str, Any]], tell: Callable[[Summary], None]) -> tuple[Ended, Summary]:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS, ssl=self.at.verify)
        timeout = aiohttp.ClientTimeout(total=self.timeout)
        headers = {**JSON_BODY, **self.at.headers}
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as client:
            # The first call loads libraries and opens a connection, which would make the first requests late.
            try:
                ready = aiohttp.ClientTimeout(total=_READY_SECONDS)
                await self._read(client.get(products_address(self.at), timeout=ready))
            except (aiohttp.ClientError, TimeoutError) as error:
                raise not_running(self.at, error) from error
            self.started = time.perf_counter()
            telling = asyncio.create_task(self._tell(tell))
            try:
                ended = await self._send_all(client, requests)
                await self._answers()
            except asyncio.CancelledError:
                ended = "interrupted"
                await self._answers()
            telling.cancel()
        return ended, self.whole.summary(time.perf_counter() - self.started)

    async def _send_all(self, client: aiohttp.ClientSession, requests: Iterator[dict[str, Any]]) -> Ended:
        number = 0
        while number < self.pace.requests:
            at = time.perf_counter() - self.started
            if at < self.pace.due(number):
                await asyncio.sleep(self.pace.due(number) - at)
                continue
            going = self.pace.departures(number, at, len(self.in_flight))
            self._count(sent=0, held_back=going.held_back)
            for leaving in range(going.first, going.first + going.leave):
                request = next(requests, None)
                if request is None:
                    return "out of rows"
                self._count(sent=1, held_back=0)
                task = asyncio.create_task(self._send(client, request, self.started + self.pace.due(leaving)))
                self.in_flight.add(task)
                task.add_done_callback(self.in_flight.discard)
            number = going.next
        return "complete"

    async def _send(self, client: aiohttp.ClientSession, request: dict[str, Any], due: float) -> None:
        try:
            body = decision_body(self.product, request)
            status, content = await self._read(client.post(decide_address(self.at), data=body))
        except TimeoutError:
            said = f"no answer within {self.timeout:g} s"
            answer = Answer(time.perf_counter() - due, silence="timeout", said=said)
        except aiohttp.ClientError as error:
            said = str(error) or type(error).__name__
            answer = Answer(time.perf_counter() - due, silence="connection", said=said)
        else:
            answer = read_answer(status, content, time.perf_counter() - due)
        self.whole.add(answer)
        self.lately.add(answer)

    @staticmethod
    async def _read(call: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> tuple[int, bytes]:
        async with call as response:
            return response.status, await response.read()

    async def _answers(self) -> None:
        """Waits for what is in flight, which the clients' timeout bounds."""
        if self.in_flight:
            await asyncio.wait(self.in_flight)

    def _count(self, *, sent: int, held_back: int) -> None:
        for tally in (self.whole, self.lately):
            tally.sent += sent
            tally.held_back += held_back

    async def _tell(self, tell: Callable[[Summary], None]) -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            lately, self.lately = self.lately, Tally()
            tell(lately.summary(time.perf_counter() - self.started))
