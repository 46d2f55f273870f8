"""What a connection refuses before a request reaches a route, and how it says so.

Belongs here: the reasons, their status and sentence, the bounds that they name, and a refusal's bytes. Does not belong
here: when a connection refuses (`connection.py`), the refusals of routes (`routes.py`).
"""

import json
from typing import Literal

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from assets.serving.requests.parse import LARGEST_BODY

REQUEST_SECONDS = 8.0
"""A request is whole this long after its connection was opened, or after its first byte; else the connection ends."""
KEEP_SECONDS = 65.0
"""A connection is kept this long after an answer: longer than load balancers and pools of clients keep one (60 s); they
would otherwise send a request while the connection is being closed."""
MOST_CONNECTIONS = 512
MOST_FIELDS = 100
LARGEST_HEAD = 32 * 1024

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


def answer_of(status: int, sentence: str, *, closes: bool = True, retry_after: int | None = None) -> bytes:
    """The whole answer that refuses a request.

    Args:
        closes: Whether the connection ends after it.
        retry_after: Seconds after which the same request may succeed.
    """
    body = json.dumps({"error": sentence}).encode()
    head = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
    head += b"" if retry_after is None else b"retry-after: %d\r\n" % retry_after
    head += b"connection: close\r\n" if closes else b""
    return STATUS_LINE[status] + head + b"\r\n" + body
