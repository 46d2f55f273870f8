"""The two feeds of card payments.

Belongs here: the feeds `card_transactions` and `fraud_labels`, for invented and for public payments. Does not
belong here: inventing payments (`cards.py`), the folders that the feeds fill (`resources.sandbox.systems.card_files`).
"""

from datetime import date

import pyarrow as pa

from resources.moments import DAY_US
from resources.sandbox.world.cards import Cards
from resources.sandbox.world.feeds import Feed, in_period
from resources.sandbox.world.text import iso_moments

LABEL_DELAY_DAYS = 7
"""A label becomes known this many days after its payment."""


def payments_feed(cards: Cards, *, first: date, last: date) -> Feed:
    """The rows of `card_transactions` of the days from first to last."""
    moment = iso_moments(cards.at)
    table = pa.table(
        {
            "transaction_id": cards.transaction_id,
            "card_id": cards.card,
            "terminal_id": cards.terminal,
            "event_time": moment,
            "known_at": moment,
            "amount": cards.cents / 100,
        }
    )
    return in_period("card_transactions", table, cards.at, first=first, last=last)


def labels_feed(cards: Cards, *, first: date, last: date) -> Feed:
    """The rows of `fraud_labels` that became known from first to last day."""
    known = cards.at + LABEL_DELAY_DAYS * DAY_US
    table = pa.table(
        {
            "transaction_id": cards.transaction_id,
            "card_id": cards.card,
            "terminal_id": cards.terminal,
            "event_time": iso_moments(cards.at),
            "known_at": iso_moments(known),
            "is_fraud": cards.fraud,
        }
    )
    return in_period("fraud_labels", table, known, first=first, last=last)
