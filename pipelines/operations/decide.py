"""Calls of the decision service.

Belongs here: requesting one decision over HTTP, for `loopline decide` and for the demonstration. Does not belong here:
the decision (`assets.serving`).
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from assets.product import Product
from pipelines.connections import clock_of
from pipelines.services.decisions import DecisionsAt, decisions_at
from pipelines.services.temporary import needed
from resources.environments import Environment
from resources.errors import LooplineError

_READY_SECONDS = 60.0


class NoAnswer(LooplineError):
    """The decision service returned no decision; the message says why and what to do."""


class UnreadableRequest(LooplineError):
    """A file does not contain a request; the message names the file and the form of a request."""


def read_request(file: Path) -> dict[str, Any]:
    """Reads a request from a file, or from standard input if the file is `-`.

    Raises:
        UnreadableRequest: The file does not exist, or does not contain one JSON object.
    """
    place = "standard input" if str(file) == "-" else str(file)
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        request = json.loads(text)
    except OSError as error:
        raise UnreadableRequest(f"{place} cannot be read ({error.strerror}); name a JSON file") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableRequest(f"{place} is not JSON ({error}); write the request as one JSON object") from error
    if not isinstance(request, dict):
        raise UnreadableRequest(f"{place} holds JSON, but no object; write the request as one JSON object")
    return request


def ask_service(
    environment: Environment, product: str, request: dict[str, Any], *, explain: bool = False
) -> dict[str, Any]:
    """One decision by the running service.

    Raises:
        NoAnswer: The service does not run, or refused the request.
    """
    at = decisions_at(environment.ports)
    address = f"{at.address}/decide"
    body = {"product": product, "request": request, "explain": explain}
    try:
        # The service runs on this machine, so the proxy settings of the environment do not apply.
        answer = httpx.post(address, json=body, headers=at.headers, verify=at.verify, timeout=20.0, trust_env=False)
    except httpx.TransportError as error:
        raise NoAnswer(f"the decision service at {address} does not answer ({error}); start it: loopline up") from error
    _check_key(answer)
    if answer.status_code != 200:
        raise NoAnswer(f"the decision service answered {answer.status_code}: {answer.text}")
    return dict(answer.json())


def decide_example(product: Product, environment: Environment) -> dict[str, Any]:
    """Sends the product's example request to the service, which is started for the call unless it runs.

    In the local environment the request is as of now by the product's clock: a history that has ended, as that of the
    sandbox, has nothing later.

    Raises:
        NoAnswer: The product's bundle is not loaded in time, or the service refused the request.
        ProcessError: The service does not start.
    """
    request: dict[str, Any] = dict(product.request_example)
    if environment.name == "local":
        request["as_of"] = clock_of(product, environment).now().isoformat()
    with needed(environment, ["decisions"]):
        _wait_until_live(environment, product.name)
        return ask_service(environment, product.name, request, explain=True)


def _wait_until_live(environment: Environment, product: str) -> None:
    """Returns once the product's bundle is loaded. `/readyz` succeeds as soon as any product's bundle is loaded."""
    at = decisions_at(environment.ports)
    deadline = time.monotonic() + _READY_SECONDS
    while product not in _live_products(at):
        if time.monotonic() > deadline:
            raise NoAnswer(
                f"{at.address}/products lacks {product} after {_READY_SECONDS:.0f} s; see the log of the service"
            )
        time.sleep(0.1)


def _live_products(at: DecisionsAt) -> frozenset[str]:
    try:
        answer = httpx.get(f"{at.address}/products", headers=at.headers, verify=at.verify, timeout=5.0, trust_env=False)
    except httpx.TransportError:
        return frozenset()  # the process runs, but does not listen yet
    _check_key(answer)
    return (
        frozenset(live["product"] for live in answer.json()["products"]) if answer.status_code == 200 else frozenset()
    )


def _check_key(answer: httpx.Response) -> None:
    if answer.status_code in (401, 403):
        raise NoAnswer(
            f"the decision service answered {answer.status_code}: {answer.text}; set LOOPLINE_API_KEY to a key that "
            f"may decide: loopline keys add"
        )
