"""What a connection refuses before a request reaches a route, and how it says so.

Belongs here: the reasons, their status and sentence, the bounds that they name, and a refusal's bytes. Does not belong
here: when a connection refuses (`connection.py`), the refusals of routes (`routes.py`).
"""

import json
from typing import Literal

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from assets.serving.requests.parse import LARGEST_BODY

MOST_FIELDS = 100
LARGEST_HEAD = 32 * 1024

MOST_UNDER_WAY = 64
"""Requests that are decided, or wait to be, at a time."""

Why = Literal["slow", "body_too_large", "head_too_large", "not_http", "connections", "overload"]
"""Why a connection refused a request: `connections` when there were too many of them."""
Refusal = tuple[Why, int, str]
"""The reason, the HTTP status and the sentence for the client."""
NOT_HTTP: Refusal = ("not_http", 400, "the request is not well-formed HTTP/1.1; send it anew")
BODY_TOO_LARGE: Refusal = ("body_too_large", 413, f"the body is larger than {LARGEST_BODY} bytes; send a smaller one")
HEAD_TOO_LARGE: Refusal = (
    "head_too_large", 431, f"the request's target and header fields take more than {LARGEST_HEAD} bytes; send fewer",
)  # fmt: skip
OVERLOADED: Refusal = ("overload", 503, "the service is overloaded; try again")
TOO_MANY: Refusal = ("connections", 503, "the service has too many connections; send the request anew, later")
TOO_MANY_FIELDS: Refusal = (
    "head_too_large", 431, f"the request has more than {MOST_FIELDS} header fields; send fewer",
)  # fmt: skip


async def overloaded(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An ASGI application that refuses its request, and keeps the connection: a busy server has no time for more."""
    body = json.dumps({"error": OVERLOADED[2]}).encode()
    headers = [
        (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), (b"retry-after", b"1"),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": OVERLOADED[1], "headers": headers})
    await send({"type": "http.response.body", "body": body})


def answer_of(status: int, sentence: str) -> bytes:
    """The whole answer that refuses a request; the connection ends after it."""
    body = json.dumps({"error": sentence}).encode()
    head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
    return STATUS_LINE[status] + head + body
