"""The bank's clock: the day after the last one that was filled."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from resources.sandbox.systems.clock import SandboxClock
from resources.sandbox.systems.filling import fill_cards
from resources.sandbox.world.incidents import SandboxError
from resources.sandbox.world.settings import BankSettings
from tests.unit.resources.sandbox.conftest import Home


def test_today_is_the_day_after_the_last(bank: Home) -> None:
    clock = SandboxClock(bank.landing)
    assert clock.today() == date(2026, 1, 1)
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)


def test_it_can_go_by_one_source(bank: Home, tmp_path: Path) -> None:
    settings = BankSettings.of_size(customers=50, first_day=date(2024, 10, 1), last_day=date(2024, 10, 20))
    fill_cards(settings, landing=tmp_path)
    assert SandboxClock(tmp_path, "card_transactions").today() == date(2024, 10, 21)
    assert SandboxClock(bank.landing, "transactions").today() == date(2026, 1, 1)


def test_an_empty_bank_has_no_today(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="fill the bank first"):
        SandboxClock(tmp_path, "transactions").today()
