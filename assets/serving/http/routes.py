"""The decision service's HTTP interface, as an ASGI application.

Belongs here: routes, limits on body size and on concurrent requests, status codes. Does not belong here: deciding
(`assets.serving.application`), the server (`assets.serving.service`).

    POST /decide    {"product": …, "request": {…}, "explain": false}   → the decision
    POST /events    {"product": …, "source": …, "event": {…}}          → whether it was new
    POST /outcomes  {"product": …, "outcome_id": …, "row_id": …, …}    → since when it is known, and its revision
    POST /reviews   {"decision_id": …, "outcome": …, "by": …, …}       → the same
    GET  /products                                                     → what is live
    GET  /metrics                                                      → Prometheus's text format
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from assets.serving.decision import NoDecision
from assets.serving.log_writer import DecisionLogError
from assets.serving.requests.parse import LARGEST_BODY, NoChampion, NotRolledOut, RequestError, StaleEvents
from resources.errors import LooplineError
from resources.online_store.protocol import StoreError

if TYPE_CHECKING:
    from assets.serving.application import Application
    from assets.serving.http.refusals import Why

_LOG = logging.getLogger("loopline.service")
_THREADS = 4
_POST_THREADS = 2
_MOST_IN_FLIGHT = 64
_LOG_SECONDS = 5.0


class _BodyTooLarge(LooplineError):
    """A body is larger than the limit."""


def http_app(open_application: "Callable[[], Application]") -> Starlette:
    """The ASGI application; it opens the decision service when the server starts and closes it when the server stops.

    Args:
        open_application: Opens the decision service; `app.state.application` holds it while the server runs.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        application = await asyncio.to_thread(open_application)
        app.state.application = application
        app.state.pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="decide")
        app.state.posts = ThreadPoolExecutor(max_workers=_POST_THREADS, thread_name_prefix="post")
        try:
            yield
        finally:
            await asyncio.to_thread(app.state.pool.shutdown)
            await asyncio.to_thread(app.state.posts.shutdown)
            await asyncio.to_thread(application.close)
            app.state.application = None

    return Starlette(
        routes=[
            Route("/decide", _bounded(_decide), methods=["POST"]),
            Route("/events", _bounded(_events), methods=["POST"]),
            Route("/outcomes", _bounded(_outcomes), methods=["POST"]),
            Route("/reviews", _bounded(_reviews), methods=["POST"]),
            Route("/products", _products, methods=["GET"]),
            Route("/metrics", _metrics, methods=["GET"]),
        ],
        lifespan=lifespan,
        exception_handlers={Exception: _unforeseen},
    )


def is_ready(app: Starlette) -> bool:
    """Whether the decision service is open and at least one champion is loaded."""
    application = getattr(app.state, "application", None)
    return application is not None and application.ready


def count_refusal(app: Starlette, why: "Why") -> None:
    """Counts a request that its connection refused, before any route saw it."""
    application: Application | None = getattr(app.state, "application", None)
    if application is not None:
        application.metrics.refused.labels(why).inc()


_Handler = Callable[[Request, bytes, "Application"], Awaitable[Response]]


