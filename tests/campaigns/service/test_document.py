"""The service against its own OpenAPI document: each operation with what the document allows and what it forbids.

Every day some requests each; with LOOPLINE_CAMPAIGN=1 hundreds, and those of Schemathesis, in an environment of its own
(`make service-campaign` makes it). No answer is a failure or undocumented; each has the form that the document gives.
"""

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from pipelines.operations.access_keys import add_key
from resources.environments import CHECKOUT
from tests.campaigns.http.target import publish
from tests.campaigns.service.document import Document, Operation
from tests.support.models.serving_samples import PRODUCT as SAMPLE
from tests.support.models.serving_samples import sample_parts
from tests.support.servers.serving_process import Service, Workspace
from tests.unit.serving.http.test_posted import TAKING

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
SEED = int(os.environ.get("LOOPLINE_CAMPAIGN_SEED", "1"))
EXAMPLES = 500 if CAMPAIGN else 12
SCHEMATHESIS = Path(
    os.environ.get("LOOPLINE_SCHEMATHESIS", CHECKOUT / ".venv" / "schemathesis" / "bin" / "schemathesis")
)
NEEDS: Mapping[str, str] = {
    "/decide": "decide", "/decide/many": "decide", "/decisions/{decision_id}": "explain", "/events": "feedback",
    "/outcomes": "feedback", "/reviews": "feedback", "get /reviews": "explain", "/reviews/{decision_id}": "explain",
    "/review": "none", "/metrics": "operate", "/products": "any", "/openapi.json": "any", "/docs": "none",
    "/livez": "none", "/readyz": "none",
}  # fmt: skip
"""What the README says that each route needs; a method is named where the others need another role."""
ROLES = ("decide", "explain", "feedback", "operate")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if CAMPAIGN else 300)]


@dataclass(frozen=True)
class Served:
    """A service that wants keys, for a product that takes all posts, and one of the bank.

    Attributes:
        keys: A key for each role alone, and one for `all`.
    """

    url: str
    client: httpx.Client
    keys: Mapping[str, str]
    document: Document

    def ask(self, method: str, path: str, *, key: str | None = "all", **sent: Any) -> httpx.Response:
        headers = {**sent.pop("headers", {})}
        if key is not None:
            headers["Authorization"] = f"Bearer {self.keys.get(key, key)}"
        return self.client.request(method.upper(), path, headers=headers, **sent)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    workspace = Workspace(tmp_path_factory.mktemp("document") / "home", events_each=20)
    workspace.variables["LOOPLINE_REQUIRE_KEYS"] = "1"
    publish(workspace, "credit_risk", until=datetime.now(UTC))
    workspace.roll_out(workspace.publish(replace(sample_parts("1", rounds=10), contract=TAKING)))
    roles = {**{role: (role,) for role in ROLES}, "all": ROLES}
    keys = {
        name: add_key(workspace.environment, f"caller-{name}", given, by="Ann", reason="a test")[1]
        for name, given in roles.items()
    }
    with Service(workspace) as service, httpx.Client(base_url=service.url, timeout=15) as client:
        service.wait_until_ready()
        found = Served(service.url, client, keys, Document({}))
        deadline = time.monotonic() + 30
        while len(found.ask("get", "/products").json().get("products", ())) < 2:
            assert time.monotonic() < deadline, "both products are not served yet"
            time.sleep(0.1)
        yield replace(found, document=Document(found.ask("get", "/openapi.json").json()))


def posting(served: Served, path: str) -> Operation:
    (found,) = [one for one in served.document.operations if (one.method, one.path) == ("post", path)]
    return found


@pytest.mark.parametrize("path", ["/decide", "/decide/many", "/events", "/outcomes", "/reviews"])
@pytest.mark.parametrize("kind", ["allowed", "forbidden"])
def test_every_body_is_answered_as_the_document_says(served: Served, path: str, kind: str) -> None:
    of = posting(served, path)
    assert of.body is not None
    bodies = served.document.allowed(of.body) if kind == "allowed" else served.document.forbidden(of.body)
    keys = st.none() if not of.takes_key else st.none() | st.text("ab", min_size=1, max_size=9) | st.just("x" * 255)
    statuses, said = Counter[int](), Counter[str]()

    @seed(SEED)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(body=bodies, key=keys)
    def ask(body: Any, key: str | None) -> None:
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = served.ask("post", path, content=json.dumps(body), headers=headers)
        statuses[answer.status_code] += 1
        said[f"{answer.status_code} {answer.text[:300]}"] += 1
        assert of.faults(answer.status_code, answer.headers.get("content-type", ""), answer.text) == []
        if kind == "forbidden":
            # Of several requests each has its own status.
            of_each = [one["status"] for one in answer.json().get("results", ())]
            worst = max([answer.status_code, *of_each])
            assert 400 <= worst < 500, f"what the document forbids is answered: {answer.text[:300]}"

    ask()
    print(f"\n{path}, {kind}: {dict(statuses)}; most often {said.most_common(3)}")
    if kind == "allowed" and path != "/reviews":
        assert statuses[200], f"no body that the document allows is taken: {statuses}"


