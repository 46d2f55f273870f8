"""Clients that never finish what they begin, beside one honest client whose waiting is measured.

Belongs here: slow clients, what the honest one beside them meets, how long a client that owes bytes is kept. Does not
belong here: broken requests (`bytes_fuzzer.py`), the honest client itself (`honest_client.py`).

    python -m tests.campaigns.http.slow_clients --clients 64 --seconds 5
"""

import argparse
import errno
import re
import selectors
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.campaigns.http.framing_mutations import message
from tests.campaigns.http.honest_client import HonestClient, Waiting
from tests.campaigns.http.limits import BUDGET_SECONDS, GIVEN_UP_SECONDS
from tests.campaigns.http.target import Target, running_target
from tests.campaigns.http.wire import Address

_TICK = 0.05
_BYTE_SECONDS = 1.0
_AGAIN_SECONDS = 0.25
_COMING_SECONDS = 10.0
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_CHUNKED = message(b"POST", b"/decide", b"", [(b"Transfer-Encoding", b"chunked")], length=False)


@dataclass(frozen=True)
class Habit:
    """How a slow client is slow: what it sends at once, and what it sends then, once a second."""

    name: str
    at_once: bytes
    each_second: bytes = b""


def habits(request: bytes) -> tuple[Habit, ...]:
    """Every way not to finish a request."""
    body = request.index(b"\r\n\r\n") + 4
    half = (body + len(request)) // 2
    return (
        Habit("half a body", request[:half]),
        Habit("a head without its body", request[:body]),
        Habit("a body, one byte a second", request[:body], b" "),
        Habit("chunks of a byte, one a second", _CHUNKED, b"1\r\n \r\n"),
        Habit("no request at all", b""),
        Habit("half a head", request[: body // 2]),
        Habit("a head, one byte a second", b"POST /decide HTTP/1.1\r\nX-Slow: ", b"s"),
        Habit("fields without end, one a second", b"POST /decide HTTP/1.1\r\n", b"X-Slow: s\r\n"),
        Habit(
            "a request after which the next is half sent", b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" + request[:half]
        ),
    )


@dataclass
class _Client:
    habit: Habit
    socket: socket.socket
    opened: float
    next_byte: float
    got: bytes = b""


@dataclass
class Kept:
    """How long the service kept slow clients.

    Attributes:
        ended: For each habit the seconds after which the service ended a connection.
        answers: How often it answered them with each status; `none` for an end without a word.
        refused: How often a connection was not even accepted.
        waiting: The habits of those it still kept in the end, with their seconds.
    """

    ended: dict[str, list[float]] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    waiting: dict[str, float] = field(default_factory=dict)

    def faults(self, *, refusals: bool) -> list[str]:
        """The failures among its answers; `refusals` says that 503 is none, as there may be too many at a time."""
        allowed = ("503",) if refusals else ()
        return [
            f"{count} slow clients were answered with {status}"
            for status, count in self.answers.items()
            if status >= "500" and status != "none" and status not in allowed
        ]


class SlowClients:
    """Some slow clients in one thread, until the block ends; with `again` each comes back when it was let go."""

    def __init__(self, address: Address, ways: Sequence[Habit], count: int, *, again: bool) -> None:
        self._address, self._ways, self._count, self._again = address, ways, count, again
        self._selector = selectors.DefaultSelector()
        self._clients: dict[int, _Client] = {}
        self._owed = [(0.0, ways[n % len(ways)]) for n in range(count)]
        self._left = count
        self._tried = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slow clients")
        self.kept = Kept()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends them all."""
        self._stop.set()
        self._thread.join(30)

    def wait_until_let_go(self, seconds: float) -> None:
        """Waits until the service ended every connection, at most so long; only of clients that do not come back."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._left:
            time.sleep(_TICK)

    def wait_until_tried(self, seconds: float) -> None:
        """Waits until each of them has come once, at most so long; the service need not keep them all."""
        deadline = time.monotonic() + seconds
        while self._tried < self._count and time.monotonic() < deadline:
            time.sleep(_TICK)

    def _run(self) -> None:
        while not self._stop.is_set():
            now = time.monotonic()
            due, self._owed = [one for one in self._owed if one[0] <= now], [one for one in self._owed if one[0] > now]
            for _, habit in due:
                self._open(habit)
            for key, _ in self._selector.select(_TICK):
                self._read(self._clients[key.fd])
            for client in list(self._clients.values()):
                if client.habit.each_second and client.next_byte <= time.monotonic():
                    client.next_byte += _BYTE_SECONDS
                    self._send(client, client.habit.each_second)
        for client in list(self._clients.values()):
            self.kept.waiting[client.habit.name] = time.monotonic() - client.opened
            client.socket.close()
        self._selector.close()

    def _open(self, habit: Habit) -> None:
        self._tried += 1
        try:
            opened = socket.create_connection(self._address, timeout=1.0)
        except OSError:
            self.kept.refused += 1
            self._owed.append((time.monotonic() + _AGAIN_SECONDS, habit))
            return
        now = time.monotonic()
        client = _Client(habit, opened, now, now + _BYTE_SECONDS)
        self._clients[opened.fileno()] = client
        self._selector.register(opened, selectors.EVENT_READ)
        self._send(client, habit.at_once)
        opened.setblocking(False)

    def _send(self, client: _Client, data: bytes) -> None:
        try:
            client.socket.sendall(data)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK):
                client.next_byte = float("inf")  # Its end is there to be read.

    def _read(self, client: _Client) -> None:
        try:
            got = client.socket.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        client.got += got
        if got:
            return
        self._selector.unregister(client.socket)
        del self._clients[client.socket.fileno()]
        client.socket.close()
        self.kept.ended.setdefault(client.habit.name, []).append(time.monotonic() - client.opened)
        self.kept.answers.update(found.decode() for found in _STATUS.findall(client.got) or [b"none"])
        self._left -= 1
        if self._again:
            self._left += 1
            self._owed.append((time.monotonic() + _AGAIN_SECONDS, client.habit))


@dataclass
class SlowReport:
    """What the honest client met, and how long the slow ones were kept."""

    waitings: list[Waiting]
    kept: Kept

    @property
    def faults(self) -> list[str]:
        """Each promise that was broken."""
        found = self.kept.faults(refusals=True)
        late = [one for one in self.waitings if one.seconds > BUDGET_SECONDS and not one.fault]
        if late:
            found.append(f"{len(late)} of {len(self.waitings)} honest requests took over {BUDGET_SECONDS:g} s")
        wrong = Counter(one.fault for one in self.waitings if one.fault)
        return found + [f"{count} of {len(self.waitings)} honest requests: {fault}" for fault, count in wrong.items()]

    def __str__(self) -> str:
        times = sorted(one.seconds for one in self.waitings) or [0.0]
        middle, worst = times[len(times) // 2], times[-1]
        kept = {
            name: f"{len(ends)} ended after {min(ends):.1f} to {max(ends):.1f} s"
            for name, ends in self.kept.ended.items()
        }
        return (
            f"{len(times)} honest requests, 50th percentile {middle:.3f} s, longest {worst:.3f} s\n"
            f"slow clients: {kept}, refused {self.kept.refused}, answers {dict(self.kept.answers)}\n"
            + "\n".join(self.faults)
        )


def beside_slow_clients(target: Target, count: int, seconds: float, *, half_bodies: bool) -> SlowReport:
    """Measures the honest client beside so many slow ones for a time: of every habit, or all with half a body."""
    honest = HonestClient(target)
    ways = habits(honest.request)[: 1 if half_bodies else None]
    with SlowClients(target.address, ways, count, again=True) as slow:
        slow.wait_until_tried(_COMING_SECONDS)
        waitings = honest.ask_for(seconds)
    return SlowReport(waitings, slow.kept)


def how_long_kept(target: Target) -> Kept:
    """How long the service keeps one client of each habit; those it keeps for too long are `waiting`."""
    ways = habits(HonestClient(target).request)
    with SlowClients(target.address, ways, len(ways), again=False) as slow:
        slow.wait_until_let_go(GIVEN_UP_SECONDS)
    return slow.kept


def main() -> None:
    """The command: a service of its own, slow clients, the report."""
    parser = argparse.ArgumentParser(description="measures an honest client beside slow ones")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--half-bodies", action="store_true", help="all clients send half a body")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_target(Path(folder)) as target:
        report = beside_slow_clients(target, asked.clients, asked.seconds, half_bodies=asked.half_bodies)
        print(report)
        kept = how_long_kept(target)
        print(f"let go after {kept.ended}; still kept {kept.waiting}; answers {dict(kept.answers)}")
    sys.exit(bool(report.faults or kept.waiting or kept.faults(refusals=False)))


if __name__ == "__main__":
    main()
