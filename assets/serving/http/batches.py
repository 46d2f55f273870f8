"""`POST /decide/many`: for each request of a body its decision or its error.

Belongs here: how many batches are decided at a time, one result for each request. Does not belong here: one request
(`deciding.py`), the form of the body (`assets.serving.requests.batch`).

One thread decides the requests of a batch one after the other, so that a large batch leaves the other threads to single
requests. An idempotency key counts for each request of the batch by its number: a batch that is sent again decides only
what failed before.
"""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assets.serving.earlier.marks import Mark, OtherBody
from assets.serving.http.access import CALLER, too_fast
from assets.serving.http.answers import REFUSED, refusal, refusal_of
from assets.serving.http.deciding import LOG_SECONDS, answer_before, idempotency_key, in_thread, logged

if TYPE_CHECKING:
    from assets.serving.application import Application
    from assets.serving.requests.batch import Batch
    from assets.serving.shadows import Answer

_MOST_BATCHES = 2
Result = Mapping[str, Any]


async def decide_many(request: Request, body: bytes, application: "Application") -> Response:
    """The decisions of a batch, in the order of its requests; the status of each is in its result."""
    state = request.app.state
    under_way: int = getattr(state, "batches", 0)
    if under_way >= _MOST_BATCHES:
        application.metrics.count_refused("overload")
        return refusal(503, "the service decides other batches; try again", headers={"Retry-After": "1"})
    state.batches = under_way + 1
    try:
        return await _decide_many(request, body, application)
    finally:
        state.batches -= 1


async def _decide_many(request: Request, body: bytes, application: "Application") -> Response:
    live, batch = await in_thread(request.app.state.pool, application.decider.read_batch, body)
    caller = request.scope[CALLER]
    more = len(batch.requests) - 1  # the gate has counted one
    wait = await application.access.wait_of(caller, cost=more) if more else 0.0
    if wait:
        application.metrics.count_refused("rate")
        return too_fast(caller, wait)
    results: dict[int, Result] = {}
    marks: dict[int, Mark | None] = {}
    decided: dict[int, Answer] = {}
    try:
        await _claim(request, application, batch, marks, results)
        decide_each = application.decider.decide_each
        found = await in_thread(request.app.state.pool, decide_each, live, batch, marks, REFUSED)
        deadline = time.monotonic() + LOG_SECONDS
        with application.spans.part("log"):
            for number, answer in found.items():
                try:
                    if isinstance(answer, Exception):
                        raise answer
                    await logged(answer, application, deadline)
                except REFUSED as error:
                    results[number] = _error(error, application)
                else:
                    decided[number] = answer
    finally:
        for number, mark in marks.items():
            if mark is not None:
                await application.repeats.end(mark, decided[number].decision if number in decided else None)
    for number, answered in decided.items():
        application.decider.answered(answered)
        results[number] = {"status": 200, "decision": answered.decision.answer()}
    return JSONResponse({"product": live.product, "results": [results[number] for number in sorted(results)]})


async def _claim(
    request: Request,
    application: "Application",
    batch: "Batch",
    marks: dict[int, Mark | None],
    results: dict[int, Result],
) -> None:
    """Puts the requests that are to be decided into `marks`, and what is known of the others into `results`.

    Each call claims in the order of the requests, so two calls never wait for each other.
    """
    key, caller = idempotency_key(request), request.scope[CALLER].name
    for number, one in enumerate(batch.requests):
        if key is None:
            marks[number] = None
            continue
        body = json.dumps([batch.product, batch.explain, one], sort_keys=True).encode()
        mark = Mark.of(caller, f"{key}\n{number}", body)
        try:
            earlier = await application.repeats.earlier(mark)
        except OtherBody as error:
            results[number] = _error(error, application)
            continue
        if earlier is None:
            marks[number] = mark
        else:
            known = await in_thread(request.app.state.reader, answer_before, application, earlier)
            results[number] = {"status": 200, "decision": known, "replayed": True}


def _error(error: Exception, application: "Application") -> Result:
    refused = refusal_of(error)
    application.metrics.count_refused(refused.why)
    return {"status": refused.status, **refused.content()}
