"""Clients of the decision service in a process of their own, and what each of their requests came to.

    python -m tests.campaigns.service.traffic '{"ports": [4702], …}'

Belongs here: sending at a rate or as fast as answers come, noting every answer and every lost one. Does not belong
here: starting a service (`home.py`), the judgement.

A line of the file is a request: its number, port, time of sending (seconds since 1970), milliseconds, status and body,
with tabs between. Status 0 is a request without a whole answer. The entity of a request follows from its number.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self, TextIO

_CHECKOUT = Path(__file__).parents[3]
_LATE_SECONDS = 0.02
_LAST_SECONDS = 3.0
_AGAIN_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is sent, to whom, how fast.

    Attributes:
        ports: The processes, in turn.
        request: A request of the product that is decided; entity, amount and income change.
        rate: Requests a second, whether or not earlier ones were answered; 0: each connection asks again at once.
        connections: Of each port.
        entities: How many come back again and again.
        file: For the answers; empty to keep counts alone.
        first: The number of the first request, an even one.
        most: It ends after so many requests, if that is above 0.
        keyed: Each request has an idempotency key, `key_of` its number.
    """

    ports: tuple[int, ...]
    product: str
    request: Mapping[str, Any]
    rate: float = 0.0
    seconds: float = 1.0
    connections: int = 16
    entities: int = 500
    file: str = ""
    first: int = 0
    most: int = 0
    keyed: bool = False


def key_of(number: int) -> str:
    """The idempotency key of a request."""
    return f"request {number}"


def entity_of(number: int, entities: int) -> str:
    """The customer of a request: every second one is new, the others come back in an order without a pattern.

    The guards count an entity once a signal, so they need new ones; only one that comes back can change its arm.
    """
    return f"N{number:09d}" if number % 2 else f"C{number // 2 * 7919 % entities}"


def body_of(plan: Plan, number: int) -> bytes:
    """The body of a request; the same for the same number, as it was or will be sent."""
    # As many as are made in advance.
    chance = Random(number % _bodies(plan))
    change = {
        "customer_id": entity_of(number, plan.entities),
        "amount": round(chance.uniform(500.0, 20_000.0), 2),
        "income_monthly": round(chance.uniform(1_300.0, 6_000.0), 2),
    }
    return json.dumps({"product": plan.product, "request": {**plan.request, **change}}).encode()


