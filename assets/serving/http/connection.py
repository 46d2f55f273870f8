"""One client's connection: a request reaches the service when it is whole, and nobody may take too long over one.

Belongs here: the limits of a connection (seconds, connections at a time) and when it refuses. Does not belong here: how
it ends (`endings.py`), the bounds of one message (`messages.py`), the words of a refusal (`refusals.py`), routes.

Uvicorn's protocol hands a request on as soon as its head is there, waits for the rest without end, and bounds neither
heads nor connections. Here a request's bytes are gathered first, so a client that sends half a body costs a socket and
no place among the requests in flight.
"""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any, cast

import httptools
from starlette.types import ASGIApp
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from assets.serving.http.access import ARRIVED, UNBOUNDED, is_own
from assets.serving.http.endings import Awaited, EndingConnection
from assets.serving.http.messages import head_without_offer
from assets.serving.http.refusals import (
    KEEP_SECONDS,
    MOST_CONNECTIONS,
    NOT_HTTP,
    OVERLOADED,
    REQUEST_SECONDS,
    TOO_MANY,
    Why,
    answer_of,
)
from assets.serving.http.under_way import UnderWay
from assets.serving.http.writing import HeadWithBody

_ANSWER_SECONDS = 10.0
_LAST_SECONDS = 0.2


