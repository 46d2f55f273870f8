"""The interface as an OpenAPI document: valid, complete, and its examples are requests that the service decides."""

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from assets.bundle.bundle import BundleParts
from assets.serving.http.access import ROUTES, needed_by
from assets.serving.http.page import Page, page
from tests.support.models.serving_samples import PRODUCT
from tests.unit.serving.http.test_contract import CONTRACT
from tests.unit.serving.http.test_posted import OUTCOME, REVIEW, TAKING
from tests.unit.serving.http.test_routes import Served, started

EXAMPLE = {"application_id": "A9", "customer_id": "C7", "amount": 12_000.0, "income_monthly": 2400, "purpose": "car"}


# A pattern is no rule for inventing a text.
FREE = replace(CONTRACT.sources["applications"].columns["customer_id"], patterns=())  # type: ignore[type-var]
INVENTED = replace(
    CONTRACT,
    sources={
        **CONTRACT.sources,
        "applications": replace(
            CONTRACT.sources["applications"],
            columns={**CONTRACT.sources["applications"].columns, "customer_id": FREE},
        ),
    },
)


@pytest.fixture(scope="module", params=["declared", "invented", "posted", "no contract"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, parts: BundleParts
) -> Iterator[Served]:
    contracts = {
        "declared": replace(CONTRACT, example=EXAMPLE),
        "invented": INVENTED,
        "posted": replace(TAKING, example=EXAMPLE),
        "no contract": None,
    }
    contract = contracts[request.param]
    with started(tmp_path_factory.mktemp("home"), replace(parts, contract=contract)) as running:
        yield running


def document(served: Served) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(served.get("/openapi.json"))
    return found


def body_of(document: dict[str, Any], path: str) -> dict[str, Any]:
    content: dict[str, Any] = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return content


def schema_of(document: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    return {**content["schema"], "components": document["components"]}


def test_it_is_valid_and_has_every_route_with_what_it_needs(served: Served) -> None:
    found = document(served)
    validate(found)
    assert found["paths"].keys() == ROUTES.keys()
    for path, item in found["paths"].items():
        for method, operation in item.items():
            needed = needed_by(method.upper(), path)
            assert bool(operation["security"]) is (needed != "open"), path
            assert needed in ("any", "open") or f"`{needed}`" in operation["description"]
    assert {method: needed_by(method.upper(), "/reviews") for method in found["paths"]["/reviews"]} == {
        "post": "feedback",
        "get": "explain",
    }


def test_every_example_fits_its_schema_and_is_answered(served: Served) -> None:
    found = document(served)
    for path in ("/decide", "/decide/many", "/events", "/outcomes"):
        content = body_of(found, path)
        if path.startswith("/decide"):
            assert content["examples"].keys() == {PRODUCT}
        for example in content["examples"].values():
            jsonschema.validate(example["value"], schema_of(found, content))
            status, text = served.post(path, example["value"])
            assert status == 200, text
            assert '"status":4' not in text


def test_the_contracts_bounds_are_in_the_schema(tmp_path_factory: pytest.TempPathFactory, parts: BundleParts) -> None:
    contract = replace(CONTRACT, example=EXAMPLE)
    with started(tmp_path_factory.mktemp("home"), replace(parts, contract=contract)) as served:
        found = document(served)
    columns = found["components"]["schemas"][f"{PRODUCT}.request"]["properties"]
    assert columns["amount"] == {"type": "number", "minimum": 100, "maximum": 200_000}
    assert columns["purpose"] == {"type": "string", "enum": ["car", "home", "education", "boat"]}
    assert columns["income_monthly"] == {"type": ["number", "null"], "minimum": 0}
    assert columns["customer_id"] == {"type": "string", "minLength": 1, "maxLength": 255, "allOf": [{"pattern": "^C"}]}
    event = found["components"]["schemas"][f"{PRODUCT}.transactions"]
    read = {"customer_id", "amount", "direction", "category"}
    assert set(event["required"]) == {"event_time", *read}, "the service wants each column that features read"
    nullable = {name for name in read if "null" in event["properties"][name]["type"]}
    assert nullable == read - {"customer_id"}, "the entity alone must be known"
    assert body_of(found, "/decide")["examples"][PRODUCT]["value"]["request"] == EXAMPLE
    broken = {"product": PRODUCT, "request": EXAMPLE | {"amount": 99}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema_of(found, body_of(found, "/decide")))


def test_posted_rows_have_the_fields_of_their_contract(
    tmp_path_factory: pytest.TempPathFactory, parts: BundleParts
) -> None:
    with started(tmp_path_factory.mktemp("home"), replace(parts, contract=TAKING)) as served:
        found = document(served)
        decided = str(served.decide()["decision_id"])
    outcomes, reviews = (schema_of(found, body_of(found, path)) for path in ("/outcomes", "/reviews"))
    of_row = {"product": PRODUCT, **OUTCOME}
    of_decision = {"decision_id": decided} | {name: value for name, value in of_row.items() if name != "row_id"}
    review = {"decision_id": decided, **REVIEW}
    assert body_of(found, "/outcomes")["examples"].keys() == {PRODUCT}
    for schema, bodies in ((outcomes, (of_row, of_decision)), (reviews, (review, {"product": PRODUCT, **review}))):
        for body in bodies:
            jsonschema.validate(body, schema)
    for schema, broken in (
        (outcomes, of_row | {"value": 2}), (outcomes, of_row | {"more": 1}), (reviews, review | {"outcome": "review"}),
        (outcomes, {name: value for name, value in of_row.items() if name != "row_id"}),
    ):  # fmt: skip
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


@pytest.mark.parametrize(("path", "name"), [("/docs", "page"), ("/review", "review")])
def test_a_page_may_ask_this_service_alone(served: Served, path: str, name: Page) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{served.workspace.port}{path}", timeout=10) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.read().decode() == page(name)
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy


@pytest.mark.parametrize(("name", "fetched"), [("page", "openapi.json"), ("review", "reviews")])
def test_a_page_loads_nothing_from_elsewhere(name: Page, fetched: str) -> None:
    class Places(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in ("link", "img", "iframe", "object")
            assert not {name for name, _ in attrs} & {"src", "href", "srcset", "onclick"}, attrs

    Places().feed(page(name))
    assert not re.search(r"https?://|innerHTML|document\.write|eval\(", page(name))
    assert f'"{fetched}"' in page(name)
