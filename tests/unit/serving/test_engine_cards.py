"""A product whose requests are events, with two entities and an order within a microsecond."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from assets.bundle.bundle import Bundle
from assets.serving.engine import Engine
from assets.serving.requests.parse import RequestError
from tests.support.data.card_samples import filled, history, kernel, request
from tests.support.models.serving_samples import NOW


def test_past_requests_decided_again_have_the_features_of_training(card_bundle: Bundle, tmp_path: Path) -> None:
    """All events are in the store for every row: those at or after the row must not count."""
    table, labels = history()
    spine = table.append_column("as_of", table["event_time"])
    expected = kernel().compute({"card_transactions": table, "fraud_labels": labels}, spine).to_pylist()
    engine = Engine(card_bundle, filled(tmp_path, NOW + timedelta(days=30)), as_of_allowed=True)
    rows = table.to_pylist()
    decided = [engine.decide(request(row), now=NOW) for row in rows]
    assert [decision.features for decision in decided] == expected
    ties = sum(a["event_time"] == b["event_time"] for a, b in pairwise(rows))
    assert ties > 10


def test_the_transactions_of_the_same_second_count_by_their_order(card_bundle: Bundle, tmp_path: Path) -> None:
    store = filled(tmp_path, NOW)
    engine = Engine(card_bundle, store, as_of_allowed=True)
    moment = NOW + timedelta(seconds=1)
    event = {
        "transaction_id": 1000, "sequence": 1000, "card_id": 1, "terminal_id": 100, "event_time": moment,
        "known_at": moment, "amount": 50.0, "country": "AT",
    }  # fmt: skip
    later = request(event | {"transaction_id": 1001})
    before = engine.decide(later, now=NOW).features["card_count_7d"]
    store.append_event("card_transactions", event)
    assert engine.decide(later, now=NOW).features["card_count_7d"] == before + 1  # type: ignore[operator]
    of_event = engine.decide(request(event), now=NOW).features["card_count_7d"]
    assert of_event == before


def test_without_an_order_the_request_is_refused(card_bundle: Bundle) -> None:
    engine = Engine(card_bundle, None, as_of_allowed=True)
    rows = history()[0].slice(0, 1).to_pylist()
    complete = request(rows[0])
    with pytest.raises(RequestError, match="'transaction_id' is missing"):
        engine.decide(
            {name: value for name, value in complete.items() if name != "transaction_id"}, now=datetime.now(UTC)
        )
