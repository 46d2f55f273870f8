"""The threads that decide: one at a time while it is quick, another one when it is stuck.

Belongs here: which thread takes which request, and when its result is given to the event loop. Does not belong here:
deciding, the log (`deciding.py`), which requests begin (`under_way.py`).

Deciding is mostly Python, and only one thread of a process runs that at a time: several that decide at once take turns
every half millisecond, and lose more time by it than they gain (measured: 290 decisions a second with four, 490 with
one). So one thread decides what waits, one request after the other, writes the log once for several, and gives their
answers to the event loop at once. But a model or a store may be slow without Python: when nothing was decided for some
milliseconds, the next thread goes on with what waits.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

THREADS = 4
STUCK_SECONDS = 0.005
"""When nothing was decided for so long, one more thread decides."""
TOGETHER_SECONDS = 0.004
"""After so long the first answers are given, although more requests wait."""

R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class _Item:
    decide: Callable[[], Any]
    write: Callable[[], None]
    context: Context
    result: "asyncio.Future[Any]"


class DecidingThreads:
    """Decides requests of one event loop, in their order."""

    def __init__(self, threads: int = THREADS) -> None:
        self._loop = asyncio.get_running_loop()
        # Guards the fields below.
        self._lock = threading.Lock()
        self._waiting: deque[_Item] = deque()
        self._watching, self._over = False, False
        # Who decides: another thread takes its place when it is stuck.
        self._turn: threading.Thread | None = None
        self._stepped = 0.0
        # Each token wakes one thread, which then looks whether it is its turn.
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"decide-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def begin(self, decide: Callable[[], R], write: Callable[[], None]) -> "asyncio.Future[R]":
        """The result, once the request was decided and written.

        Args:
            decide: Called in this context.
            write: Called in this context after one or several requests were decided, before any result is given.

        Raises:
            RuntimeError: It was shut down.
        """
        result: asyncio.Future[R] = self._loop.create_future()
        with self._lock:
            if self._over:
                raise RuntimeError("no more requests are decided: the threads were shut down")
            self._waiting.append(_Item(decide, write, copy_context(), result))
            is_seen = self._turn is not None and self._watching
        if not is_seen:
            self._tokens.put(None)
        return result

    def shutdown(self) -> None:
        """Returns when everything that waits is decided."""
        with self._lock:
            self._over = True
        self._wake_all()
        for thread in self._threads:
            thread.join()

    def _wake_all(self) -> None:
        for _ in self._threads:
            self._tokens.put(None)

    def _work(self) -> None:
        while (item := self._first()) is not None:
            begun, ended = time.perf_counter(), []
            while item is not None:
                ended.append((item, *_decided(item)))
                item = self._next(begun)
            self._loop.call_soon_threadsafe(_end, [_written(*one) for one in ended])
            with self._lock:
                if self._turn is threading.current_thread():
                    self._turn = None
            if self._over:
                self._wake_all()

    def _first(self) -> _Item | None:
        """The next request, when it is this thread's turn; `None` at the end."""
        while True:
            with self._lock:
                if not self._waiting and self._over:
                    return None
                rest = self._stepped + STUCK_SECONDS - time.perf_counter() if self._turn else 0.0
                if self._waiting and rest <= 0.0:
                    self._turn, self._stepped = threading.current_thread(), time.perf_counter()
                    item = self._waiting.popleft()
                    is_seen = self._watching or not self._waiting
                    break
                # One thread at a time is woken by time while another one decides, all others by requests.
                watches = bool(self._waiting) and not self._watching
                self._watching = self._watching or watches
            self._wait(rest if watches else None)
        if not is_seen:
            self._tokens.put(None)
        return item

    def _wait(self, seconds: float | None) -> None:
        if seconds is None:
            self._tokens.get()
            return
        with contextlib.suppress(queue.Empty):
            self._tokens.get(timeout=seconds)
        with self._lock:
            self._watching = False

    def _next(self, begun: float) -> _Item | None:
        """One more request for the thread that decides; `None` if it must give its results, or lost its turn."""
        now = time.perf_counter()
        with self._lock:
            if self._turn is not threading.current_thread():
                return None
            self._stepped = now
            if not self._waiting or now - begun >= TOGETHER_SECONDS:
                return None
            return self._waiting.popleft()


def _decided(item: _Item) -> tuple[Any, BaseException | None]:
    try:
        return item.context.run(item.decide), None
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
        return None, error


def _written(item: _Item, found: Any, error: BaseException | None) -> tuple[_Item, Any, BaseException | None]:
    """The first of several writes them all."""
    try:
        item.context.run(item.write)
    except BaseException as failure:  # noqa: BLE001 - it is raised where the result is awaited
        return item, None, error or failure
    return item, found, error


def _end(ended: list[tuple[_Item, Any, BaseException | None]]) -> None:
    for item, found, error in ended:
        if item.result.done():  # nobody waits any more
            continue
        if error is None:
            item.result.set_result(found)
        else:
            item.result.set_exception(error)
