"""Personal values and entity keys over HTTP: what is refused, and that no answer and no log line quotes them."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from assets.bundle.bundle import BundleParts
from assets.bundle.contract import BundleContract, ColumnRule, SourceRules
from tests.support.models.serving_samples import PRODUCT, REQUEST
from tests.unit.serving.http.test_contract import CONTRACT
from tests.unit.serving.http.test_routes import EVENT, Served, started

TOKEN = f"tok:{'0a' * 4}:{'0b' * 16}"
SECRET = "Jane-Roe-1977"
TOKENISED = ColumnRule("string", tokenised=True)


def _with(source: str, **columns: ColumnRule | None) -> SourceRules:
    rules = CONTRACT.sources[source]
    return replace(rules, columns={**rules.columns, **columns})


@pytest.fixture(scope="module", params=["tokenised", "older bundle"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, parts: BundleParts
) -> Iterator[Served]:
    """Features read the tokenised columns `category` and `customer_id`; bundles of old have no rule for them."""
    rule = TOKENISED if request.param == "tokenised" else None
    sources = {
        "applications": _with("applications", customer_id=rule),
        "transactions": _with("transactions", customer_id=rule, category=rule, iban=rule),
    }
    contract = BundleContract("applications", sources)
    with started(tmp_path_factory.mktemp("home"), replace(parts, contract=contract)) as running:
        yield running


def _refusals(served: Served, path: str, **change: object) -> list[str]:
    if path == "/decide":
        body: dict[str, object] = {"request": {**REQUEST, "customer_id": TOKEN, **change}}
    else:
        body = {"source": "transactions", "event": {**EVENT, "customer_id": TOKEN, "category": TOKEN, **change}}
    status, text = served.post(path, {"product": PRODUCT, **body})
    assert status == 400, text
    problems: list[str] = json.loads(text)["problems"]
    return problems


@pytest.mark.parametrize("value", [SECRET, 5, TOKEN.upper(), TOKEN + "\n", f"{TOKEN}0", "tok:"])
def test_a_raw_value_of_a_tokenised_column_that_features_read_is_refused(served: Served, value: object) -> None:
    """Raw values and the lake's tokens would never meet, and the raw value would be stored."""
    for path, field in (("/events", "category"), ("/events", "customer_id"), ("/decide", "customer_id")):
        (problem,) = _refusals(served, path, **{field: value})
        assert "its contract tokenises it, and this service has no tokenisation key: send the token" in problem
        assert SECRET not in problem


def test_tokens_and_tokenised_columns_that_no_feature_reads_are_taken(served: Served) -> None:
    """A raw value that no feature reads is left out of the store."""
    event = EVENT | {"customer_id": TOKEN, "category": TOKEN, "iban": SECRET}
    body = {"product": PRODUCT, "source": "transactions", "event": event}
    status, text = served.post("/events", body)
    assert (status, json.loads(text).get("added")) == (200, True), text
    event = EVENT | {"customer_id": TOKEN, "category": None, "iban": None, "amount": 4.0}
    assert served.post("/events", body | {"event": event})[0] == 200
    answer = served.decide(customer_id=TOKEN, as_of="2026-03-02T00:00:01+00:00")
    assert answer["fallback"] is None
    online = served.workspace.environment.home / "online" / PRODUCT / "data.mdb"
    assert TOKEN.encode() in online.read_bytes()
    assert SECRET.encode() not in online.read_bytes()


PRIVATE = [
    ("/decide", "customer_id"), ("/decide", "application_id"), ("/events", "customer_id"), ("/events", "category"),
    ("/events", "iban"), ("/events", "unknown_column"), ("/events", "event_id"),
]  # fmt: skip


@pytest.mark.parametrize("wrong", ["{}\0", "{}\ud800", "{}" * 40, ["{}"], {"{}": "{}"}, {"a": {"b": ["{}"]}}])
@pytest.mark.parametrize(("path", "field"), PRIVATE)
def test_no_answer_and_no_log_line_quotes_a_private_value(
    served: Served, path: str, field: str, wrong: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    value = json.loads(json.dumps(wrong).replace("{}", SECRET)) if isinstance(wrong, str | list) else {"a": [SECRET]}
    if field == "application_id":
        value = [value] if not isinstance(value, str) else value
    name, given = ("request", REQUEST) if path == "/decide" else ("event", EVENT)
    fields = {**given, "customer_id": TOKEN, field: value}
    body: dict[str, object] = {"product": PRODUCT, name: fields}
    if path == "/events":
        fields.setdefault("category", None)
        body["source"] = "transactions"
        if field == "event_id":
            body["event_id"] = fields.pop("event_id")
    status, text = served.post(path, body)
    assert status == 400, text
    if field != "application_id":  # not an entity key, and not personal by the contract
        assert SECRET not in text
    assert SECRET not in caplog.text


def test_numbers_of_entity_keys_are_not_quoted(served: Served) -> None:
    for path in ("/decide", "/events"):
        for value in (19770523, 19770523.5, 2**70):
            assert not any("1977" in p or str(2**70) in p for p in _refusals(served, path, customer_id=value))
