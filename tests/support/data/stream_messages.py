"""Messages of the credit product's streams.

Belongs here: samples for the tests of `assets.streaming`. Does not belong here: assertions.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from assets.features.kernel.kernel import compile_features
from pipelines.credit_risk.product import PRODUCT
from resources.sources.streams.tails import Message

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
NOW = UNTIL + timedelta(hours=6)
HOUR = timedelta(hours=1)
KEY = b"k" * 32
NEEDS = compile_features(PRODUCT.features, PRODUCT.resolutions).needs


def repayment(number: int, moment: datetime, **change: object) -> dict[str, Any]:
    return {
        "event_id": f"e{number}", "application_id": "A1", "customer_id": "C1", "event_time": moment.isoformat(),
        "known_at": moment.isoformat(), "kind": "paid", "days_past_due": number, "amount_due": 10.0, "amount_paid": 10,
    } | change  # fmt: skip


def messages(*rows: dict[str, Any]) -> list[Message]:
    return [Message(json.dumps(row), datetime.fromisoformat(row["known_at"])) for row in rows]
