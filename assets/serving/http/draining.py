"""The end of the service: from the signal that asks for it to the last answer.

Belongs here: what happens between SIGTERM and the server's own end. Does not belong here: a connection's end
(`connection.py`), closing the parts (`assets.serving.application`).

At once the service is no longer ready, and every answer ends its connection. For the seconds that
LOOPLINE_DRAIN_SECONDS names it goes on answering: load balancers need that time to see it and to send requests
elsewhere. Then the server takes no more connections, answers what it has, and ends. A second signal ends the wait.
"""

import asyncio
import logging
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assets.serving.application import Application

_LOG = logging.getLogger("loopline.service")


def drain_on_signal(application: "Application") -> None:
    """From now on SIGTERM drains the service before the server ends. Call it within the server's event loop."""
    if threading.current_thread() is not threading.main_thread():
        return  # a server in another thread, as in tests, gets no signals
    ends_server = signal.getsignal(signal.SIGTERM)
    if not callable(ends_server):
        return
    loop, seconds = asyncio.get_running_loop(), application.settings.drain_seconds

    def drain(number: int, frame: FrameType | None) -> None:
        if application.draining or seconds == 0:
            application.draining = True
            ends_server(number, frame)
            return
        application.draining = True
        _LOG.warning("asked to end; answering for %g s more, not ready meanwhile", seconds)
        loop.call_soon_threadsafe(lambda: loop.call_later(seconds, ends_server, number, None))

    signal.signal(signal.SIGTERM, drain)
