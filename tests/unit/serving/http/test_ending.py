"""A connection of a server that is overloaded or ends, over real sockets, with TLS and without."""

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from assets.serving.http import under_way
from assets.serving.http.connection import BoundedProtocol
from assets.serving.http.under_way import ALWAYS_TAKEN, UnderWay
from tests.support.certificates import write_certificate
from tests.support.servers.ports import free_port

ASKED = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"


class Ending:
    """A server that can be told to drain and to end; its answers may take a while."""

    def __init__(self, files: tuple[Path, Path] | None) -> None:
        self.draining = False
        self.budget = 1.0
        self.refused: list[str] = []
        self.port = free_port()
        self._trusted = ssl.create_default_context(cafile=str(files[0])) if files else None
        routes = [Route(path, self._answer) for path in ("/slow", "/decide", "/readyz")]
        protocol: Any = partial(
            BoundedProtocol,
            refused=self.refused.append,
            draining=lambda: self.draining,
            under_way=UnderWay(lambda: self.budget, most=0),
        )
        tls: Any = {"ssl_certfile": str(files[0]), "ssl_keyfile": str(files[1])} if files else {}
        config = uvicorn.Config(Starlette(routes=routes), port=self.port, http=protocol, log_config=None, **tls)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)

    async def _answer(self, request: Request) -> JSONResponse:
        await asyncio.sleep(float(request.query_params.get("after", "0")))
        return JSONResponse({"it": "is"})

    def connect(self) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return self._trusted.wrap_socket(plain, server_hostname="127.0.0.1") if self._trusted else plain


@pytest.fixture(params=["plain", "tls"])
def ending(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ending]:
    made = Ending(write_certificate(tmp_path) if request.param == "tls" else None)
    made.thread.start()
    while not made.server.started:
        time.sleep(0.01)
    yield made
    made.server.should_exit = True
    made.thread.join(20)
    assert not made.thread.is_alive()


def read(one: socket.socket) -> tuple[int, bool]:
    """Status of an answer, and whether it says that the connection ends; status 0 where it ended before an answer."""
    held = b""
    while b"\r\n\r\n" not in held:
        got = one.recv(65536)
        if not got:
            assert not held
            return 0, True
        held += got
    head, _, body = held.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += one.recv(65536)
    json.loads(body)
    return int(head.split()[1]), b"connection: close" in head.lower()


def ask(one: socket.socket, target: bytes) -> tuple[int, bool]:
    one.sendall(ASKED % target)
    return read(one)


def test_a_draining_server_answers_and_ends_each_connection(ending: Ending) -> None:
    kept, busy, late = ending.connect(), ending.connect(), ending.connect()
    assert ask(kept, b"/slow") == (200, False)
    busy.sendall(ASKED % b"/slow?after=0.4")
    late.sendall((ASKED % b"/slow")[:-5])
    time.sleep(0.1)
    ending.draining = True
    assert ask(kept, b"/slow") == (200, True)
    assert kept.recv(1) == b""
    ending.server.should_exit = True
    assert read(busy)[0] == 200
    late.sendall((ASKED % b"/slow")[-5:])
    assert read(late) == (200, True), "a request that was being sent is answered"
    for one in (kept, busy, late):
        one.close()


def test_a_kept_connection_without_a_request_sees_an_orderly_end(ending: Ending) -> None:
    kept = [ending.connect() for _ in range(8)]
    assert [ask(one, b"/slow") for one in kept] == [(200, False)] * 8
    ending.server.should_exit = True
    time.sleep(0.25)  # the server looks every 0.1 s, and then reads for 0.2 s more
    first = kept.pop(0)
    status, ends = ask(first, b"/slow")
    assert (status in (0, 200), ends) == (True, True)
    assert [one.recv(1) for one in kept] == [b""] * 7
    for one in (first, *kept):
        one.close()


def test_an_overloaded_server_refuses_at_once_and_keeps_the_connection(
    ending: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "MOST_BEGUN", 2)
    monkeypatch.setattr(under_way, "MOST_WAITING", 1)
    busy = [ending.connect() for _ in range(3)]
    for one in busy:
        one.sendall(ASKED % b"/slow?after=1.5")
    time.sleep(0.5)
    with ending.connect() as other:
        for _ in range(3):
            began = time.monotonic()
            assert ask(other, b"/slow") == (503, False)
            assert time.monotonic() - began < 0.5
        assert ask(other, b"/readyz") == (200, False)
        assert ending.refused == ["overload"] * 3
        assert [read(one)[0] for one in busy] == [200] * 3
        # An answer is read a moment before its request counts as ended.
        deadline = time.monotonic() + 5
        while (last := ask(other, b"/slow")) != (200, False):
            assert time.monotonic() < deadline, last
            time.sleep(0.02)
    for one in busy:
        one.close()


def test_decisions_beyond_their_budget_are_refused_and_other_requests_are_not(ending: Ending) -> None:
    ending.budget = 0.0
    busy = [ending.connect() for _ in range(ALWAYS_TAKEN)]
    for one in busy:
        one.sendall(ASKED % b"/decide?after=1")
    time.sleep(0.5)
    with ending.connect() as other:
        assert ask(other, b"/decide") == (503, False)
        assert ask(other, b"/slow") == (200, False)
        assert [read(one)[0] for one in busy] == [200] * ALWAYS_TAKEN
        assert ask(other, b"/decide") == (200, False), "a service without a request takes one, whatever its budget"
    assert ending.refused == ["overload"]
    for one in busy:
        one.close()


def test_a_client_that_left_before_its_turn_costs_nothing(ending: Ending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_way, "MOST_BEGUN", 1)
    with ending.connect() as busy, ending.connect() as other:
        busy.sendall(ASKED % b"/slow?after=0.8")
        time.sleep(0.2)
        gone = [ending.connect() for _ in range(4)]
        for one in gone:
            one.sendall(ASKED % b"/slow?after=5")
        time.sleep(0.2)
        for one in gone:
            # Reset, and not only its own side ended: a client may end that and wait for its answer.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
        began = time.monotonic()
        assert ask(other, b"/slow") == (200, False)
        assert time.monotonic() - began < 3
        assert read(busy)[0] == 200
