"""Calls of the decision service.

Belongs here: requesting one decision over HTTP, for `loopline decide` and for the demonstration; the form of the call,
and the fields of a request. Does not belong here: many calls (`traffic`), the decision (`assets.serving`).
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from assets.product import Product
from pipelines.connections import clock_of
from pipelines.services.decisions import DecisionsAt, decisions_at
from pipelines.services.temporary import needed
from resources.environments import Environment
from resources.errors import LooplineError

JSON_BODY = {"Content-Type": "application/json"}
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
    body = decision_body(product, request, explain=explain)
    headers = {**JSON_BODY, **at.headers}
    try:
        # The service runs on this machine, so the proxy settings of the environment do not apply.
        answer = httpx.post(
            decide_address(at), content=body, headers=headers, verify=at.verify, timeout=20.0, trust_env=False
        )
    except httpx.TransportError as error:
        raise not_running(at, error) from error
    _check_key(answer)
    if answer.status_code != 200:
        raise NoAnswer(f"the decision service answered {answer.status_code}: {answer.text}")
    return dict(answer.json())


def decide_address(at: DecisionsAt) -> str:
    """The address that decides a request."""
    return f"{at.address}/decide"


def decision_body(product: str, request: Mapping[str, Any], *, explain: bool = False) -> bytes:
    """The body of a call that has a request decided."""
    call = {"product": product, "request": request, "explain": explain}
    return json.dumps(call, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def request_fields(environment: Environment, product: str) -> frozenset[str]:
    """Every field that a request of the product may have, by the bundles that are live in the running service.

    Raises:
        NoAnswer: The service does not run, asks for another key, or has no champion of the product.
    """
    at = decisions_at(environment.ports)
    try:
        live = {found["product"]: found for found in _live(at)}
    except httpx.TransportError as error:
        raise not_running(at, error) from error
    if product not in live:
        raise NoAnswer(
            f"the decision service has no champion of {product}, only of {', '.join(sorted(live)) or 'no product'}; "
            f"train and roll one out: loopline run {product}"
        )
    return frozenset(live[product]["request"]["fields"])


def decide_example(product: Product, environment: Environment) -> dict[str, Any]:
    """Sends the product's example request to the service, which is started for the call unless it runs.

    In the local environment the request is as of now by the product's clock: a history that has ended, as that of the
    sandbox, has nothing later.

    Raises:
        NoAnswer: The product's bundle is not loaded in time, or the service refused the request.
        ProcessError: The service does not start.
    """
    request = {**product.request_example, **moment_of(product, environment)}
    with needed(environment, ["decisions"]):
        wait_until_live(environment, product.name)
        return ask_service(environment, product.name, request, explain=True)


def moment_of(product: Product, environment: Environment) -> dict[str, str]:
    """The as-of time of a request that is sent now, by the product's clock; empty where the service sets it."""
    return {"as_of": clock_of(product, environment).now().isoformat()} if environment.name == "local" else {}


def wait_until_live(environment: Environment, product: str) -> None:
    """Returns once the product's bundle is loaded. `/readyz` succeeds as soon as any product's bundle is loaded."""
    at = decisions_at(environment.ports)
    deadline = time.monotonic() + _READY_SECONDS
    while product not in _live_products(at):
        if time.monotonic() > deadline:
            found = f"{products_address(at)} lacks {product} after {_READY_SECONDS:.0f} s"
            raise NoAnswer(f"{found}; see the log of the service")
        time.sleep(0.1)


def _live_products(at: DecisionsAt) -> frozenset[str]:
    try:
        return frozenset(found["product"] for found in _live(at))
    except httpx.TransportError:
        return frozenset()  # the process runs, but does not listen yet


def _live(at: DecisionsAt) -> list[dict[str, Any]]:
    """The live products, as the service describes them; none while it cannot describe any."""
    answer = httpx.get(products_address(at), headers=at.headers, verify=at.verify, timeout=5.0, trust_env=False)
    _check_key(answer)
    return list(answer.json()["products"]) if answer.status_code == 200 else []


def products_address(at: DecisionsAt) -> str:
    """The address that describes the live products."""
    return f"{at.address}/products"


def not_running(at: DecisionsAt, error: Exception) -> NoAnswer:
    """The error of a service that cannot be reached."""
    return NoAnswer(f"the decision service at {at.address} does not answer ({error}); start it: loopline up")


def _check_key(answer: httpx.Response) -> None:
    if answer.status_code in (401, 403):
        raise NoAnswer(
            f"the decision service answered {answer.status_code}: {answer.text}; set LOOPLINE_API_KEY to a key that "
            f"may decide: loopline keys add"
        )
