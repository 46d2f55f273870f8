"""Cents for euros in a file of the small bank: the contract passes, the fault is told, and mending removes it."""

import csv
from collections.abc import Callable
from datetime import timedelta

import pytest

from assets.monitoring.faults.holding import standing_faults
from pipelines.alerting.monitors import of_faults
from pipelines.products import load_product
from resources.clock import HistoryClock
from tests.integration.conftest import LAST, Small

pytestmark = pytest.mark.slow
ASSETS = (
    "raw_card_transactions", "raw_fraud_labels", "validated_card_transactions", "validated_fraud_labels", "features",
    "fingerprints", "data_faults",
)  # fmt: skip
PLACE = "card_transactions.amount"


def times(text: str, factor: int) -> str:
    """The rows of a file with the amounts multiplied."""
    rows = list(csv.DictReader(text.splitlines()))
    lines = [",".join(rows[0])]
    lines += [",".join({**row, "amount": f"{float(row['amount']) * factor:.2f}"}.values()) for row in rows]
    return "\n".join(lines) + "\n"


def test_cents_for_euros_are_told_with_their_features_and_gone_once_mended(small: Callable[[str], Small]) -> None:
    bank, product = small("card_fraud"), load_product("card_fraud")
    file = bank.landing_file("card_transactions", LAST)
    euros = file.read_text(encoding="utf-8")
    file.write_text(times(euros, 100), encoding="utf-8")
    bank.make(LAST - timedelta(days=9), LAST, *ASSETS)

    standing = standing_faults(product, bank.lake)
    (fault,) = standing.findings
    assert (fault.place, fault.kind, fault.day, fault.figures["factor"]) == (PLACE, "scaled", LAST, 100)
    assert {"amount", "card_mean_amount_1d"} <= set(fault.moved)
    (alert,) = of_faults(product, bank.lake, HistoryClock(LAST).now()).alerts
    assert (alert.subject, alert.owner) == (f"{PLACE} scaled", fault.owner)

    file.write_text(euros, encoding="utf-8")
    bank.make(LAST, LAST, *ASSETS)
    assert "it was mended" in of_faults(product, bank.lake, HistoryClock(LAST).now()).ending(alert)
