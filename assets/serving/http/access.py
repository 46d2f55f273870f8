"""What each route needs of a caller, and the gate before all routes.

Belongs here: the table of routes, the answers 401, 403 and 429, and the line of each request in the access log. Does
not belong here: the judgement on a key (`assets.serving.access`), the routes (`routes.py`).

A route that the table lacks is not served: neither `routes.py` nor BentoML can add one that nobody declared.
"""

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assets.serving.access.access import Caller, Needed, Refused
from assets.serving.http.answers import refusal

if TYPE_CHECKING:
    from assets.serving.application import Application

ROUTES: Mapping[str, Needed] = {
    "/decide": "decide",
    "/decide/many": "decide",
    "/decisions/{decision_id}": "explain",
    "/events": "feedback",
    "/outcomes": "feedback",
    "/reviews": "explain",
    "/reviews/{decision_id}": "explain",
    "/products": "any",
    "/openapi.json": "any",
    "/metrics": "operate",
    # A page without data of its own: it asks for a key before it reads /openapi.json.
    "/docs": "open",
    # The same of the page for reviewers, which reads /reviews.
    "/review": "open",
    # Probes of a container say whether it works, and nothing else; the server answers them.
    "/livez": "open",
    "/readyz": "open",
}
"""For each path what a request needs; `{…}` stands for one part of a path."""

_WRITING: Mapping[tuple[str, str], Needed] = {("POST", "/reviews"): "feedback"}
"""What a request needs that writes where others read."""

UNBOUNDED = ("/livez", "/readyz", "/metrics")
"""What is answered however many requests are under way: who watches the service must see that it is busy."""

CALLER = "loopline.caller"
"""The key of a request's scope under which its `Caller` is."""

ARRIVED = "loopline.arrived"
"""The key of a request's scope under which is when its last byte arrived, on the clock that measures short times."""

ROUTE = "loopline.route"
"""The key of a request's scope under which its route is, as the table names it."""

_PATTERNS = {route.split("{")[0]: route for route in ROUTES if "{" in route}
_PROBES = ("/livez", "/readyz")
_UNCOUNTED = ("open", "any", "operate")


def needed_by(method: str, route: str) -> Needed:
    """What a request with a method needs on a route of the table."""
    return _WRITING.get((method, route), ROUTES[route])


def route_of(path: str) -> str | None:
    """The route of a path, as the table names it; `None` for one that is not served."""
    if path in ROUTES:
        return path
    start, _, rest = path.rpartition("/")
    return _PATTERNS.get(f"{start}/") if rest else None


def is_own(path: str) -> bool:
    """Whether the path is of a route that `routes.py` answers."""
    return path not in _PROBES and route_of(path) is not None


class Gate:
    """ASGI middleware: a request that its key does not open goes no further; the others carry their caller."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        route = route_of(scope["path"]) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope[ROUTE] = route
        application: Application = scope["app"].state.application
        if application.access_log is None:
            await self._enter(application, route, scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._enter(application, route, scope, receive, noting)
        finally:
            caller: Caller | None = scope.get(CALLER)
            application.access_log.write(
                scope["method"], route, status, time.perf_counter() - started, caller.name if caller else ""
            )

    async def _enter(self, application: "Application", route: str, scope: Scope, receive: Receive, send: Send) -> None:
        needed = needed_by(scope["method"], route)
        caller = application.access.judge(needed, scope["headers"])
        if isinstance(caller, Refused):
            application.metrics.refused.labels(caller.why).inc()
            headers = {"WWW-Authenticate": "Bearer"} if caller.status == 401 else None
            await refusal(caller.status, caller.sentence, headers=headers)(scope, receive, send)
            return
        scope[CALLER] = caller
        wait = 0.0 if needed in _UNCOUNTED else await application.access.wait_of(caller)
        if wait:
            application.metrics.refused.labels("rate").inc()
            await too_fast(caller, wait)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def too_fast(caller: Caller, wait: float) -> Response:
    """The answer to a request beyond its caller's rate."""
    sentence = f"more requests than {caller.rate}; send it again in {wait:.3g} s"
    return refusal(429, sentence, headers={"Retry-After": str(math.ceil(wait))})
