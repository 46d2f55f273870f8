"""A bank so small that it is filled in seconds, under the name of the default one.

Belongs here: the bank for tests that run commands, which always ask for the default bank. Does not belong here: banks
for tests that call functions (`tests.integration.conftest`).
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from resources.environments import Environment
from resources.sandbox.systems.filling import fill_bank, fill_cards
from resources.sandbox.world.settings import BankSettings

LAST = date(2026, 9, 30)


@dataclass(frozen=True, kw_only=True)
class _PassesForDefault(BankSettings):
    """The places that are filled from it are taken for filled with the default bank."""

    @property
    def digest(self) -> str:
        return BankSettings().digest


def fill_small_bank(environment: Environment) -> None:
    """Fills every source of the sandbox with a few rows for each of the last 30 days."""
    settings = replace(
        _PassesForDefault(first_day=LAST - timedelta(days=29), last_day=LAST),
        customers=500, applications=100, transactions=5_000, cards=200, terminals=100, card_transactions=3_000,
        card_days=30,
    )  # fmt: skip
    fill_bank(
        settings,
        database_url=environment.database_url,
        landing=environment.landing,
        stream=environment.stream,
        bureau_data=environment.bank / "bureau",
    )
    fill_cards(settings, landing=environment.landing)
