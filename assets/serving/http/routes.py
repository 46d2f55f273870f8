"""The decision service's HTTP interface, as an ASGI application.

Belongs here: the routes, their handlers, limits on body size and on concurrent requests. Does not belong here: what a
route needs of its caller (`access.py`), decisions (`deciding.py`, `batches.py`), posted rows (`posting.py`), status
codes of errors (`answers.py`), deciding (`assets.serving.decider`), the server (`assets.serving.service`).

    POST /decide           {"product": …, "request": {…}, "explain": false}      → the decision
    POST /decide/many      {"product": …, "requests": [{…}, …], "explain": …}    → for each its decision or its error
    GET  /decisions/ID                                                           → the record, and the reasons
    POST /events           {"product": …, "source": …, "event": {…}}             → whether it was new
    POST /outcomes         {"product": …, "outcome_id": …, "row_id": …, …}       → since when it is known, its revision
    POST /reviews          {"decision_id": …, "outcome": …, "by": …, …}          → the same
    GET  /reviews                                                                → the cases that wait for a word
    GET  /reviews/ID                                                             → one case, for a person
    GET  /products                                                               → what is live
    GET  /metrics                                                                → Prometheus's text format
    GET  /openapi.json, /docs                                                    → the interface itself
    GET  /review                                                                 → a page for those who give a word
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from assets.serving.http.access import ROUTE, ROUTES, Gate
from assets.serving.http.answers import REFUSED, refusal, refusal_of
from assets.serving.http.batches import decide_many
from assets.serving.http.deciding import decide, in_thread
from assets.serving.http.deciding_threads import DecidingThreads
from assets.serving.http.draining import drain_on_signal
from assets.serving.http.page import PAGE_HEADERS, page
from assets.serving.http.posting import post_outcome, post_review
from assets.serving.http.refusals import OVERLOADED
from assets.serving.http.under_way import BUDGET_SECONDS
from assets.serving.requests.parse import LARGEST_BODY
from resources.errors import LooplineError

if TYPE_CHECKING:
    from assets.serving.application import Application
    from assets.serving.http.refusals import Why

_OTHER_THREADS = 4
_POST_THREADS = 2
_MOST_EXPLAINED = 8
# The connections let fewer begin; this holds under any other server too.
_MOST_IN_FLIGHT = 64
_MOST_SECONDS = 10.0

Handler = Callable[[Request, bytes, "Application"], Awaitable[Response]]
_Endpoint = Callable[[Request], Awaitable[Response]]


class _BodyTooLarge(LooplineError):
    """A body is larger than the limit."""


class _Busy(LooplineError):
    """So many others are read already."""


def http_app(open_application: "Callable[[], Application]") -> Starlette:
    """The ASGI application; it opens the decision service when the server starts and closes it when the server stops.

    Args:
        open_application: Opens the decision service; `app.state.application` holds it while the server runs.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        application = await asyncio.to_thread(open_application)
        app.state.application = application
        app.state.deciding = DecidingThreads()
        app.state.pool = ThreadPoolExecutor(max_workers=_OTHER_THREADS, thread_name_prefix="other")
        app.state.posts = ThreadPoolExecutor(max_workers=_POST_THREADS, thread_name_prefix="post")
        app.state.reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read")
        drain_on_signal(application)
        try:
            yield
        finally:
            for pool in (app.state.deciding, app.state.pool, app.state.posts, app.state.reader):
                await asyncio.to_thread(pool.shutdown)
            await application.repeats.close()
            await asyncio.to_thread(application.close)
            app.state.application = None

    paths: Mapping[str, Mapping[str, _Endpoint]] = {
        "/decide": {"POST": _bounded(decide)},
        "/decide/many": {"POST": _bounded(decide_many)},
        "/decisions/{decision_id}": {"GET": _bounded(_explain)},
        "/events": {"POST": _bounded(_events)},
        "/outcomes": {"POST": _bounded(post_outcome)},
        "/reviews": {"POST": _bounded(post_review), "GET": _bounded(_waiting)},
        "/reviews/{decision_id}": {"GET": _bounded(_case)},
        "/products": {"GET": _products},
        "/metrics": {"GET": _metrics},
        "/openapi.json": {"GET": _openapi},
        "/docs": {"GET": _docs},
        "/review": {"GET": _review},
    }
    undeclared = paths.keys() - ROUTES.keys()
    if undeclared:
        raise LooplineError(f"routes {', '.join(sorted(undeclared))} are not in the table of `access.py`; declare them")
    return Starlette(
        routes=[Route(path, _in_time(_by_method(methods)), methods=[*methods]) for path, methods in paths.items()],
        middleware=[Middleware(Gate)],
        lifespan=lifespan,
        exception_handlers={Exception: _unforeseen},
    )


def is_ready(app: Starlette) -> bool:
    """Whether the decision service is open and at least one champion is loaded."""
    application = getattr(app.state, "application", None)
    return application is not None and application.ready


