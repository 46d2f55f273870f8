"""A body with several requests of one product.

Belongs here: the form of the body, and how many requests it may have. Does not belong here: the checks of one request
(`parse.py`), deciding.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from assets.serving.requests.parse import RequestError, as_object, call_fields, parse_json

LARGEST_BATCH = 100


@dataclass(frozen=True)
class Batch:
    """The requests of one body, not checked yet.

    Attributes:
        explain: Give reasons for accepted requests too.
    """

    product: str
    requests: tuple[Mapping[str, object], ...]
    explain: bool


def parse_batch(body: bytes) -> Batch:
    """The requests in a body `{"product": …, "requests": [{…}, …], "explain": false}`.

    Raises:
        RequestError: The body is not such an object, or has no request or more than 100.
    """
    call = call_fields(parse_json(body), needed={"product": str, "requests": list}, optional={"explain": bool})
    requests = call["requests"]
    if not 1 <= len(requests) <= LARGEST_BATCH:
        raise RequestError(f"'requests' has {len(requests)} requests; send 1 to {LARGEST_BATCH} at a time")
    for number, request in enumerate(requests):
        as_object(request, f"request {number}")
    return Batch(call["product"], tuple(requests), call.get("explain", False))