def _bounded(handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
    """Reads the body, refuses when too many requests are in flight, and turns errors into status codes.

    A request takes its place among those in flight when it is whole: a client that is slow to send takes none.
    """

    async def handle(request: Request) -> Response:
        application: Application = request.app.state.application
        metrics = application.metrics
        try:
            body = await _body(request)
        except _BodyTooLarge as error:
            metrics.refused.labels("body_too_large").inc()
            return _error(413, str(error))
        except ClientDisconnect:
            return Response(status_code=499)
        if _in_flight(request.app) >= _MOST_IN_FLIGHT:
            metrics.refused.labels("overload").inc()
            return _error(503, "the service is overloaded; try again", headers={"Retry-After": "1"})
        request.app.state.in_flight = _in_flight(request.app) + 1
        metrics.in_flight.inc()
        try:
            return await handler(request, body, application)
        except RequestError as error:
            metrics.refused.labels("invalid").inc()
            return _error(400, "the request is invalid", problems=list(error.problems))
        except NotRolledOut as error:
            metrics.refused.labels("unknown_product").inc()
            return _error(404, str(error))
        except NoChampion as error:
            metrics.refused.labels("no_champion").inc()
            return _error(503, str(error))
        except StaleEvents as error:
            metrics.refused.labels("stale").inc()
            _LOG.error("a decision was refused: %s", error)
            return _error(503, str(error))
        except (DecisionLogError, TimeoutError) as error:
            metrics.refused.labels("unlogged").inc()
            _LOG.error("a decision was not answered because it could not be logged: %s", error)
            return _error(503, "the decision could not be logged in time and is void; try again")
        except StoreError as error:
            metrics.events.labels("refused").inc()
            _LOG.error("an event was not stored: %s", error)
            return _error(503, "the online store cannot take events now; the service's log says why; try again later")
        finally:
            request.app.state.in_flight -= 1
            metrics.in_flight.dec()

    return handle


async def _decide(request: Request, body: bytes, application: "Application") -> Response:
    started = time.perf_counter()
    loop = asyncio.get_running_loop()
    answer = await loop.run_in_executor(request.app.state.pool, application.decide, body)
    try:
        await asyncio.wait_for(asyncio.wrap_future(answer.logged), _LOG_SECONDS)
    except TimeoutError:
        application.withdraw(answer)
        raise
    application.answered(answer)
    application.metrics.seconds.labels(answer.decision.product).observe(time.perf_counter() - started)
    return JSONResponse(answer.decision.answer())


async def _events(request: Request, body: bytes, application: "Application") -> Response:
    loop = asyncio.get_running_loop()
    return JSONResponse(await loop.run_in_executor(request.app.state.pool, application.add_event, body))


async def _outcomes(request: Request, body: bytes, application: "Application") -> Response:
    return await _posted(request, "outcomes", application, partial(application.postings.outcome, body))


async def _reviews(request: Request, body: bytes, application: "Application") -> Response:
    return await _posted(request, "reviews", application, partial(application.postings.review, body))


async def _posted(
    request: Request,
    route: Literal["outcomes", "reviews"],
    application: "Application",
    take: Callable[[], dict[str, Any]],
) -> Response:
    """The answer to a post. It waits for the disk on threads of its own: decisions wait for none of them."""
    from assets.serving.posted_log import Conflict
    from assets.serving.postings import NotDeclared
    from resources.locks import LockError

    loop = asyncio.get_running_loop()
    try:
        return JSONResponse(await loop.run_in_executor(request.app.state.posts, take))
    except (NotDeclared, NoDecision) as error:
        refusal = _error(404, str(error))
    except Conflict as error:
        refusal = _error(409, str(error))
    except (DecisionLogError, TimeoutError, LockError) as error:
        _LOG.error("a posted row was not kept in time: %s", error)
        refusal = _error(503, "the row could not be kept in time; post it again: the same content counts once")
    application.metrics.posted.labels(route, "refused").inc()
    return refusal


async def _products(request: Request) -> Response:
    loop = asyncio.get_running_loop()
    products = await loop.run_in_executor(request.app.state.pool, request.app.state.application.describe)
    return JSONResponse({"products": products})


async def _metrics(request: Request) -> Response:
    loop = asyncio.get_running_loop()
    text = await loop.run_in_executor(request.app.state.pool, request.app.state.application.metrics.text)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def _unforeseen(request: Request, error: Exception) -> Response:
    """Answers an unforeseen error without its details; Starlette logs them."""
    # Starlette raises the error again, upon which the server ends the connection: the client must know.
    return _error(500, "the service failed; its log has the details", headers={"Connection": "close"})


async def _body(request: Request) -> bytes:
    """The body; reading stops at the limit."""
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > LARGEST_BODY:
            raise _BodyTooLarge(f"the body is larger than {LARGEST_BODY} bytes; send a smaller one")
    return bytes(chunks)


def _in_flight(app: Starlette) -> int:
    count: int = getattr(app.state, "in_flight", 0)
    return count


def _error(
    status: int, message: str, *, problems: list[str] | None = None, headers: dict[str, str] | None = None
) -> Response:
    content: dict[str, object] = {"error": message}
    if problems is not None:
        content["problems"] = problems
    return JSONResponse(content, status_code=status, headers=headers)