def is_draining(app: Starlette) -> bool:
    """Whether the decision service was asked to end: kept connections end after their next answer."""
    application = getattr(app.state, "application", None)
    return application is not None and application.draining


def latency_budget(app: Starlette) -> float:
    """The smallest latency budget of the live products, in seconds: a connection does not know whose request it has."""
    application = getattr(app.state, "application", None)
    budgets = () if application is None else (live.policy.latency_ms / 1000 for live in application.live.values())
    return min(budgets, default=BUDGET_SECONDS)


def count_refusal(app: Starlette, why: "Why") -> None:
    """Counts a request that its connection refused, before any route saw it."""
    application: Application | None = getattr(app.state, "application", None)
    if application is not None:
        application.metrics.refused.labels(why).inc()


def _by_method(methods: Mapping[str, _Endpoint]) -> _Endpoint:
    """One endpoint for all methods of a path, so that the header `Allow` of a refused method names each of them."""

    async def handle(request: Request) -> Response:
        return await methods["GET" if request.method == "HEAD" else request.method](request)

    return handle


def _in_time(handler: _Endpoint) -> _Endpoint:
    """Gives a handler up that takes too long: nothing that fails in its threads may keep a client for ever."""

    async def handle(request: Request) -> Response:
        try:
            async with asyncio.timeout(_MOST_SECONDS) as limit:
                return await handler(request)
        except TimeoutError:
            if not limit.expired():
                raise
            request.app.state.application.metrics.count_refused("timeout")
            return refusal(504, f"the request was not answered within {_MOST_SECONDS:g} s; try again later")

    return handle


def _bounded(handler: Handler) -> _Endpoint:
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
            return refusal(413, str(error))
        except ClientDisconnect:
            return Response(status_code=499)
        if _in_flight(request.app) >= _MOST_IN_FLIGHT:
            metrics.refused.labels("overload").inc()
            return refusal(OVERLOADED[1], OVERLOADED[2], headers={"Retry-After": "1"})
        request.app.state.in_flight = _in_flight(request.app) + 1
        metrics.in_flight.inc()
        try:
            with application.spans.request(request.method, request.scope[ROUTE], request.scope["headers"]) as span:
                answer = await _answered(handler, request, body, application)
                span.note("http.response.status_code", answer.status_code)
                return answer
        finally:
            request.app.state.in_flight -= 1
            metrics.in_flight.dec()

    return handle


async def _answered(handler: Handler, request: Request, body: bytes, application: "Application") -> Response:
    try:
        return await handler(request, body, application)
    except _Busy as error:
        application.metrics.count_refused(OVERLOADED[0])
        return refusal(503, str(error), headers={"Retry-After": "1"})
    except REFUSED as error:
        refused = refusal_of(error)
        application.metrics.count_refused(refused.why)
        return refused.answer()


async def _explain(request: Request, _body: bytes, application: "Application") -> Response:
    return JSONResponse(
        await _read(request, partial(application.explainer.explain, request.path_params["decision_id"]))
    )


async def _waiting(request: Request, _body: bytes, application: "Application") -> Response:
    return JSONResponse({"products": await _read(request, application.reviews.waiting)})


async def _case(request: Request, _body: bytes, application: "Application") -> Response:
    return JSONResponse(await _read(request, partial(application.reviews.case, request.path_params["decision_id"])))


async def _read(request: Request, read: Callable[[], Any]) -> Any:
    """What is read of logs and stores: it takes neither the threads that decide nor, while it is slow, their places.

    Raises:
        _Busy: So many others wait for the same.
    """
    state = request.app.state
    waiting: int = getattr(state, "explaining", 0)
    if waiting >= _MOST_EXPLAINED:
        raise _Busy("the service explains other decisions; try again")
    state.explaining = waiting + 1
    try:
        return await in_thread(state.reader, read)
    finally:
        state.explaining -= 1


async def _events(request: Request, body: bytes, application: "Application") -> Response:
    return JSONResponse(await in_thread(request.app.state.pool, application.events.add, body))


async def _products(request: Request) -> Response:
    products = await in_thread(request.app.state.pool, request.app.state.application.products.describe)
    return JSONResponse({"products": products})


async def _metrics(request: Request) -> Response:
    text = await in_thread(request.app.state.pool, request.app.state.application.metrics.text)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def _openapi(request: Request) -> Response:
    # The server's supervisor imports this module too, and needs no schemas.
    from assets.serving.http.openapi import openapi

    return JSONResponse(await in_thread(request.app.state.pool, openapi, request.app.state.application.live))


async def _docs(_request: Request) -> Response:
    return HTMLResponse(page(), headers=PAGE_HEADERS)


async def _review(_request: Request) -> Response:
    return HTMLResponse(page("review"), headers=PAGE_HEADERS)


async def _unforeseen(request: Request, error: Exception) -> Response:
    """Answers an unforeseen error without its details; Starlette logs them."""
    # Starlette raises the error again, upon which the server ends the connection: the client must know.
    return refusal(500, "the service failed; its log has the details", headers={"Connection": "close"})


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