class BoundedProtocol(EndingConnection):
    """A connection whose requests are bounded in time and size; refusals are JSON, as those of the routes.

    Args:
        refused: Called with the reason of each refusal.
        draining: Whether the service is about to end: each answer then ends its connection.
        under_way: The requests of all connections, which share it.
        own: Answers the paths of our own routes, in the place of the server's application.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        refused: Callable[[Why], None] = lambda _why: None,
        draining: Callable[[], bool] = lambda: False,
        under_way: UnderWay | None = None,
        own: ASGIApp | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._count_refusal = refused
        self._is_draining = draining
        self._under_way = under_way or UnderWay()
        self._own = cast(ASGI3Application | None, own)
        self._answer: HeadWithBody | None = None
        self.timeout_keep_alive = KEEP_SECONDS  # type: ignore[assignment]  # uvicorn takes any number of seconds
        self._unread: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._answered = False

    # ------------------------------------------------------------------ the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Makes room for itself when there are too many: the one that has used the largest part of its time ends.

        A connection of which a whole request is still to be answered stays.
        """
        super().connection_made(transport)
        self._since = time.monotonic()
        self._watch()
        if len(self.connections) > MOST_CONNECTIONS:
            others = [one for one in self.connections if isinstance(one, BoundedProtocol) and not one._is_busy]
            max(others, key=lambda one: one._part_of_its_time).turn_away()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the timers."""
        super().connection_lost(exc)
        self._note_answered()
        for timer in (self._deadline, self._unread):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Reads on; a message that is ill formed or beyond a limit is refused, and nothing after it is read."""
        if self._has_stopped_reading:
            return
        self._unset_keepalive_if_required()
        self._bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(*(self._fault or NOT_HTTP))
        else:
            if (refusal := self._beyond_its_bytes) is not None:
                self._refuse(*refusal)
        self._watch()

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that has sent everything may still wait for answers: the connection ends after them."""
        if self._is_busy:
            self._end_after_answers()
        return self._is_busy

    def shutdown(self) -> None:
        """The server ends: requests that are whole are answered, and one that is being sent may become whole.

        A client may be sending a request at this very moment. So a connection without one is read for a moment more,
        then ended in order: the client sees an end, and not that its request was cut off.
        """
        self._is_draining = lambda: True
        if self._is_busy:
            self._end_after_answers()
        elif not self._reading:
            self.loop.call_later(_LAST_SECONDS, self._end_unless_used)

    def _end_unless_used(self) -> None:
        if not self._is_busy and not self._reading and not self._has_stopped_reading:
            self._stop_reading()
            self._end_in_order()

    def pause_writing(self) -> None:
        """A client that does not read its answers is let go in time."""
        super().pause_writing()
        self._unread = self.loop.call_later(_ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    # ------------------------------------------------------------------ one message

    def on_message_begin(self) -> None:
        """The first byte of a message."""
        if self._is_idle:
            self._since = time.monotonic()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The request is whole and goes to the service."""
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._reading = False
        self._end_deadline()
        if self._unfinished is not None:
            (cycle, app), self._unfinished = self._unfinished, None
            self._start_asgi_task(cycle, app)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Called when the head is read and the requests before it are answered; the service waits for the body too."""
        if not cycle.more_body:
            self._running = cycle
            cast(dict[str, object], cycle.scope)[ARRIVED] = time.perf_counter()
            if cycle.scope["path"] in UNBOUNDED or cycle.scope["method"] == "HEAD":
                self._begin(cycle, app)
            elif not self._under_way.admit(cycle, partial(self._begin, cycle, app)):
                self._refuse_whole(cycle)
            return
        self._unfinished = (cycle, app)
        if cycle.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            cycle.waiting_for_100_continue = False

    def _begin(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self._is_draining():
            cycle.keep_alive = False
        self._answer = HeadWithBody(self.transport)
        cycle.transport = self._answer  # type: ignore[assignment]  # a cycle writes, closes and asks no more of it
        own = self._own if is_own(cycle.scope["path"]) else None
        super()._start_asgi_task(cycle, own or app)

    def _refuse_whole(self, cycle: RequestResponseCycle) -> None:
        """Refuses a request here, not behind the server's layers: they take longer than a refusal, and would add up."""
        self._count_refusal(OVERLOADED[0])
        cycle.response_started = cycle.response_complete = True
        self.transport.write(answer_of(*OVERLOADED[1:], closes=not cycle.keep_alive, retry_after=1))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """The next request's turn, or the refusal's.

        The request that was answered calls this. Timers and requests that begin here must not keep its context: what
        it held would live for as long as they do.
        """
        if self._answer is not None:
            self._answer.flush()
        Context().run(self._after_response)

    def _after_response(self) -> None:
        self._note_answered()
        self._since, self._answered = time.monotonic(), True
        super().on_response_complete()
        self._watch()
        if self._refusal and not self._is_busy:
            self._write_refusal()

    def _note_answered(self) -> None:
        if self._running is not None:
            self._under_way.end(self._running)

    # ------------------------------------------------------------------ limits

    @property
    def _is_idle(self) -> bool:
        """Whether it is kept for a next request, as clients keep connections in a pool."""
        return self._answered and not self._reading

    @property
    def _part_of_its_time(self) -> float:
        """How much of its time a connection without a whole request has used, from 0 to 1."""
        return (time.monotonic() - self._since) / (KEEP_SECONDS if self._is_idle else REQUEST_SECONDS)

    def turn_away(self) -> None:
        """Ends the connection in favour of another one; a client within a request is told."""
        if self._reading and not self.transport.is_closing():
            self._refuse(*TOO_MANY)
            self.transport.close()
        else:
            if not self._is_idle:
                self._count_refusal("connections")
            self.transport.abort()

    def _watch(self) -> None:
        """The time runs while the client owes a request, or the rest of one, whatever bytes come meanwhile."""
        if self._has_stopped_reading or self.transport.is_closing():
            return
        awaits: Awaited | None = None
        if self._reading or not self._is_busy:
            awaits = "next request" if self._is_idle else "request"
        if awaits == self._awaits:
            return
        self._end_deadline()
        if awaits is not None:
            seconds = KEEP_SECONDS if awaits == "next request" else REQUEST_SECONDS
            self._deadline = self.loop.call_later(seconds, self._give_up)
        self._awaits = awaits

    def _give_up(self) -> None:
        self._deadline = None
        if self._reading:
            self._refuse("slow", 408, f"the request was not whole within {REQUEST_SECONDS:g} s; send it anew, faster")
        elif not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, why: Why, status: int, sentence: str) -> None:
        """Refuses the message that is being read, after the answers to those before it."""
        self._count_refusal(why)
        self._refusal = answer_of(status, sentence)
        self._stop_reading()
        if not self._is_busy:
            self._write_refusal()

    def _decline_upgrade(self, rest: bytes) -> None:
        """No other protocol is spoken: a request that offers one, as some clients do by default, is read as any other.

        The parser skips the body of such a request, so a fresh parser reads the request without the offer.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(*NOT_HTTP)
            return
        version = self.parser.get_http_version().encode()
        head = head_without_offer(b"%s %s HTTP/%s" % (method, self.url, version), self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)
