"""Every refusal of the server as JSON with a sentence, as the routes' own are.

Belongs here: the answers of BentoML and Starlette that are plain text: no such path, no such method, not ready. Does
not belong here: the refusals of the routes (`routes.py`) and of the connection (`connection.py`).
"""

import json
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assets.serving.http.access import route_of

_SENTENCES = {
    404: "nothing is served at this path; GET /docs shows what is",
    405: "the path does not take this method; the header Allow names what it takes",
    503: "the service is not ready: no champion is loaded yet, it is about to end, or its decision log has no space",
}
_KEPT = (b"allow", b"retry-after")


class PlainErrors:
    """ASGI middleware: an answer of status 400 and above that is no JSON is replaced by one that is.

    A path that no declared route has is answered here: BentoML's own pages would be a second, other truth.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if route_of(scope["path"]) is None:
            for part in _json({"type": "http.response.start", "status": 404, "headers": []}):
                await send(part)
            return
        is_replaced = False

        async def as_json(message: Message) -> None:
            nonlocal is_replaced
            if message["type"] == "http.response.start" and message["status"] >= 400:
                is_replaced = not _is_json(message)
            if not is_replaced:
                await send(message)
            elif message["type"] == "http.response.start":
                for part in _json(message):
                    await send(part)

        await self._app(scope, receive, as_json)


def _is_json(start: Message) -> bool:
    return any(name == b"content-type" and b"json" in value for name, value in start["headers"])


def _json(start: Message) -> tuple[Message, Message]:
    status = start["status"]
    sentence = _SENTENCES.get(status, f"the service answers {status}, {HTTPStatus(status).phrase.lower()}")
    body = json.dumps({"error": sentence}).encode()
    kept = [(name, value) for name, value in start["headers"] if name in _KEPT]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *kept]
    return {**start, "headers": headers}, {"type": "http.response.body", "body": body}
