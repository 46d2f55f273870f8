"""How a connection ends, so that its client loses no answer and sees no reset.

Belongs here: what a connection still owes, the refusal after its last answer, the end in order. Does not belong here:
when a connection ends (`connection.py`), the bounds of one message (`messages.py`).
"""

import asyncio
from typing import Any, Literal

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from assets.serving.http.messages import BoundedMessages

Awaited = Literal["request", "next request"]
_LINGER_SECONDS = 2.0


class EndingConnection(BoundedMessages):
    """A connection that knows which answers it owes, and ends after them."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._deadline: asyncio.TimerHandle | None = None
        self._awaits: Awaited | None = None
        # Of requests that are read:
        self._unfinished: tuple[RequestResponseCycle, ASGI3Application] | None = None
        self._running: RequestResponseCycle | None = None
        # Once it has stopped reading, what comes in is dropped; the refusal follows the answers that are still due.
        self._has_stopped_reading = False
        self._refusal = b""

    @property
    def _is_busy(self) -> bool:
        """Whether a whole request is still to be answered."""
        return any(not cycle.more_body for cycle, _ in self.pipeline) or (
            self._running is not None and not self._running.response_complete
        )

    def _end_deadline(self) -> None:
        """The client has sent what it owed; what it owes next has time of its own."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline, self._awaits = None, None

    def _write_refusal(self) -> None:
        """Writes the refusal and drops what still comes for a while: a client loses answers on an abrupt end."""
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self.transport.write(self._refusal)
        self._refusal = b""
        self._end_in_order()

    def _end_in_order(self) -> None:
        """Ends its own side, and drops what the client still sends until it ends the other, or for a while."""
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._deadline = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)
        else:  # TLS ends both sides together, after the client's own goodbye
            self.transport.close()

    def _end_after_answers(self) -> None:
        """Reads nothing more; the connection ends after the last whole request's answer."""
        self._stop_reading()
        last = self.pipeline[0][0] if self.pipeline else self._running
        if last is not None:
            last.keep_alive = False

    def _stop_reading(self) -> None:
        """Nothing more is read, and a request that is not whole is forgotten."""
        self._has_stopped_reading, self._unfinished = True, None
        self._end_deadline()
        if self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()