def _bodies(plan: Plan) -> int:
    """After so many requests amounts and incomes come again: a multiple of that after which entities do."""
    return 2 * plan.entities * max(1, 500 // plan.entities)


@dataclass(frozen=True)
class Sent:
    """A request and what came of it."""

    number: int
    port: int
    at: float
    milliseconds: float
    status: int
    body: str

    @property
    def answer(self) -> dict[str, Any]:
        """The answer's JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


def sent_in(path: Path) -> Iterator[Sent]:
    """The requests of a file, in the order of their ends."""
    with path.open() as file:
        for line in file:
            number, port, at, milliseconds, status, body = line.rstrip("\n").split("\t", 5)
            yield Sent(int(number), int(port), float(at), float(milliseconds), int(status), body)


@dataclass(frozen=True)
class Told:
    """What the process said at its end.

    Attributes:
        sent: Requests that left; `held` did not: the client itself was late, or had no connection free.
        seconds: How long it sent.
        decided: Answers with status 200.
    """

    sent: int
    held: int
    seconds: float
    decided: int

    @property
    def rate(self) -> float:
        """Decisions a second."""
        return self.decided / self.seconds


class Traffic:
    """The process; it ends after the seconds of the plan, or with the block."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.campaigns.service.traffic", json.dumps(asdict(self.plan))]
        self._process = subprocess.Popen(
            command, cwd=_CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def stop(self) -> Told:
        """Asks it to end before its time."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        return self.told()

    def told(self) -> Told:
        """Waits for its end."""
        self._process.wait(self.plan.seconds + 60)
        assert self._process.returncode == 0, "the clients failed: see above"
        assert self._process.stdout is not None
        return Told(**json.loads(self._process.stdout.read()))

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


def capacity(plan: Plan) -> float:
    """Decisions a second of eight clients of each port that ask again as soon as they are answered; none is refused."""
    with Traffic(replace(plan, connections=8)) as traffic:
        return traffic.told().rate


class _Connection(asyncio.Protocol):
    """One connection, one request at a time; opened again when it is lost."""

    def __init__(self, client: "_Client", port: int) -> None:
        self._client, self.port = client, port
        self._held, self._at, self._begun, self.number = b"", 0.0, 0.0, -1

    async def open(self) -> None:
        while not self._client.over:
            try:
                await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return

    def connection_made(self, transport: Any) -> None:
        self._transport, self._held = transport, b""
        self._client.is_free(self)

    def ask(self, number: int, body: bytes, *, keyed: bool) -> None:
        self.number, self._at, self._begun = number, time.time(), time.perf_counter()
        key = f"Idempotency-Key: {key_of(number)}\r\n".encode() if keyed else b""
        head = b"POST /decide HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n"
        self._transport.write(head % (key, len(body)) + body)

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) if found else 0
        if found and len(body) >= length:
            self._held = b""
            self.end(int(head[9:12]), body.decode())
            self._client.is_free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.number >= 0:
            self.end(0, repr(exc))
        self._client.lost(self)

    def end(self, status: int, body: str) -> None:
        taken = (time.perf_counter() - self._begun) * 1000
        number, self.number = self.number, -1
        self._client.note(number, self.port, self._at, taken, status, body)

    def close(self) -> None:
        if self.number >= 0:
            self.end(0, "silent")
        self._transport.abort()


class _Client:
    """All connections of a plan."""

    def __init__(self, plan: Plan, file: TextIO | None) -> None:
        self._plan, self._file = plan, file
        self._bodies = [body_of(plan, number) for number in range(_bodies(plan))]
        self._free: deque[_Connection] = deque()
        self._open: set[_Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self.over = False
        self.sent = self.held = self.decided = 0

    @property
    def is_done(self) -> bool:
        return self.over or 0 < self._plan.most <= self.sent

    def is_free(self, connection: _Connection) -> None:
        self._open.add(connection)
        if self._plan.rate or self.is_done:
            self._free.append(connection)
        else:
            self._ask(connection)

    def lost(self, connection: _Connection) -> None:
        self._open.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        if not self.over:
            self._begin(connection)

    def note(self, number: int, port: int, at: float, taken: float, status: int, body: str) -> None:
        self.decided += status == 200
        if self._file is not None:
            self._file.write(f"{number}\t{port}\t{at:.6f}\t{taken:.3f}\t{status}\t{body}\n")

    def _begin(self, connection: _Connection) -> None:
        task = asyncio.ensure_future(connection.open())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def _ask(self, connection: _Connection) -> None:
        number = self._plan.first + self.sent
        self.sent += 1
        known = number % len(self._bodies)
        body = self._bodies[known]
        if number % 2:
            names = (entity_of(one, self._plan.entities).encode() for one in (known, number))
            body = body.replace(*names)
        connection.ask(number, body, keyed=self._plan.keyed)

    async def run(self) -> float:
        for number in range(self._plan.connections * len(self._plan.ports)):
            self._begin(_Connection(self, self._plan.ports[number % len(self._plan.ports)]))
        await asyncio.gather(*self._opening)
        stop = asyncio.Event()
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
        begun, due = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - begun) < self._plan.seconds and not stop.is_set() and not self.is_done:
            while self._plan.rate and due < elapsed * self._plan.rate:
                is_late = elapsed - due / self._plan.rate > max(_LATE_SECONDS, 2 / self._plan.rate)
                due += 1
                if self._free and not is_late:
                    self._ask(self._free.popleft())
                else:
                    self.held += 1
            await asyncio.sleep(0.001)
        seconds = time.perf_counter() - begun
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self.over = True
        await self._drain()
        return seconds

    async def _drain(self) -> None:
        deadline = time.perf_counter() + _LAST_SECONDS
        while any(one.number >= 0 for one in self._open) and time.perf_counter() < deadline:
            await asyncio.sleep(0.01)
        for task in self._opening:
            task.cancel()
        for connection in tuple(self._open):
            connection.close()


def _plan_of(record: dict[str, Any]) -> Plan:
    return Plan(**{**record, "ports": tuple(record["ports"])})


def main(given: Sequence[str]) -> None:
    """The command."""
    plan = _plan_of(json.loads(given[0]))
    if plan.file:
        with open(plan.file, "w") as file:
            client = _Client(plan, file)
            seconds = asyncio.run(client.run())
    else:
        client = _Client(plan, None)
        seconds = asyncio.run(client.run())
    told = Told(sent=client.sent, held=client.held, seconds=seconds, decided=client.decided)
    sys.stdout.write(json.dumps(asdict(told)))


if __name__ == "__main__":
    main(sys.argv[1:])
