"""What an overloaded service answers: requests at five times its capacity, and how long refusals take.

    python -m tests.benchmarks.bench_overload [--seconds 5] [--times 5]

Prints one JSON object. The capacity is what 8 connections get that ask again as soon as they are answered: none of them
is refused. Then more connections ask at fixed times, whether or not earlier requests were answered; the client is a
process of its own.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

from tests.benchmarks.bench_decisions import summary
from tests.support.models.serving_samples import CUSTOMERS, PRODUCT, REQUEST, sample_parts
from tests.support.servers.serving_process import Service, Workspace

_CLOSED = 8
_OPEN = 384
_WARM_UP_SECONDS = 1.0


def _asked(number: int) -> bytes:
    request = REQUEST | {"customer_id": f"C{number % CUSTOMERS}", "amount": 500 + 137 * (number % 97)}
    body = json.dumps({"product": PRODUCT, "request": request}).encode()
    return b"POST /decide HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body


_BODIES = [_asked(number) for number in range(CUSTOMERS)]


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, answered: Any) -> None:
        self._answered, self._held, self._sent = answered, b"", 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def ask(self, number: int) -> None:
        self._sent = time.perf_counter()
        self._transport.write(_BODIES[number % CUSTOMERS])

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) if found else 0
        if found and len(body) >= length:
            self._held = b""
            self._answered(self, int(head[9:12]), (time.perf_counter() - self._sent) * 1000)


async def capacity(port: int, seconds: float) -> float:
    """Decisions a second that connections get which ask again at once."""
    counted, begun = Counter[int](), time.perf_counter() + _WARM_UP_SECONDS

    def answered(connection: _Connection, status: int, _milliseconds: float) -> None:
        if time.perf_counter() >= begun:
            counted[status] += 1
        connection.ask(sum(counted.values()))

    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: _Connection(answered), "127.0.0.1", port) for _ in range(_CLOSED)]
    for number, (_, connection) in enumerate(opened):
        connection.ask(number)
    await asyncio.sleep(_WARM_UP_SECONDS + seconds)
    for transport, _ in opened:
        transport.abort()
    return counted[200] / seconds


async def overload(port: int, rate: float, seconds: float) -> dict[str, Any]:
    """Asks at a rate; a request for which no connection is free is counted as one that was not sent."""
    free: deque[_Connection] = deque()
    taken: dict[int, list[float]] = {}
    unsent = 0

    def answered(connection: _Connection, status: int, milliseconds: float) -> None:
        taken.setdefault(status, []).append(milliseconds)
        free.append(connection)

    loop = asyncio.get_running_loop()
    for _ in range(_OPEN):
        free.append((await loop.create_connection(lambda: _Connection(answered), "127.0.0.1", port))[1])
    begun, sent = time.perf_counter(), 0
    while (now := time.perf_counter() - begun) < seconds:
        while sent < now * rate:
            sent += 1
            if free:
                free.popleft().ask(sent)
            else:
                unsent += 1
        await asyncio.sleep(0.001)
    await asyncio.sleep(1.0)
    return {
        "rate": round(rate), "sent": sent - unsent, "unsent": unsent,
        "answers": {status: {"count": len(times)} | summary(times) for status, times in taken.items()},
    }  # fmt: skip


async def drive(port: int, times: float, seconds: float) -> dict[str, Any]:
    """The capacity, then a multiple of it."""
    found = await capacity(port, seconds)
    return {"capacity": round(found)} | await overload(port, found * times, seconds)


def measure(seconds: float = 5, times: float = 5) -> dict[str, Any]:
    """Measures the service, driven from another process."""
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as home:
        workspace = Workspace(Path(home))
        workspace.roll_out(workspace.publish(sample_parts("1")))
        with Service(workspace) as service:
            service.wait_until_ready()
            command = [sys.executable, "-m", "tests.benchmarks.bench_overload", "--drive", str(workspace.port)]
            command += ["--seconds", str(seconds), "--times", str(times)]
            driven = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10 * seconds + 60)
        found: dict[str, Any] = json.loads(driven.stdout)
        return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Answers of an overloaded service")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--times", type=float, default=5)
    parser.add_argument("--drive", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive:
        print(json.dumps(asyncio.run(drive(given.drive, given.times, given.seconds))))
    else:
        print(json.dumps(measure(given.seconds, given.times), indent=2))


if __name__ == "__main__":
    main()
