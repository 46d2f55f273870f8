"""The sandbox of an environment: it has the days of the sources that it delivers, and fills what is read."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from resources.sandbox.systems.sandbox import Address, Sandbox
from resources.sandbox.world.settings import BankSettings

TABLE = Address("table", "applications")
REPORTS = Address("endpoint", "/reports")
CARDS = Address("files", "card_transactions/{day}.csv")
FOREIGN = (Address("files", "applications"), Address("table", "claims"), Address("stream", "/reports"))
FIRST, CARDS_FIRST, LAST = date(2025, 10, 1), date(2025, 10, 22), date(2025, 10, 31)
SETTINGS = replace(
    BankSettings.of_size(customers=50, first_day=FIRST, last_day=LAST), applications=20, transactions=200, card_days=10
)


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(folder=tmp_path, bureau_url="http://127.0.0.1:4703", settings=SETTINGS)


def test_the_days_are_those_that_all_of_the_sources_have(sandbox: Sandbox) -> None:
    assert sandbox.days([TABLE, REPORTS, *FOREIGN]) == (FIRST, LAST)
    assert sandbox.days([CARDS]) == (CARDS_FIRST, LAST)
    assert sandbox.days([CARDS, TABLE]) == (CARDS_FIRST, LAST)
    assert sandbox.days(FOREIGN) is None


def test_the_days_of_files_brought_along_are_not_known_before_they_are_read(sandbox: Sandbox, tmp_path: Path) -> None:
    handbook = replace(sandbox, handbook=tmp_path)
    assert handbook.days([CARDS]) is None
    assert handbook.days([TABLE]) == (FIRST, LAST)


def test_what_is_read_is_filled_and_nothing_else(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sandbox.fill(FOREIGN) is None
    assert not any(tmp_path.iterdir())
    assert sandbox.fill([CARDS]) == (CARDS_FIRST, LAST)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["landing"]
    assert sandbox.fill([TABLE]) == (FIRST, LAST)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bank.db", "bureau", "landing", "stream"]
