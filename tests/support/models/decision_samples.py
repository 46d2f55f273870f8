"""Decisions of a product, and their log.

Belongs here: samples for the tests of the decision log. Does not belong here: assertions.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from assets.serving.decision import Decision, Reason, new_id
from assets.serving.log.writer import DecisionLog

NOW = datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC)
DAY = date(2026, 3, 1)
FIRST = Decision(
    id=new_id(NOW),
    product="credit_risk",
    bundle="3",
    digest="ab" * 32,
    row_id=17,
    keys={"customer_id": "C1"},
    as_of=NOW - timedelta(seconds=1),
    decided_at=NOW,
    score=0.1 + 0.2,
    outcome="decline",
    threshold=0.25,
    reasons=(Reason("amount", "The amount is high for the income", 1 / 3),),
    inputs={"amount": 1e-300, "purpose": None},
    features={"amount": 1e-300, "spend": float("1.7976931348623157e308"), "purpose": None},
    store_version="v7",
)


def another(**changes: object) -> Decision:
    decided_at = changes.get("decided_at", NOW)
    return replace(FIRST, id=new_id(decided_at), **changes)  # type: ignore[arg-type]


def write(folder: Path, *decisions: Decision) -> None:
    log = DecisionLog(folder)
    for decision in decisions:
        log.append(decision).result(5)
    log.close()
