"""Keys of callers over HTTP: every route refuses a missing, a wrong and a too weak key where keys are required."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.bundle.bundle import BundleParts
from assets.serving.access.keys import ROLES, KeyList, KeyListError, KeyRole
from assets.serving.http.access import ROUTES
from assets.serving.http.plain_errors import PlainErrors
from assets.serving.http.routes import http_app
from pipelines.operations.access_keys import access_keys, add_key, revoke_key
from resources.keys import signing_key
from tests.support.models.serving_samples import PRODUCT, REQUEST
from tests.unit.serving.http.test_routes import Served, started, wait_for

NOW = datetime(2026, 3, 1, tzinfo=UTC)
REVOKED_SECONDS = 5.0
CLOSED = [route for route, needed in ROUTES.items() if needed != "open"]


class Guarded(Served):
    """A service that requires keys, and a key of each role."""

    def __init__(self, home: Path, parts: BundleParts) -> None:
        plain = started(home, parts)
        plain.workspace.variables["LOOPLINE_REQUIRE_KEYS"] = "1"
        super().__init__(plain.workspace)
        self.keys = {role: self.key(role, role) for role in ROLES}

    def key(self, name: str, *roles: KeyRole, limit: str = "") -> str:
        environment = self.workspace.environment
        return add_key(environment, name, roles, by="Ann", reason="a test", limit=limit)[1]

    def ask(self, path: str, *, headers: dict[str, str] | None = None, body: object = None) -> tuple[int, str]:
        address = f"http://127.0.0.1:{self.workspace.port}{path.format(decision_id='x')}"
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(address, data, headers or {}), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def decide_with(self, key: str) -> int:
        return self.ask("/decide", headers={"X-API-Key": key}, body={"product": PRODUCT, "request": REQUEST})[0]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, parts: BundleParts) -> Iterator[Guarded]:
    with Guarded(tmp_path_factory.mktemp("home"), parts) as running:
        yield running


@pytest.mark.parametrize("route", CLOSED)
def test_a_route_refuses_a_missing_key_and_a_wrong_one(guarded: Guarded, route: str) -> None:
    other = guarded.keys["decide"]
    wrong = [
        {}, {"Authorization": f"Bearer {other}x"}, {"Authorization": f"Bearer {other[:-1]}"}, {"X-API-Key": ""},
        {"Authorization": f"Basic {other}"}, {"X-API-Key": "llk_000000000000_" + "A" * 43},
        {"X-API-Key": other.replace("_", "-")}, {"Authorization": "Bearer \xff\xfe"}, {"X-API-Key": other.upper()},
    ]  # fmt: skip
    for headers in wrong:
        for body in (None, {}):
            status, text = guarded.ask(route, headers=headers, body=body)
            assert status == 401, (headers, text)
            assert "key" in json.loads(text)["error"]


@pytest.mark.parametrize("route", [route for route in CLOSED if ROUTES[route] != "any"])
def test_a_route_refuses_a_key_of_every_other_role(guarded: Guarded, route: str) -> None:
    for role, key in guarded.keys.items():
        status, text = guarded.ask(route, headers={"Authorization": f"Bearer {key}"})
        assert (status == 403) is (role != ROUTES[route]), (role, status, text)
        assert status not in (200, 401) or role == ROUTES[route]


def test_the_declared_routes_are_all_that_is_served() -> None:
    app = http_app(lambda: pytest.fail("it is not opened"))
    served = {getattr(route, "path", "") for route in app.routes}
    assert served == ROUTES.keys() - {"/livez", "/readyz"}, "BentoML serves the two probes"


def test_a_path_of_the_server_that_nobody_declared_is_a_404() -> None:
    sent = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def inner(*_: object) -> None:
        pytest.fail("it was reached")

    for path in ("/", "/docs.json", "/schema.json", "/static_content/x", "/healthz", "/decisions/", "/decisions/a/b"):
        sent.clear()
        asyncio.run(PlainErrors(inner)({"type": "http", "path": path}, None, send))  # type: ignore[arg-type]
        assert sent[0]["status"] == 404, path


def test_a_key_in_either_header_opens_its_routes(guarded: Guarded) -> None:
    body = {"product": PRODUCT, "request": REQUEST}
    for headers in ({"Authorization": f"bearer {guarded.keys['decide']}"}, {"X-API-Key": guarded.keys["decide"]}):
        status, text = guarded.ask("/decide", headers=headers, body=body)
        assert status == 200, text
    for role, key in guarded.keys.items():
        assert guarded.ask("/products", headers={"X-API-Key": key})[0] == 200, role
    assert guarded.ask("/docs")[0] == 200
    assert "loopline_decisions_total" in guarded.ask("/metrics", headers={"X-API-Key": guarded.keys["operate"]})[1]


def test_a_key_counts_and_a_revoked_one_does_not_within_seconds_without_a_restart(guarded: Guarded) -> None:
    key = guarded.key("late", "decide")
    wait_for(lambda: guarded.decide_with(key) == 200, REVOKED_SECONDS)
    revoke_key(guarded.workspace.environment, "late", by="Ann", reason="it leaked")
    began = time.monotonic()
    wait_for(lambda: guarded.decide_with(key) == 401, REVOKED_SECONDS)
    assert time.monotonic() - began < REVOKED_SECONDS
    assert guarded.decide_with(guarded.keys["decide"]) == 200


def test_a_forged_or_older_list_makes_nobody_a_caller(guarded: Guarded) -> None:
    environment = guarded.workspace.environment
    path = Path(environment.rollout) / "access_keys.json"
    before = path.read_bytes()
    mine = guarded.key("mine", "decide")
    wait_for(lambda: guarded.decide_with(mine) == 200)
    forged = KeyList.from_json(path.read_bytes(), signing_key(guarded.workspace.variables, environment.home, "signing"))
    keyring = guarded.app.state.application.access.keyring
    for data in (before, forged.to_json(b"x" * 32), b"[]", b""):
        path.write_bytes(data)
        with pytest.raises(KeyListError):
            keyring.poll()
        assert guarded.decide_with(mine) == 200
    path.write_bytes(forged.to_json(signing_key(guarded.workspace.variables, environment.home, "signing")))
    assert access_keys(environment).named("mine") is not None


def test_a_rate_is_held_for_each_key_alone(guarded: Guarded) -> None:
    slow, other = guarded.key("slow", "decide", limit="3/minute"), guarded.keys["decide"]
    wait_for(lambda: guarded.ask("/products", headers={"X-API-Key": slow})[0] == 200)
    assert [guarded.decide_with(slow) for _ in range(4)] == [200, 200, 200, 429]
    assert guarded.decide_with(other) == 200
    many = {"product": PRODUCT, "requests": [REQUEST] * 3}
    request = urllib.request.Request(
        f"http://127.0.0.1:{guarded.workspace.port}/decide/many", json.dumps(many).encode(), {"X-API-Key": slow}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 429
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 60
