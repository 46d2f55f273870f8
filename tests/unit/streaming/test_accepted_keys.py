"""Messages whose entity key the online store cannot take: left out as the lake leaves them out."""

import json
from datetime import UTC, datetime

from assets.features.kernel.kernel import compile_features
from assets.streaming.events import accepted
from pipelines.products import load_product
from resources.sources.tails import Message

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_message_with_a_key_that_the_store_cannot_take_is_quarantined() -> None:
    """The other messages of the batch are accepted."""
    product = load_product("credit_risk")
    kernel = compile_features(product.features, product.resolutions)
    messages = [
        Message(
            json.dumps(
                {
                    "event_id": f"e{number}", "application_id": "A1", "customer_id": customer, "kind": "paid",
                    "event_time": NOW.isoformat(), "known_at": NOW.isoformat(), "days_past_due": 0,
                    "amount_due": 10.0, "amount_paid": 10.0,
                }
            ),
            NOW,
        )
        for number, customer in enumerate(["C1", "C\u00a01", "", "C2"])
    ]  # fmt: skip
    found = accepted(product, product.contract("repayments"), kernel.needs, messages, key=b"k" * 32, consents=None)
    assert [event.row["customer_id"] for event in found.events] == ["C1", "C2"]
    assert found.quarantined == 2
