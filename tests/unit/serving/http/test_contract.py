"""Requests and posted events over HTTP, held to the contracts that travel in the bundle."""

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.bundle import BundleParts
from assets.bundle.contract import BundleContract, ColumnRule, SourceRules
from assets.serving.engine import Engine
from assets.serving.latency import decision_latency
from assets.serving.log.decision_log import find_decision
from resources.online_store.protocol import OnlineStore
from tests.support.models.serving_samples import NOW, PRODUCT, REQUEST, bundle_of, sample_features
from tests.unit.serving.http.test_routes import EVENT, Served, started

CONTRACT = BundleContract(
    spine="applications",
    sources={
        "applications": SourceRules(
            "applied_at",
            "known_at",
            {
                "application_id": ColumnRule("string", required=False),
                "customer_id": ColumnRule("string", patterns=("^C",)),
                "amount": ColumnRule("number", low=100, high=200_000),
                "income_monthly": ColumnRule("number", required=False, low=0),
                "purpose": ColumnRule("string", members=("car", "home", "education", "boat")),
                "name": None,
            },
        ),
        "transactions": SourceRules(
            "booked_at",
            "known_at",
            {
                "transaction_id": ColumnRule("string"),
                "customer_id": ColumnRule("string"),
                "amount": ColumnRule("number", low=0.01, high=10_000),
                "direction": ColumnRule("string", members=("debit", "credit")),
                "category": ColumnRule("string", required=False, longest=20),
                "booked_at": ColumnRule("timestamp"),
                "known_at": ColumnRule("timestamp"),
                "iban": None,
            },
        ),
    },
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, parts: BundleParts) -> Iterator[Served]:
    with started(tmp_path_factory.mktemp("home"), replace(parts, contract=CONTRACT)) as running:
        yield running


def decide(served: Served, **change: object) -> tuple[int, str]:
    return served.post("/decide", {"product": PRODUCT, "request": REQUEST | change})


def post(served: Served, event: dict[str, object]) -> tuple[int, str]:
    return served.post("/events", {"product": PRODUCT, "source": "transactions", "event": event})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"amount": 1e12}, "field 'amount' is 1000000000000.0 (number); it must be from 100 to 200000"),
        ({"amount": -1}, "field 'amount' is -1 (number); it must be from 100 to 200000"),
        ({"amount": 1.7e308}, "field 'amount' is 1.7e+308 (number); it must be from 100 to 200000"),
        ({"amount": "9000"}, "field 'amount' is \"9000\" (text); it must be a number"),
        ({"amount": None}, "field 'amount' is null (null); it must not be null, but a number"),
        ({"income_monthly": -0.01}, "field 'income_monthly' is -0.01 (number); it must be at least 0"),
        (
            {"income_monthly": 10**400},
            f"field 'income_monthly' is {str(10**400)[:77]}... (number); it must be finite and within ±1e+12",
        ),
        ({"purpose": "yacht"}, "field 'purpose' is \"yacht\" (text); it must be one of car, home, education, boat"),
        ({"customer_id": 7}, "field 'customer_id' is a number; it must be a text"),
        ({"customer_id": "X7"}, "field 'customer_id' is a text of 2 characters; it must match ^C"),
    ],
)
def test_a_request_that_breaks_the_contract_is_refused(served: Served, change: dict[str, object], problem: str) -> None:
    status, text = decide(served, **change)
    assert (status, json.loads(text)["problems"]) == (400, [problem])


@pytest.mark.parametrize(
    "change", [{"amount": 100}, {"amount": 200_000}, {"income_monthly": None}, {"purpose": "boat"}]
)
def test_what_the_contract_just_allows_is_decided(served: Served, change: dict[str, object]) -> None:
    assert decide(served, **change)[0] == 200


def test_an_unlisted_category_counts_as_none_of_the_listed_in_a_request_as_in_training(
    served: Served, parts: BundleParts
) -> None:
    """The request's features, encoded as training encodes a table, have 0 in every column of the category."""
    answer = served.decide(purpose="boat")
    features = find_decision(served.workspace.environment.decision_log, str(answer["decision_id"])).features
    assert features["purpose"] == "boat"
    table = sample_features(50)
    trained = table.set_column(table.column_names.index("purpose"), "purpose", [["boat"] * 50])
    columns = [name.startswith("purpose=") for name in parts.encoder.columns]
    assert not parts.encoder.encode(trained)[:, columns].any()
    assert not parts.encoder.encode_row(features)[:, columns].any()
    assert not np.isnan(parts.encoder.encode_row(features)[:, columns]).any()


def test_the_latency_gate_times_rows_with_unlisted_categories(parts: BundleParts, store: OnlineStore) -> None:
    purposes = ["boat", "", "a\tb", "x" * 400, None] * 10
    rows = pa.table({"customer_id": ["C7"] * 50, "amount": [900.0] * 50, "income_monthly": [900.0] * 50})
    rules = {"purpose": ColumnRule("string", required=False)}
    contract = BundleContract("applications", {"applications": SourceRules("at", "known_at", rules)})
    engine = Engine(bundle_of(replace(parts, contract=contract)), store)
    rows = rows.append_column("purpose", pa.array(purposes))
    assert decision_latency(engine, rows, now=NOW, seed=1, decisions=40) > 0


def test_a_bundle_without_contracts_is_served_as_before(parts: BundleParts) -> None:
    """Numbers within the common bounds, and the listed values of a category alone."""
    shape = Engine(bundle_of(parts), None).shape
    assert shape.rules == {}
    assert shape.categories["purpose"] == ("car", "home", "education")


def test_a_whole_row_of_its_source_can_be_posted(served: Served) -> None:
    """Columns that no feature reads are left out, personal ones among them; times go by the contract's names."""
    times = {"booked_at": "2026-03-02T00:00:00Z", "known_at": "2026-03-02T00:00:00Z"}
    row = {name: value for name, value in EVENT.items() if name != "event_time"} | times
    status, text = post(served, row | {"transaction_id": "T1", "iban": "DE00", "amount": 77.0})
    assert (status, json.loads(text)["added"]) == (200, True)
    as_of = {"as_of": "2026-03-02T00:00:00+00:00"}
    answer = served.decide(**as_of)
    log = served.workspace.environment.decision_log
    assert find_decision(log, str(answer["decision_id"])).features["since_last"] == 0.0


def test_an_event_may_be_posted_before_all_of_it_is_known(served: Served) -> None:
    assert post(served, EVENT | {"direction": None})[0] == 200


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"amount": 10_001}, "field 'amount' is 10001 (number); it must be from 0.01 to 10000"),
        ({"direction": "sideways"}, "it must be one of debit, credit"),
        ({"category": "x" * 21}, "it has 21 characters; it must have 0 to 20"),
        ({"transaction_id": 5}, "field 'transaction_id' is 5 (number); it must be a text"),
        ({"nonsense": 5}, "unknown column 'nonsense'"),
    ],
)
def test_an_event_that_breaks_its_contract_is_refused(served: Served, change: dict[str, object], problem: str) -> None:
    status, text = post(served, EVENT | change)
    assert status == 400
    assert problem in json.loads(text)["problems"][0]
