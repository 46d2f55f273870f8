"""The bookings of the accounts, month by month: pay, rent, spending and a settlement.

Belongs here: the amounts and moments of every booking. Does not belong here: late and broken rows (`transactions.py`).

Each account-month ends near a balance that follows from the customer's thrift and troubles. The last booking of the
month, a card bill or money from savings elsewhere, brings the account there. So balances stay plausible over years, and
every `balance_after` is the exact running sum of the bookings.
"""

from dataclasses import dataclass

import numpy as np

from resources.moments import DAY_US, SECOND_US, midnight_us
from resources.sandbox.world.people import EMPLOYED, OWN, RETIRED, SELF_EMPLOYED, STUDENT, UNEMPLOYED, People
from resources.sandbox.world.seasons import (
    day_weights,
    days_within,
    income_factor,
    months_of,
    spending_factor,
    time_of_day,
)
from resources.sandbox.world.settings import BankSettings

CATEGORIES = (
    "salary", "rent", "groceries", "utilities", "leisure", "travel", "transfer", "cash", "gambling", "card",
    "bonus", "returned", "benefit", "card_bill", "savings",
)  # fmt: skip
SALARY, RENT, GROCERIES, UTILITIES, LEISURE, TRAVEL, _, CASH, GAMBLING = range(9)
BONUS, RETURNED, BENEFIT, CARD_BILL, SAVINGS = range(10, 15)
# For each spending category from GROCERIES on: its relative frequency, and its typical amount in EUR.
_SPENDING_WEIGHT = np.array([2.4, 0.6, 1.0, 0.25, 0.5, 1.5, 0.9, 0.9])
_SPENDING_AMOUNT = np.array([48.0, 95.0, 38.0, 210.0, 120.0, 80.0, 45.0, 60.0])
# Spending on an account without the customer's salary, relative to an account with it.
_SIDE_ACCOUNT = 0.12
# Direct debits that the account of an average customer does not cover.
_RETURNED_A_MONTH = 0.2


@dataclass(frozen=True)
class Bookings:
    """Bookings as columns, in no particular order.

    Attributes:
        customer: int64 [n], row in `People`.
        at: int64 [n], microseconds since 1970.
        cents: int64 [n], above 0 for incoming money, below 0 for outgoing money.
        category: int8 [n], code into `CATEGORIES`.
    """

    customer: np.ndarray
    at: np.ndarray
    cents: np.ndarray
    category: np.ndarray


@dataclass(frozen=True)
class _Months:
    """One row for each account and calendar month in which it is open: customer, month number, start and end."""

    customer: np.ndarray
    month: np.ndarray
    start: np.ndarray
    end: np.ndarray
    trouble: np.ndarray


def make_bookings(settings: BankSettings, people: People) -> tuple[Bookings, np.ndarray]:
    """All bookings of the calendar months of the period, and the opening balance of each account in cents (int64)."""
    rng = settings.rng("accounts")
    months = _months(settings, people)
    fixed = [
        _pay(settings, people, months, rng), _bonus(settings, people, months, rng),
        _rent(settings, people, months, rng), _returned(people, months, rng),
    ]  # fmt: skip
    wanted = settings.transactions - sum(len(row[0]) for row in fixed) - len(months.customer)
    parts = [*fixed, _spending(settings, people, months, max(wanted, 0), rng)]
    balance = _balances(people, months, rng)
    last, opening = _settlement(settings, people, months, parts, balance, rng)
    row, at, cents, category = (np.concatenate(column) for column in zip(*parts, last, strict=True))
    return Bookings(months.customer[row], at, cents, category.astype(np.int8)), opening


Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # row of _Months, at, cents, category


def _months(settings: BankSettings, people: People) -> _Months:
    edges = months_of(settings.first_day, settings.last_day)
    open_ = people.opened[:, None] <= np.maximum(edges[:-1], settings.start_us)
    customer, month = np.nonzero(open_)
    start, end = edges[month], edges[month + 1]
    trouble = people.in_trouble(customer, start + 14 * DAY_US)
    return _Months(customer, month, start, end, trouble)


