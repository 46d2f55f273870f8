"""The answers that refuse: one form, and for each error of a request its status.

Belongs here: the JSON of a refusal, which error has which status, sentence and count. Does not belong here: raising
them (`assets.serving.decider`), refusals before a route is reached (`refusals.py`).
"""

import logging
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse

from assets.serving.decision import CannotReplay, NoDecision
from assets.serving.earlier.marks import OtherBody
from assets.serving.log.writer import DecisionLogError, DiskFull
from assets.serving.queued import QueueError
from assets.serving.requests.parse import NoChampion, NotRolledOut, RequestError, StaleEvents
from resources.online_store.errors import StoreError
from resources.rollout_store.manifest import RolloutError

_LOG = logging.getLogger("loopline.service")


@dataclass(frozen=True)
class Refusal:
    """How a request that raised an error is answered.

    Attributes:
        why: The label of the count of refused requests.
        problems: For an invalid request every fault, each with its remedy.
        retry_after: Seconds after which the same request may succeed; `None` where it will not by itself.
    """

    status: int
    why: str
    sentence: str
    problems: tuple[str, ...] | None = None
    retry_after: int | None = None

    def content(self) -> dict[str, Any]:
        """The JSON of the answer."""
        return {"error": self.sentence} | ({} if self.problems is None else {"problems": list(self.problems)})

    def answer(self) -> JSONResponse:
        """The whole answer."""
        headers = None if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return JSONResponse(self.content(), status_code=self.status, headers=headers)


def refusal(status: int, sentence: str, *, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer that refuses with one sentence."""
    return JSONResponse({"error": sentence}, status_code=status, headers=headers)


REFUSED = (RequestError, NotRolledOut, NoChampion, StaleEvents, DecisionLogError, TimeoutError, StoreError,
           NoDecision, CannotReplay, OtherBody, RolloutError, QueueError)  # fmt: skip
"""The errors that are answers; any other is a fault of the service."""


def refusal_of(error: Exception) -> Refusal:
    """How a request that raised one of `REFUSED` is answered; what a person must mend is logged."""
    match error:
        case RequestError():
            return Refusal(400, "invalid", "the request is invalid", error.problems)
        case NotRolledOut():
            return Refusal(404, "unknown_product", str(error))
        case NoChampion():
            return Refusal(503, "no_champion", str(error))
        case StaleEvents():
            _LOG.error("a decision was refused: %s", error)
            return Refusal(503, "stale", str(error))
        case DiskFull():
            _LOG.error("a decision was not answered because the decision log's disk is full: %s", error)
            sentence = "the disk of the decision log is full, and nothing can be decided until it has space; try later"
            return Refusal(507, "disk_full", sentence, retry_after=5)
        case DecisionLogError() | TimeoutError():
            _LOG.error("a decision was not answered because it could not be logged: %s", error)
            return Refusal(503, "unlogged", "the decision could not be logged in time and is void; try again")
        case StoreError():
            _LOG.error("an event was not stored: %s", error)
            sentence = "the online store cannot take events now; the service's log says why; try again later"
            return Refusal(503, "events", sentence)
        case OtherBody():
            return Refusal(409, "other_body", str(error))
        case NoDecision():
            return Refusal(404, "unknown_decision", str(error))
        case CannotReplay():
            return Refusal(409, "unexplained", str(error))
        case QueueError():
            _LOG.error("a review queue was not read: %s", error)
            sentence = "the review queue cannot be read now; the service's log says why; try again later"
            return Refusal(503, "queue", sentence)
        case RolloutError():
            _LOG.error("a decision was not explained: %s", error)
            return Refusal(503, "unexplained", "the bundle that decided cannot be fetched now; try again later")
        case _:
            raise error
