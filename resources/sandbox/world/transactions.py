"""The account transactions, as the bank's core system delivers them.

Belongs here: counterparties, running balances, late and bad rows, and the feed `transactions`. Does not belong here:
the bookings themselves (`accounts.py`).
"""

import numpy as np
import pyarrow as pa

from resources.moments import DAY_US, SECOND_US
from resources.sandbox.world.accounts import BONUS, CATEGORIES, RENT, SALARY, Bookings, make_bookings
from resources.sandbox.world.feeds import Feed, in_period
from resources.sandbox.world.people import People
from resources.sandbox.world.settings import BankSettings
from resources.sandbox.world.text import coded, iso_moments

_LATE = 0.015
_BAD = 0.001
_DIRECTIONS = ("credit", "debit", "unknown")
# For each category, the word for its counterparties and their number.
_COUNTERPARTIES = (
    ("employer", 400), ("landlord", 300), ("grocer", 120), ("utility", 12), ("venue", 150), ("carrier", 40),
    ("person", 500), ("atm", 120), ("casino", 8), ("merchant", 400),
    ("employer", 400), ("bank", 1), ("office", 8), ("issuer", 6), ("savings", 40),
)  # fmt: skip


def transactions_feed(settings: BankSettings, people: People) -> Feed:
    """All bookings of the period in the order of arrival; transaction_id counts in that order.

    1.5% arrive one to three days late. One in a thousand has a negative amount or an unknown direction, as in real
    banks; a contract must catch these rows.
    """
    rng = settings.rng("transactions")
    bookings, opening = make_bookings(settings, people)
    balance = _running_balance(bookings, opening)
    counterparty = _counterparties(bookings, rng)
    count = len(bookings.at)
    delay = np.where(
        rng.random(count) < _LATE, rng.integers(DAY_US, 3 * DAY_US, count) // SECOND_US, rng.integers(1, 20, count)
    )
    known = bookings.at + delay * SECOND_US
    bad = rng.random(count) / _BAD
    cents = np.where(bad < 0.5, -np.abs(bookings.cents), np.abs(bookings.cents))
    direction = np.where((bad >= 0.5) & (bad < 1), 2, np.where(bookings.cents > 0, 0, 1))
    order = np.argsort(known, kind="stable")
    order = order[(known[order] >= settings.start_us) & (known[order] < settings.end_us)]
    customer = pa.array(bookings.customer[order])
    words = [f"{word}-{number:03d}" for word, size in _COUNTERPARTIES for number in range(size)]
    table = pa.table(
        {
            "transaction_id": pa.array(np.arange(1, len(order) + 1, dtype=np.int64)),
            "account_id": people.account_ids.take(customer),
            "customer_id": people.customer_ids.take(customer),
            "event_time": iso_moments(bookings.at[order]),
            "known_at": iso_moments(known[order]),
            "amount": cents[order] / 100,
            "direction": coded(_DIRECTIONS, direction[order]),
            "category": coded(CATEGORIES, bookings.category[order]),
            "counterparty": coded(words, counterparty[order]),
            "balance_after": balance[order] / 100,
        }
    )
    return in_period("transactions", table, known[order], first=settings.first_day, last=settings.last_day)


def _running_balance(bookings: Bookings, opening: np.ndarray) -> np.ndarray:
    """The account's balance in cents after each booking, in the order of event times."""
    order = np.lexsort((bookings.at, bookings.customer))
    who, moved = bookings.customer[order], bookings.cents[order]
    total = np.cumsum(moved)
    first = np.r_[True, who[1:] != who[:-1]]
    before = (total - moved)[first]
    group = np.cumsum(first) - 1
    balance = np.empty_like(total)
    balance[order] = total - before[group] + opening[who]
    return balance


def _counterparties(bookings: Bookings, rng: np.random.Generator) -> np.ndarray:
    """A code for each booking; employer and landlord stay the same for a customer, other counterparties change."""
    sizes = np.array([size for _, size in _COUNTERPARTIES])
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    drawn = (rng.random(len(bookings.at)) * sizes[bookings.category]).astype(np.int64)
    lasting = np.isin(bookings.category, (SALARY, BONUS, RENT))
    drawn = np.where(lasting, bookings.customer * 31 % sizes[bookings.category], drawn)
    return np.asarray(offsets[bookings.category] + drawn)
