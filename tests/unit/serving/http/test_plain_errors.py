"""Refusals in plain text become JSON."""

import asyncio
import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from assets.serving.http.plain_errors import PlainErrors


async def _answer(request: Request) -> Response:
    match request.query_params.get("as"):
        case "json":
            return JSONResponse({"error": "a sentence of its own"}, status_code=404)
        case "unready":
            raise HTTPException(503)
        case _:
            return Response("fine")


def answer(method: str, target: str) -> tuple[int, dict[str, str], bytes]:
    path, _, query = target.partition("?")
    app, sent = PlainErrors(Starlette(routes=[Route("/products", _answer, methods=["GET"])])), list[Any]()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": []}
    asyncio.run(app(scope, receive, send))
    fields = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], fields, b"".join(one["body"] for one in sent[1:])


@pytest.mark.parametrize(
    ("method", "target", "status", "said"),
    [
        ("GET", "/nope", 404, "nothing is served at this path"),
        ("POST", "/products", 405, "does not take this method"),
        ("GET", "/products?as=unready", 503, "no champion is loaded"),
    ],
)
def test_a_plain_refusal_becomes_a_sentence(method: str, target: str, status: int, said: str) -> None:
    found, fields, body = answer(method, target)
    assert (found, fields["content-type"]) == (status, "application/json")
    assert fields["content-length"] == str(len(body))
    assert said in json.loads(body)["error"]
    assert ("allow" in fields) == (status == 405)


def test_other_answers_stay_as_they_are() -> None:
    assert answer("GET", "/products")[2] == b"fine"
    assert json.loads(answer("GET", "/products?as=json")[2]) == {"error": "a sentence of its own"}
