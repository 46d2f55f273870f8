"""One client's connection, over real sockets: bounds in time, size and number; refusals."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from assets.serving.http import connection
from assets.serving.http.connection import BoundedProtocol
from assets.serving.http.refusals import LARGEST_HEAD, MOST_FIELDS
from tests.campaigns.http.wire import Connection, NoAnswer, Response
from tests.support.servers.ports import free_port

HEAD = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\nhi"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


class Echo:
    """A service that answers with the body's length, after a while if asked; counts the requests that reached it.

    Attributes:
        refused: Why its connections refused requests.
    """

    def __init__(self) -> None:
        self.reached = 0
        self.refused: list[connection.Why] = []
        self.app = Starlette(routes=[Route("/echo", self._echo, methods=["GET", "POST"])])

    async def _echo(self, request: Request) -> JSONResponse:
        import asyncio

        self.reached += 1
        body = await request.body()
        if "size" in request.query_params:
            return JSONResponse("x" * int(request.query_params["size"]))
        await asyncio.sleep(float(request.query_params.get("after", "0")))
        return JSONResponse({"got": len(body)})


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[Echo, tuple[str, int]]]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection, "REQUEST_SECONDS", 0.6)
        patched.setattr(connection, "KEEP_SECONDS", 1.5)
        patched.setattr(connection, "MOST_CONNECTIONS", 12)
        service, port = Echo(), free_port()
        protocol: Any = partial(BoundedProtocol, refused=service.refused.append)
        server = uvicorn.Server(uvicorn.Config(service.app, port=port, http=protocol, log_config=None))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield service, ("127.0.0.1", port)
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def address(echo: tuple[Echo, tuple[str, int]]) -> tuple[str, int]:
    return echo[1]


def asked(address: tuple[str, int], *pieces: bytes, answers: int = 1) -> list[Response]:
    with Connection(address) as one:
        one.send(pieces)
        return [one.read("POST", seconds=3) for _ in range(answers)]


def refused(response: Response, status: int) -> str:
    assert (response.status, response.closes) == (status, True)
    assert response.fields["content-type"] == "application/json"
    sentence: str = json.loads(response.body)["error"]
    return sentence


def test_a_request_in_pieces_is_answered(address: tuple[str, int]) -> None:
    with Connection(address) as one:
        one.send([WHOLE[:20], WHOLE[20:-1], WHOLE[-1:]], pause=0.02)
        assert json.loads(one.read("POST", seconds=3).body) == {"got": 2}
        one.send([WHOLE])
        assert one.read("POST", seconds=3).status == 200


@pytest.mark.parametrize(
    ("sent", "whole"),
    [
        (WHOLE[:-1], "half a body"),
        (WHOLE[:-2], "a head"),
        (WHOLE[:30], "half a head"),
        (CHUNKED + b"1\r\nx\r\n", "half of the chunks"),
    ],
)
def test_a_request_that_is_not_whole_reaches_nobody_and_is_refused_in_time(
    echo: tuple[Echo, tuple[str, int]], sent: bytes, whole: str
) -> None:
    service, address = echo
    service.refused.clear()
    before, started = service.reached, time.monotonic()
    assert "not whole within 0.6 s" in refused(asked(address, sent)[0], 408)
    assert 0.5 < time.monotonic() - started < 2
    assert (service.reached, service.refused) == (before, ["slow"])


@pytest.mark.parametrize("drip", [b"\r\n", b"X-Slow: s\r\n"])
def test_a_byte_now_and_then_wins_no_time(address: tuple[str, int], drip: bytes) -> None:
    with Connection(address) as one:
        one.send([HEAD] if drip != b"\r\n" else [b"\r\n"])
        started = time.monotonic()
        while time.monotonic() - started < 2 and one.send([drip], pause=0.1):
            pass
        assert one.is_ended(0.5) or one.read("POST", seconds=1).status == 408
    assert time.monotonic() - started < 2.9


def test_a_connection_without_a_request_ends(address: tuple[str, int]) -> None:
    with Connection(address) as one:
        assert one.is_ended(2)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"X: x\r\n" * (MOST_FIELDS + 1) + b"\r\n", 431),
        (HEAD + b"X: " + b"x" * LARGEST_HEAD + b"\r\n\r\n", 431),
        (HEAD + b"X: " + b"x" * 10**6, 431),
        (b"GET /" + b"x" * 10**6, 431),
        (HEAD + b"Content-Length: 70000\r\n\r\n", 413),
        (HEAD + b"Content-Length: " + b"9" * 18 + b"\r\n\r\n", 413),
        (CHUNKED + b"ffff\r\n" + b"x" * 65_535 + b"\r\n10\r\n" + b"x" * 16, 413),
        (CHUNKED + b"1;" + b"a" * 1_500_000, 413),
        (CHUNKED + b"0\r\n" + b"X: x\r\n" * 2 * MOST_FIELDS, 431),
        (b"P\x00ST / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00", 400),
        (CHUNKED + b"zz\r\n", 400),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ],
)
def test_what_is_too_large_or_no_http_is_refused_in_json_and_counted(
    echo: tuple[Echo, tuple[str, int]], sent: bytes, status: int
) -> None:
    service, address = echo
    service.refused.clear()
    assert len(refused(asked(address, sent)[0], status).split()) > 5
    assert service.refused == [{431: "head_too_large", 413: "body_too_large", 400: "not_http"}[status]]


def test_many_megabytes_are_refused_and_the_refusal_arrives(address: tuple[str, int]) -> None:
    body = b"x" * 5_000_000
    assert "larger than 65536" in refused(asked(address, HEAD + b"Content-Length: 5000000\r\n\r\n", body)[0], 413)


def test_a_body_of_the_largest_size_is_taken(address: tuple[str, int]) -> None:
    (answer,) = asked(address, HEAD + b"Content-Length: 65536\r\n\r\n", b"x" * 65_536)
    assert json.loads(answer.body) == {"got": 65_536}


def test_pipelined_requests_are_answered_before_the_refusal_of_the_last(address: tuple[str, int]) -> None:
    slow = WHOLE.replace(b"/echo", b"/echo?after=0.2")
    first, second, third = asked(address, slow + WHOLE + b"garbage\r\n\r\n", answers=3)
    assert (first.status, second.status) == (200, 200)
    refused(third, 400)


def test_half_a_request_behind_a_whole_one_costs_the_whole_one_nothing(address: tuple[str, int]) -> None:
    first, second = asked(address, WHOLE.replace(b"/echo", b"/echo?after=0.2") + WHOLE[:-1], answers=2)
    assert first.status == 200
    refused(second, 408)


def test_a_client_that_ended_its_side_is_answered(address: tuple[str, int]) -> None:
    with Connection(address) as one:
        one.send([WHOLE.replace(b"/echo", b"/echo?after=0.2") + WHOLE])
        one.end_sending()
        answers = [one.read("POST", seconds=3) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200]
        assert one.is_ended(2)


def test_100_continue_is_said_before_the_body_is_awaited(address: tuple[str, int]) -> None:
    with Connection(address) as one:
        one.send([HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"])
        assert one.read("POST", seconds=2, interim=True).status == 100
        one.send([b"hi"])
        assert json.loads(one.read("POST", seconds=2).body) == {"got": 2}


@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c"])
@pytest.mark.parametrize("body", [b"", b"hi"])
def test_an_upgrade_is_answered_as_any_request(address: tuple[str, int], upgrade: bytes, body: bytes) -> None:
    fields = b"Connection: Upgrade\r\nUpgrade: " + upgrade + b"\r\nSec-WebSocket-Key: x\r\n"
    sent = HEAD + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body
    for pieces in ([sent, WHOLE], [sent + WHOLE], [sent[:-1], sent[-1:] + WHOLE]):
        answers = asked(address, *pieces, answers=2)
        assert [json.loads(answer.body) for answer in answers] == [{"got": len(body)}, {"got": 2}]


def test_a_connection_too_many_ends_the_one_that_owes_its_request_for_longest(
    echo: tuple[Echo, tuple[str, int]],
) -> None:
    """Its client, which is within a request, is told so."""
    service, address = echo
    service.refused.clear()
    slow = [Connection(address) for _ in range(12)]
    for number, one in enumerate(slow):
        one.send([WHOLE[: 30 + number]])
        time.sleep(0.005)
    started = time.monotonic()
    assert asked(address, WHOLE)[0].status == 200
    assert time.monotonic() - started < 0.4
    assert "too many connections" in refused(slow[0].read("POST", seconds=0.1), 503)
    assert slow[0].is_ended(0.1)
    assert not slow[1].is_ended(0.05)
    assert service.refused == ["connections"]
    for one in slow:
        one.close()


def test_connections_that_are_kept_leave_room_for_new_ones(echo: tuple[Echo, tuple[str, int]]) -> None:
    """As many kept ones as there may be: a new client is answered, and costs the one that is kept for longest."""
    service, address = echo
    service.refused.clear()
    kept = [Connection(address) for _ in range(12)]
    for one in kept:
        one.send([WHOLE])
        assert one.read("POST", seconds=1).status == 200
    for _ in range(3):
        assert asked(address, WHOLE)[0].status == 200
    assert kept[0].is_ended(0.1)
    for one in kept[3:]:
        one.send([WHOLE])
        assert one.read("POST", seconds=1).status == 200
        one.close()
    assert service.refused == []


@pytest.mark.parametrize("drip", [b"", b"\r\n"])
def test_a_connection_is_kept_for_a_next_request_beyond_the_time_for_one(address: tuple[str, int], drip: bytes) -> None:
    """For 1.5 s here, and no longer, although a request must be whole within 0.6 s; blank lines win no time."""
    with Connection(address) as one:
        one.send([WHOLE])
        assert one.read("POST", seconds=1).status == 200
        for _ in range(10):
            one.send([drip], pause=0.1)
        one.send([WHOLE])
        assert one.read("POST", seconds=1).status == 200
        answered = time.monotonic()
        while time.monotonic() - answered < 3 and one.send([drip], pause=0.1) and not one.is_ended(0.01):
            pass
        assert 1.3 < time.monotonic() - answered < 2


def test_a_request_on_a_kept_connection_has_its_own_time(echo: tuple[Echo, tuple[str, int]]) -> None:
    _, address = echo
    with Connection(address) as one:
        one.send([WHOLE])
        assert one.read("POST", seconds=1).status == 200
        started = time.monotonic()
        one.send([WHOLE[:-1]])
        refused(one.read("POST", seconds=3), 408)
        assert 0.5 < time.monotonic() - started < 1


def test_an_answer_comes_whole(address: tuple[str, int]) -> None:
    """Its head is not sent apart: the client reads both at once. That of an answer without a body is sent too."""
    with socket.create_connection(address, timeout=3) as one:
        one.sendall(WHOLE)
        assert one.recv(65_536).endswith(b'\r\n\r\n{"got":2}')
        one.sendall(b"HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        assert one.recv(65_536).endswith(b"\r\n\r\n")
        one.sendall(WHOLE)
        assert one.recv(65_536).endswith(b'\r\n\r\n{"got":2}')


def test_a_client_that_does_not_read_is_let_go(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_ANSWER_SECONDS", 0.3)
    with Connection(address) as deaf:
        deaf.send([b"GET /echo?size=30000000 HTTP/1.1\r\nHost: a\r\n\r\n"])
        time.sleep(1)
        with pytest.raises(NoAnswer):
            deaf.read("GET", seconds=3)