def test_every_reading_is_answered_as_the_document_says(served: Served) -> None:
    request = served.document.record["paths"]["/decide"]["post"]["requestBody"]["content"]["application/json"]
    known = [served.ask("post", "/decide", json=one["value"]).json() for one in request["examples"].values()]
    ids = [answer["decision_id"] for answer in known]
    odd = [
        "0198c0de-7c1f-7abc-8def-0123456789ab",
        "9b2b6b7e-7a54-4e7c-b3f1-2d0f6a0f4a11",
        "x",
        "%00",
        "..%2f..",
        "a" * 3_000,
    ]
    faults = []
    for of in served.document.operations:
        if of.method != "get":
            continue
        for name in [*ids, *odd] if "{" in of.path else [""]:
            answer = served.ask("get", of.path.replace("{decision_id}", name))
            found = of.faults(answer.status_code, answer.headers.get("content-type", ""), answer.text)
            faults += [f"{of.path} of {name[:50]!r}: {fault}" for fault in found]
            if name in ids:
                assert answer.status_code == 200, answer.text
    assert ids
    assert faults == []


def test_a_review_that_the_document_allows_is_taken(served: Served) -> None:
    """Of a decision as of now: the events of its product are months old, so the answer is the fallback, a review."""
    request = {"customer_id": "C7", "amount": 9_000, "income_monthly": 2_500, "purpose": "car"}
    decided = served.ask("post", "/decide", json={"product": SAMPLE, "request": request}).json()
    review = {"decision_id": decided["decision_id"], "outcome": "approve", "by": "K. Lee", "reason": "it is proven"}
    of = posting(served, "/reviews")
    assert of.body is not None
    assert served.document.validator(of.body).is_valid(review)
    answer = served.ask("post", "/reviews", json=review)
    assert (answer.status_code, decided["outcome"]) == (200, "review"), answer.text
    assert of.faults(answer.status_code, answer.headers["content-type"], answer.text) == []


def test_every_route_refuses_a_missing_a_wrong_and_a_too_weak_key(served: Served) -> None:
    assert {one.path for one in served.document.operations} == {one.removeprefix("get ") for one in NEEDS}
    faults = []
    for of in served.document.operations:
        needed = NEEDS.get(f"{of.method} {of.path}", NEEDS[of.path])
        path = of.path.replace("{decision_id}", "0198c0de-7c1f-7abc-8def-0123456789ab")
        wanted: dict[str | None, int | None] = {None: 401, "wrong": 401, "all": None}
        wanted |= {role: None if needed in ("any", "none", role) else 403 for role in ROLES}
        for key, status in wanted.items():
            found = served.ask(of.method, path, key=key, content="{}" if of.method == "post" else None).status_code
            right = found not in (401, 403) if status is None or needed == "none" else found == status
            if not right:
                faults.append(f"{of.method} {of.path} with the key {key!r}: {found}")
        if needed != "none":
            other = {"X-API-Key": served.keys["all"]}
            if served.ask(of.method, path, key=None, headers=other).status_code in (401, 403):
                faults.append(f"{of.method} {of.path}: X-API-Key is not taken")
    assert faults == []


def test_a_refused_method_is_told_every_documented_one(served: Served) -> None:
    documented: dict[str, set[str]] = {}
    for of in served.document.operations:
        documented.setdefault(of.path, set()).add(of.method.upper())
    for path, methods in documented.items():
        refused = served.ask("delete", path.replace("{decision_id}", "0198c0de-7c1f-7abc-8def-0123456789ab"))
        assert refused.status_code == 405, path
        assert set(refused.headers["allow"].split(", ")) - {"HEAD"} == methods, path


CONFIGURATION = """
# A valid body may still be refused for what no schema says: an event after it became known, an unprintable text.
[checks]
positive_data_acceptance.enabled = false
# Several requests are answered with 200, and each has its own status.
[[operations]]
include-path = "/decide/many"
checks.negative_data_rejection.enabled = false
"""


@pytest.mark.skipif(not CAMPAIGN, reason="needs Schemathesis: make service-campaign")
def test_schemathesis_finds_nothing(served: Served, tmp_path: Path) -> None:
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    command = [
        str(SCHEMATHESIS), "--config-file", str(configuration), "run", f"{served.url}/openapi.json",
        "--header", f"Authorization:Bearer {served.keys['all']}", "--seed", str(SEED), "--max-examples", "200",
        "--continue-on-failure", "--report-dir", str(tmp_path / "report"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=3_000, cwd=tmp_path)
    print(done.stdout[-3_000:])
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
