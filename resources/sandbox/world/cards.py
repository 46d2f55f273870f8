"""Invented card payments and fraud on them.

Belongs here: the card, terminal, moment and amount of each payment, and the three kinds of fraud. Does not belong here:
the rows of the feeds (`card_feeds.py`), files (`resources.sandbox.systems.card_files`).

The model is that of the public Fraud Detection Handbook (Le Borgne, Siblini, Lebichot, Bontempi, chapter 3): cards and
terminals have places on a map, and a card is used at terminals near it. Three kinds of payments are fraud: an amount
above 220, every payment at a terminal that was tampered with (28 days), and a third of the payments of a stolen card
(14 days, five times the amount).
"""

from dataclasses import dataclass

import numpy as np

from resources.moments import DAY_US, SECOND_US, midnight_us
from resources.sandbox.world.incidents import of_kind
from resources.sandbox.world.people import People
from resources.sandbox.world.seasons import day_weights, days_within, time_of_day
from resources.sandbox.world.settings import BankSettings

_HIGH_CENTS = 22_000
_TAMPERED_DAYS = 28
_STOLEN_DAYS = 14
# Compromises a day: the share of all terminals, of all cards (the Handbook's 2 of 10,000 and 3 of 5,000).
_TAMPERED_A_DAY = 0.0002
_STOLEN_A_DAY = 0.0006
_NEARBY = 40


@dataclass(frozen=True)
class Cards:
    """Card payments as columns, in the order of (at, transaction_id).

    Attributes:
        transaction_id, card, terminal: int64 [n].
        at: int64 [n], microseconds since 1970.
        cents: int64 [n].
        fraud: int8 [n], 0 or 1.
    """

    transaction_id: np.ndarray
    card: np.ndarray
    terminal: np.ndarray
    at: np.ndarray
    cents: np.ndarray
    fraud: np.ndarray


def make_cards(settings: BankSettings, people: People) -> Cards:
    """All card payments from `settings.cards_from` on; a card's number is its customer's, transactions count from 1."""
    rng = settings.rng("cards")
    payments, numbers = honest_payments(settings, people, rng)
    return _with_fraud(settings, payments, numbers, rng)


def honest_payments(settings: BankSettings, people: People, rng: np.random.Generator) -> tuple[Cards, np.ndarray]:
    """The payments of the cards' owners, and the number of each card."""
    holder = _holders(settings, people, rng)
    mean = rng.uniform(5, 100, len(holder))
    rate = rng.uniform(0.05, 4, len(holder))
    count = rng.poisson(rate * (settings.card_transactions / rate.sum()))
    row = np.repeat(np.arange(len(holder)), count)
    days = (settings.last_day - settings.cards_from).days + 1
    weights = day_weights(settings.cards_from, days, week=(0.95, 0.95, 1.0, 1.0, 1.1, 1.15, 0.85), december=1.3)
    n = len(row)
    day = days_within(weights, np.zeros(n, np.int64), np.full(n, days), rng.random(n))
    at = midnight_us(settings.cards_from) + day * DAY_US + time_of_day(rng, n, hour=13, spread=5) * SECOND_US
    near = _nearby(len(holder), settings.terminals, rng)
    terminal = near[row, rng.integers(0, near.shape[1], n)] + 1
    euros = rng.normal(mean[row], mean[row] / 2)
    euros = np.where(euros <= 0, rng.uniform(0, 2 * mean[row]), euros)
    cents = np.maximum(np.rint(euros * 100), 1).astype(np.int64)
    order = np.argsort(at, kind="stable")
    number = np.arange(1, n + 1, dtype=np.int64)
    cards = Cards(number, holder[row][order] + 1, terminal[order], at[order], cents[order], np.zeros(n, np.int8))
    return cards, holder + 1


def _holders(settings: BankSettings, people: People, rng: np.random.Generator) -> np.ndarray:
    """Rows of the customers with a card; only customers from before the first card day, if there are enough."""
    there = max(settings.cards, int(np.searchsorted(people.opened, midnight_us(settings.cards_from))))
    return np.sort(rng.permutation(there)[: settings.cards])


def _nearby(cards: int, terminals: int, rng: np.random.Generator) -> np.ndarray:
    """int64 [cards, k]: each card's nearest terminals on a map of 100 by 100."""
    homes, shops = rng.uniform(0, 100, (cards, 2)), rng.uniform(0, 100, (terminals, 2))
    k = min(_NEARBY, terminals)
    near = np.empty((cards, k), np.int64)
    for first in range(0, cards, 500):
        part = homes[first : first + 500]
        distance = ((part[:, None, :] - shops[None, :, :]) ** 2).sum(axis=2)
        near[first : first + 500] = np.sort(np.argsort(distance, axis=1, kind="stable")[:, :k], axis=1)
    return near


def _with_fraud(settings: BankSettings, cards: Cards, numbers: np.ndarray, rng: np.random.Generator) -> Cards:
    tampered, tampered_at = _compromises(settings, settings.terminals, _TAMPERED_A_DAY, "terminals")
    stolen, stolen_at = _compromises(settings, settings.cards, _STOLEN_A_DAY, "stolen")
    at_tampered = _within(cards.terminal, cards.at, tampered + 1, tampered_at, _TAMPERED_DAYS * DAY_US)
    of_stolen = _within(cards.card, cards.at, numbers[stolen], stolen_at, _STOLEN_DAYS * DAY_US)
    of_stolen &= rng.random(len(cards.at)) < 1 / 3
    fraud = (cards.cents > _HIGH_CENTS) | at_tampered | of_stolen
    cents = np.where(of_stolen, cards.cents * 5, cards.cents)
    return Cards(cards.transaction_id, cards.card, cards.terminal, cards.at, cents, fraud.astype(np.int8))


def _compromises(settings: BankSettings, how_many: int, a_day: float, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Which of `how_many` are compromised, and from when: row numbers and microseconds. Fraud waves add more."""
    rng = settings.rng(f"compromises {what}")
    before = _TAMPERED_DAYS
    start, end = midnight_us(settings.cards_from) - before * DAY_US, settings.end_us
    rows, times = [], []
    spans = [(start, end, 1.0, rng)]
    for number, wave in enumerate(of_kind(settings.incidents, "fraud_wave")):
        until = wave.until or settings.last_day
        span = (midnight_us(wave.day), min(midnight_us(until) + DAY_US, end), wave.effect)
        spans.append((*span, settings.rng(f"wave {number} {what}")))
    for low, high, times_usual, random in spans:
        count = round(how_many * a_day * times_usual * (high - low) / DAY_US)
        rows.append(random.integers(0, how_many, count))
        times.append(random.integers(low, high, count))
    return np.concatenate(rows), np.concatenate(times)


def _within(key: np.ndarray, at: np.ndarray, episode_key: np.ndarray, start: np.ndarray, length: int) -> np.ndarray:
    """bool [n]: whether each (key, moment) lies in an episode [start, start + length) of its key."""
    base = int(min(at.min(initial=0), start.min(initial=0)))
    span = int(max(at.max(initial=0), (start + length).max(initial=0))) - base + 1
    place = key * span + (at - base)
    order = np.argsort(place, kind="stable")
    edge = np.zeros(len(place) + 1, np.int64)
    np.add.at(edge, np.searchsorted(place[order], episode_key * span + (start - base)), 1)
    np.add.at(edge, np.searchsorted(place[order], episode_key * span + (start + length - base)), -1)
    inside = np.empty(len(place), bool)
    inside[order] = np.cumsum(edge[:-1]) > 0
    return inside
