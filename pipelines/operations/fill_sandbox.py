"""The sandbox, made ready for a product.

Belongs here: filling what a product's sources read, in an environment that has the sandbox. Does not belong here: the
bank itself (`resources.sandbox`), the processes that serve it (`services.py`).
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from assets.product import Product
from resources.environments import Environment
from resources.sandbox.systems.filling import fill_bank, fill_cards
from resources.sandbox.systems.handbook import fill_cards_from_handbook
from resources.sandbox.world.settings import BankSettings

Progress = Callable[[str], None]


def fill_sandbox(product: Product, environment: Environment, progress: Progress) -> tuple[date, date]:
    """Fills what the product reads, once; gives the first and the last day that it has.

    Card sources come from the folder that `card_transactions` of the environment names, or are made up.
    """
    settings = BankSettings()
    if any(source.name == "card_transactions" for source in product.sources):
        if environment.card_transactions:
            cards = fill_cards_from_handbook(
                Path(environment.card_transactions).expanduser(), landing=environment.landing, progress=progress
            )
        else:
            cards = fill_cards(settings, landing=environment.landing, progress=progress)
        return cards.first_day, cards.last_day
    bank = fill_bank(
        settings,
        database_url=environment.database_url,
        landing=environment.landing,
        stream=environment.stream,
        bureau_data=environment.bank / "bureau",
        progress=progress,
    )
    return bank.first_day, bank.last_day
