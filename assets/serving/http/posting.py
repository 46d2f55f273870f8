"""`POST /outcomes` and `POST /reviews`: a posted row is acknowledged once it is on disk.

Belongs here: waiting for the disk, the answers that refuse a row, and their count. Does not belong here: whether a row
is taken (`assets.serving.postings`), the errors of all routes (`answers.py`), the routes (`routes.py`).
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assets.serving.decision import NoDecision
from assets.serving.http.answers import refusal
from assets.serving.http.deciding import in_thread
from assets.serving.log.writer import DecisionLogError, DiskFull
from assets.serving.requests.parse import RequestError

if TYPE_CHECKING:
    from assets.bundle.contract import Route
    from assets.serving.application import Application

_LOG = logging.getLogger("loopline.service")


async def post_outcome(request: Request, body: bytes, application: "Application") -> Response:
    """Since when the outcome of a body is known, and its revision."""
    return await _posted(request, "outcomes", application, partial(application.postings.outcome, body))


async def post_review(request: Request, body: bytes, application: "Application") -> Response:
    """Since when the review of a body is known, and its revision."""
    return await _posted(request, "reviews", application, partial(application.postings.review, body))


async def _posted(
    request: Request, route: "Route", application: "Application", take: Callable[[], dict[str, Any]]
) -> Response:
    """The answer to a post. It waits for the disk on threads of its own: decisions wait for none of them."""
    # The server's supervisor imports this module too, and needs no models.
    from assets.serving.log.posted_log import Conflict
    from assets.serving.postings import NotDeclared
    from resources.locks import LockError

    try:
        return JSONResponse(await in_thread(request.app.state.posts, take))
    except RequestError:
        application.metrics.posted.labels(route, "refused").inc()
        raise
    except (NotDeclared, NoDecision) as error:
        refused = refusal(404, str(error))
    except Conflict as error:
        refused = refusal(409, str(error))
    except DiskFull as error:
        _LOG.error("a posted row was not kept because its disk is full: %s", error)
        sentence = "the disk of posted rows is full, and no row can be kept until it has space; post it again later"
        refused = refusal(507, sentence, headers={"Retry-After": "5"})
    except (DecisionLogError, TimeoutError, LockError) as error:
        _LOG.error("a posted row was not kept in time: %s", error)
        refused = refusal(503, "the row could not be kept in time; post it again: the same content counts once")
    application.metrics.posted.labels(route, "refused").inc()
    return refused