def _pay(settings: BankSettings, people: People, months: _Months, rng: np.random.Generator) -> Part:
    who, n = months.customer, len(months.customer)
    work, unsteady = people.employment[who], people.irregular[who]
    steady = (work == EMPLOYED) | (work == RETIRED)
    missed = 0.01 + 0.05 / (1 + np.exp(2.5 - 1.8 * unsteady)) + 0.7 * (months.trouble & (work == EMPLOYED))
    invoices = rng.poisson(np.where(months.trouble, 0.8, 1.7), n)
    times = np.where(work == SELF_EMPLOYED, invoices, rng.random(n) >= np.where(steady, missed, 0.03))
    times = np.where(people.main[who], times, 0)
    row = np.repeat(np.arange(n), times)
    own = who[row]
    # Each customer has a payday from the 24th to the 28th; pay due on a weekend arrives on the Friday before.
    day = (
        months.start[row] // DAY_US
        + 23
        + own % 5
        + np.maximum(rng.normal(0, 0.9, len(row)) * (unsteady[row] > 0.8), 0).astype(np.int64)
    )
    day = np.where(work[row] == SELF_EMPLOYED, months.start[row] // DAY_US + rng.integers(0, 28, len(row)), day)
    weekday = (day + 3) % 7
    day = day - np.where(steady[row], np.maximum(weekday - 4, 0), 0)
    at = day * DAY_US + time_of_day(rng, len(row), hour=5, spread=1) * SECOND_US
    noise = np.where(work[row] == SELF_EMPLOYED, 0.15, 0.035) * np.exp(0.8 * unsteady[row])
    euros = (
        people.income[own]
        / np.where(work[row] == SELF_EMPLOYED, 1.7, 1.0)
        * np.exp(rng.normal(size=len(row)) * np.minimum(noise, 0.8))
    )
    euros *= income_factor(settings.incidents, at)
    benefit = (work[row] == UNEMPLOYED) | (work[row] == STUDENT)
    return row, at, _cents(euros), np.where(benefit, BENEFIT, SALARY)


def _bonus(settings: BankSettings, people: People, months: _Months, rng: np.random.Generator) -> Part:
    """The employees' December pay beyond the month's, three tenths of it, as a booking of its own."""
    who = months.customer
    december = (months.month + settings.first_day.month - 1) % 12 == 11
    row = np.nonzero(december & people.main[who] & (people.employment[who] == EMPLOYED) & ~months.trouble)[0]
    at = months.start[row] + 14 * DAY_US + time_of_day(rng, len(row), hour=5, spread=1) * SECOND_US
    euros = 0.3 * people.income[who[row]] * income_factor(settings.incidents, at)
    return row, at, _cents(euros), np.full(len(row), BONUS)


def _returned(people: People, months: _Months, rng: np.random.Generator) -> Part:
    """The bank's fee for each direct debit that the account did not cover."""
    who = months.customer
    rate = np.where(people.main[who], _RETURNED_A_MONTH * np.exp(-0.9 * people.worth[who] + 1.5 * months.trouble), 0.0)
    row = np.repeat(np.arange(len(who)), rng.poisson(np.minimum(rate, 4.0)))
    span = (months.end - months.start)[row] - DAY_US
    at = months.start[row] + (rng.random(len(row)) * span).astype(np.int64) // SECOND_US * SECOND_US
    return row, at, -_cents(rng.choice([5.0, 7.5, 9.0], len(row))), np.full(len(row), RETURNED)


def _rent(settings: BankSettings, people: People, months: _Months, rng: np.random.Generator) -> Part:
    share = np.clip(rng.normal(0.3, 0.06, len(people)), 0.12, 0.5)
    row = np.nonzero(people.main[months.customer] & (people.housing[months.customer] != OWN))[0]
    own = months.customer[row]
    at = months.start[row] + (own % 5) * DAY_US + time_of_day(rng, len(row), hour=7, spread=1) * SECOND_US
    return row, at, -_cents(people.income[own] * share[own]), np.full(len(row), RENT)


def _spending(settings: BankSettings, people: People, months: _Months, wanted: int, rng: np.random.Generator) -> Part:
    """About `wanted` purchases, spread over the account-months by the account's activity."""
    who = months.customer
    busy = np.where(people.main, np.exp(rng.normal(0, 0.35, len(people))), _SIDE_ACCOUNT)[who]
    first = settings.first_day.replace(day=1)
    start_day = midnight_us(first) // DAY_US
    low, high = months.start // DAY_US - start_day, months.end // DAY_US - start_day
    weights = day_weights(first, int(high.max()), week=(0.9, 0.9, 0.95, 1.0, 1.25, 1.35, 0.8), december=1.35)
    total = np.concatenate([[0.0], np.cumsum(weights)])
    busy = busy * (total[high] - total[low])
    row = np.repeat(np.arange(len(who)), rng.poisson(busy * (wanted / busy.sum())))
    day = days_within(weights, low[row], high[row], rng.random(len(row))) + start_day
    at = day * DAY_US + time_of_day(rng, len(row), hour=14.5, spread=3.8) * SECOND_US
    kind = _kinds(people, who[row], rng)
    habit = np.sqrt(people.income / 2200) * np.exp(rng.normal(0, 0.15, len(people)))
    euros = _SPENDING_AMOUNT[kind] * habit[who[row]] * np.exp(rng.normal(0, 0.55, len(row)))
    return row, at, -_cents(euros * spending_factor(settings.incidents, at)), kind + GROCERIES


def _kinds(people: People, customer: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The category of each purchase, as a number from 0 (groceries), drawn by the customer's habits."""
    weights = np.tile(_SPENDING_WEIGHT, (len(people), 1))
    weights[:, GAMBLING - GROCERIES] *= np.exp(1.2 * people.gambling - 0.6)
    weights[:, CASH - GROCERIES] *= np.exp(1.0 * people.cash - 0.4)
    edges = np.cumsum(weights, axis=1)
    edges = (edges / edges[:, -1:])[:, :-1].astype(np.float32)
    u = rng.random(len(customer), dtype=np.float32)
    kind = np.zeros(len(customer), np.int64)
    for column in np.ascontiguousarray(edges.T):
        kind += u >= column[customer]
    return kind


def _balances(people: People, months: _Months, rng: np.random.Generator) -> np.ndarray:
    """The balance wanted at the end of each account-month and, in the last column, at the opening: cents [n, m + 1]."""
    n, m = len(people), int(months.month.max()) + 1
    trouble = np.zeros((n, m), bool)
    trouble[months.customer, months.month] = months.trouble
    steady = np.where(people.main, 1.0, 0.5)
    swing = rng.normal(0, 0.15, n)
    level = np.empty((n, m + 1))
    level[:, m] = steady * swing
    for month in range(m):
        swing = 0.6 * swing + rng.normal(0, 0.12, n)
        level[:, month] = steady * (swing - 0.45 * trouble[:, month])
    usual = np.where(people.main, 1.1 + 0.75 * people.thrift, 0.5 + 0.4 * people.thrift)
    share = np.maximum(level + usual[:, None], -0.6)
    return np.asarray(np.rint(share * people.income[:, None] * 100), np.int64)


def _settlement(
    settings: BankSettings,
    people: People,
    months: _Months,
    parts: list[Part],
    balance: np.ndarray,
    rng: np.random.Generator,
) -> tuple[Part, np.ndarray]:
    """The booking at the end of each account-month that gives it its balance, and the opening balances."""
    n = len(months.customer)
    moved = sum(np.bincount(row, weights=cents, minlength=n) for row, _, cents, _ in parts)
    wanted = balance[months.customer, months.month]
    first = np.r_[True, months.customer[1:] != months.customer[:-1]]
    before = np.where(first, balance[months.customer, -1], np.r_[0, wanted[:-1]])
    cents = wanted - before - np.rint(moved).astype(np.int64)
    cents = np.where(cents == 0, 1, cents)  # every month has a settlement, and no booking has an amount of 0
    at = months.end - DAY_US + time_of_day(rng, n, hour=22, spread=0.3) * SECOND_US
    kind = np.where(cents < 0, CARD_BILL, SAVINGS)
    return (np.arange(n), at, cents, kind), balance[:, -1]


def _cents(euros: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(np.rint(euros * 100), 1), np.int64)
