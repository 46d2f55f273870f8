"""`POST /decide`: from a body to the answer, which is given once the decision is on disk.

Belongs here: waiting for the log, requests with an idempotency key. Does not belong here: several requests in one body
(`batches.py`), the routes (`routes.py`), deciding (`assets.serving.decider`), which request was sent before
(`assets.serving.earlier.repeats`).
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assets.serving.earlier.marks import Mark
from assets.serving.http.access import ARRIVED, CALLER
from assets.serving.http.deciding_threads import DecidingThreads
from assets.serving.requests.parse import RequestError

if TYPE_CHECKING:
    from assets.serving.application import Application
    from assets.serving.shadows import Answer

LOG_SECONDS = 5.0
"""A decision that is not on disk this long after it was computed is void."""
_HEADER = "idempotency-key"
_LONGEST_KEY = 255

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(pool: Executor, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The function's result, computed by a thread of the pool in this context."""
    return await _begun(pool, partial(function, *args, **kwargs))


def _begun(pool: Executor, function: Callable[[], R]) -> "asyncio.Future[R]":
    """What a thread of the pool computes in this context; it takes the loop a third of what `run_in_executor` does."""
    loop, context = asyncio.get_running_loop(), copy_context()
    result: asyncio.Future[R] = loop.create_future()

    def compute() -> None:
        try:
            found = context.run(function)
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            loop.call_soon_threadsafe(_end, result, result.set_exception, error)
        else:
            loop.call_soon_threadsafe(_end, result, result.set_result, found)

    pool.submit(compute)
    return result


def _end(result: "asyncio.Future[Any]", end: Callable[[Any], None], found: object) -> None:
    if not result.done():  # nobody waits any more
        end(found)


async def decide(request: Request, body: bytes, application: "Application") -> Response:
    """One decision; a request that was sent before, with the same idempotency key, gets the one that it got then."""
    started: float = request.scope.get(ARRIVED) or time.perf_counter()
    key = idempotency_key(request)
    mark = None if key is None else Mark.of(request.scope[CALLER].name, key, body)
    earlier = None if mark is None else await application.repeats.earlier(mark)
    if earlier is not None:
        answer = await in_thread(request.app.state.reader, answer_before, application, earlier)
        return JSONResponse(answer, headers={"Idempotency-Replayed": "true"})
    return JSONResponse(await _decided(request, body, application, mark, started))


async def _decided(
    request: Request, body: bytes, application: "Application", mark: Mark | None, started: float
) -> dict[str, Any]:
    answered: Answer | None = None
    try:
        answer = answered = await _logged_decision(request.app.state.deciding, application, body, mark)
    finally:
        if mark is not None:
            await application.repeats.end(mark, None if answered is None else answered.decision)
    application.decider.answered(answer)
    application.metrics.observe(answer.decision, time.perf_counter() - started)
    return answer.decision.answer()


async def _logged_decision(
    threads: DecidingThreads, application: "Application", body: bytes, mark: Mark | None
) -> "Answer":
    """The decision, once it is on disk: the thread that decides writes the log as well.

    Raises:
        TimeoutError, DecisionLogError: See `logged`.
    """
    loop = asyncio.get_running_loop()
    made: list[tuple[Answer, float]] = []
    timer: asyncio.TimerHandle

    def decide() -> None:
        made.append((application.decider.decide(body, mark, writes=True), time.monotonic() + LOG_SECONDS))

    def write() -> None:
        with application.spans.part("log"):
            application.decider.write_log()

    def look() -> None:
        nonlocal timer
        rest = made[0][1] - time.monotonic() if made else LOG_SECONDS
        if rest > 0:
            timer = loop.call_later(rest, look)
        elif not written.done():
            written.set_exception(TimeoutError())

    written = threads.begin(decide, write)
    timer = loop.call_later(LOG_SECONDS, look)
    try:
        await written
    except TimeoutError:
        if made:
            application.decider.withdraw(made[0][0])
        raise
    finally:
        timer.cancel()
    ((answer, deadline),) = made
    if not answer.logged.done():  # another thread was writing, and the log's thread writes it afterwards
        await logged(answer, application, deadline)
    answer.logged.result()
    return answer


async def logged(answer: "Answer", application: "Application", deadline: float) -> None:
    """Returns once the decision is on disk.

    Args:
        deadline: Monotonic time at which the decision becomes void.

    Raises:
        TimeoutError: It was not on disk in time.
        DecisionLogError: It could not be written.
    """
    try:
        await asyncio.wait_for(asyncio.wrap_future(answer.logged), max(deadline - time.monotonic(), 0.0))
    except TimeoutError:
        application.decider.withdraw(answer)
        raise


def answer_before(application: "Application", decision_id: str) -> dict[str, Any]:
    """The answer that a repeated request got before.

    Raises:
        NoDecision: The decision is not in the log any more.
    """
    decision = application.repeats.recent(decision_id) or application.explainer.record(decision_id)
    return decision.answer()


def idempotency_key(request: Request) -> str | None:
    """The header `Idempotency-Key` of a request.

    Raises:
        RequestError: It is empty, too long, or has other characters than visible ASCII.
    """
    key = request.headers.get(_HEADER)
    if key is None or (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        return key
    raise RequestError(f"the header Idempotency-Key must have 1 to {_LONGEST_KEY} visible characters of ASCII")
