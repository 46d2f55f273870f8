"""Fraud on cards by people who adapt: they move to what is not stopped.

Belongs here: compromised terminals and cards, raised amounts, and the fraudsters' next moves. Does not belong here:
the owners' payments (`resources.sandbox.world.cards`), their delivery (`bank.py`).

Three ways, as in `world.cards`: a terminal that was tampered with, a stolen card, and a single large amount. Each way's
share of new compromises grows with the share of its attempts that passed lately. A compromise of which three frauds
were stopped, and fewer passed, is given up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np

from resources.moments import DAY_US, midnight_us
from resources.sandbox.planned.incidents import PlannedIncident
from resources.sandbox.world.cards import Cards
from resources.sandbox.world.keyed import uniform, uniforms

WAYS = ("terminal", "card", "amount")
_DAYS = {"terminal": 28, "card": 14, "amount": 1}
# New compromises a day: the share of all terminals, of all cards, and of all cards again.
_A_DAY = {"terminal": 0.0002, "card": 0.0006, "amount": 0.0008}
_GIVEN_UP = 3
_MEMORY = 0.9
_MOVES = 3.0
_RAISED = 5
_MOST_A_DAY = 12


@dataclass
class Compromise:
    """A terminal or a card in the fraudsters' hands, with how their frauds there fared."""

    way: str
    key: int
    first: date
    last: date
    passed: int = 0
    stopped: int = 0

    @property
    def given_up(self) -> bool:
        """Whether they have left it."""
        return self.stopped >= _GIVEN_UP and self.stopped > self.passed


@dataclass
class Fraudsters:
    """The fraudsters, with what they have learned.

    Attributes:
        seed: Of their moves.
        cards: int64 [m], the numbers of the cards.
        terminals: How many terminals there are.
        keenness: How much they do, as a multiple of the usual compromises.
        plan: Waves, and changes of the concept, after which they spread small amounts over many cards.
    """

    seed: int
    cards: np.ndarray
    terminals: int
    keenness: float = 1.0
    plan: Sequence[PlannedIncident] = ()
    compromises: list[Compromise] = field(default_factory=list)
    passing: dict[str, float] = field(default_factory=lambda: dict.fromkeys(WAYS, 1.0))

    def attack(self, day: date, payments: Cards) -> tuple[Cards, np.ndarray]:
        """The payments of a day with the frauds among them, and for each the number of its compromise; -1 for none."""
        self._begin(day)
        hit = np.full(len(payments.at), -1, np.int64)
        cents = payments.cents.copy()
        draws = uniforms(self.seed, "fraud", payments.transaction_id)
        for number, one in enumerate(self.compromises):
            if one.given_up or not one.first <= day <= one.last:
                continue
            mine = (payments.terminal if one.way == "terminal" else payments.card) == one.key
            if one.way == "card":
                mine &= draws < 1 / 3
            if one.way == "amount":
                mine &= np.cumsum(mine) == 1
            hit[mine & (hit < 0)] = number
            cents = np.where(mine & (hit == number), self._taken(one.way, day, payments, draws), cents)
        return replace(payments, cents=cents, fraud=(hit >= 0).astype(np.int8)), hit

    def learn(self, hit: np.ndarray, passed: np.ndarray) -> None:
        """Learns how the frauds of a day fared.

        Args:
            hit: As `attack` returned it.
            passed: bool, whether each payment was let through.
        """
        tried = dict.fromkeys(WAYS, 0)
        went = dict.fromkeys(WAYS, 0)
        for number, through in zip(hit[hit >= 0].tolist(), passed[hit >= 0].tolist(), strict=True):
            one = self.compromises[number]
            tried[one.way] += 1
            went[one.way] += through
            one.passed, one.stopped = one.passed + through, one.stopped + (not through)
        for way in WAYS:
            if tried[way]:
                self.passing[way] = _MEMORY * self.passing[way] + (1 - _MEMORY) * went[way] / tried[way]

    def _begin(self, day: date) -> None:
        """The compromises that begin on a day."""
        weight = np.exp([_MOVES * self.passing[way] for way in WAYS])
        share = dict(zip(WAYS, len(WAYS) * weight / weight.sum(), strict=True))
        pressure = self.keenness + sum(
            one.strength for one in self.plan if one.kind == "fraud_wave" and one.covers(day)
        )
        for way in WAYS:
            count = self.terminals if way == "terminal" else len(self.cards)
            expected = (
                count * _A_DAY[way] * share[way] * pressure * (3.0 if way == "amount" and self._new(day) else 1.0)
            )
            for number in range(_drawn(uniform(self.seed, f"new {way}", day.toordinal()), expected)):
                u = uniform(self.seed, f"which {way}", day.toordinal() * _MOST_A_DAY + number)
                key = 1 + int(u * count) if way == "terminal" else int(self.cards[int(u * count)])
                self.compromises.append(Compromise(way, key, day, day + timedelta(days=_DAYS[way] - 1)))

    def _taken(self, way: str, day: date, payments: Cards, draws: np.ndarray) -> np.ndarray:
        """The amounts, in cents, that frauds of a way would take."""
        if way == "terminal":
            return payments.cents
        if self._new(day):  # they stay below what looks large
            return np.rint(6_000 + 9_000 * draws).astype(np.int64)
        return payments.cents * _RAISED if way == "card" else np.rint(22_000 + 40_000 * draws).astype(np.int64)

    def _new(self, day: date) -> bool:
        return any(one.kind == "concept_drift" and one.product == "card_fraud" and one.covers(day) for one in self.plan)


def _drawn(u: float, expected: float) -> int:
    """A Poisson count of this expectation by a uniform draw, at most `_MOST_A_DAY`."""
    count, term = 0, float(np.exp(-expected))
    total = term
    while u > total and count < _MOST_A_DAY:
        count += 1
        term *= expected / count
        total += term
    return count


def payments_of(payments: Cards, day: date) -> Cards:
    """The payments of one day."""
    low, high = np.searchsorted(payments.at, [midnight_us(day), midnight_us(day) + DAY_US])
    return Cards(
        payments.transaction_id[low:high], payments.card[low:high], payments.terminal[low:high], payments.at[low:high],
        payments.cents[low:high], payments.fraud[low:high],
    )  # fmt: skip
