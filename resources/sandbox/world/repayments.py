"""The history of granted loans.

Belongs here: which loans go bad and when, the monthly events of each loan, and the feed `repayments`. Does not belong
here: applications and their decisions (`lending.py`).

A loan is disbursed within two days. An instalment falls due every 30 days and is paid or missed. Days past due are 30
for each unpaid instalment: 30 after the first missed one, 90 after the third, 120 after the fourth, when the loan is
charged off and its events end. A payment after missed ones pays all that is due and sets days past due to 0.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from resources.moments import DAY_US
from resources.sandbox.world.feeds import Feed, in_period
from resources.sandbox.world.lending import Granted, Requests
from resources.sandbox.world.people import People
from resources.sandbox.world.seasons import shock
from resources.sandbox.world.settings import BankSettings
from resources.sandbox.world.text import coded, identifiers, iso_moments

KINDS = ("disbursed", "paid", "missed")
DISBURSED, PAID, MISSED = range(3)
_STEP_US = 30 * DAY_US
_DELAY_US = 60_000_000
# The third missed instalment makes 90 days. With disbursement on day 1 or 2, the fifth falls due on day 151 or 152, the
# sixth possibly after day 180: so an early default begins with one of the first three.
_EARLY = 3


@dataclass(frozen=True)
class LoanEvents:
    """Events as columns; `loan` is the row number of the application."""

    loan: np.ndarray
    at: np.ndarray
    known: np.ndarray
    kind: np.ndarray
    past_due: np.ndarray
    due: np.ndarray
    paid: np.ndarray


def repayments_feed(settings: BankSettings, people: People, requests: Requests, granted: Granted) -> Feed:
    """The messages of stream `repayments` about the granted loans, in the order of their arrival."""
    rng = settings.rng("repayments")
    start, early = _beginning(requests, rng)
    probability = default_probability(settings, requests, granted, start + early * _STEP_US)
    first_missed = _first_missed(settings, requests, granted, early, probability, rng)
    events = loan_history(settings, requests, granted.actual, start, first_missed, rng)
    order = np.argsort(events.known, kind="stable")
    ids = identifiers("E", np.arange(1, len(order) + 1), 7)
    known, table = events.known[order], message_rows(people, requests, events, order, ids)
    return in_period("repayments", table, known, first=settings.first_day, last=settings.last_day)


def message_rows(
    people: People, requests: Requests, events: LoanEvents, order: np.ndarray, ids: pa.StringArray
) -> pa.Table:
    """The events in an order (row numbers), as the messages of the stream with these ids."""
    loan = events.loan[order]
    return pa.table(
        {
            "event_id": ids,
            "application_id": requests.ids.take(pa.array(loan)),
            "customer_id": people.customer_ids.take(pa.array(requests.customer[loan])),
            "event_time": iso_moments(events.at[order]),
            "known_at": iso_moments(events.known[order]),
            "kind": coded(KINDS, events.kind[order]),
            "days_past_due": events.past_due[order],
            "amount_due": events.due[order],
            "amount_paid": events.paid[order],
        }
    )


def true_probability(settings: BankSettings, requests: Requests, granted: Granted) -> np.ndarray:
    """float64 [n]: the probability with which the bank's loans were drawn to fall 90 days past due within 180 days.

    It is for judging models, never for one: it knows each person's creditworthiness.
    """
    start, early = _beginning(requests, settings.rng("repayments"))
    return default_probability(settings, requests, granted, start + early * _STEP_US)


def default_probability(
    settings: BankSettings, requests: Requests, granted: Granted, missed_at: np.ndarray
) -> np.ndarray:
    """float64 [n]: the probability of an early default, whose first missed instalment would fall due at these moments.

    The mean over the loans that are granted in usual times is `settings.bad_rate`; shocks of these moments add to it.
    """
    intercept = intercept_for(requests.usual_risk[granted.usual], settings.bad_rate)
    return logistic(requests.risk + intercept + shock(settings.incidents, missed_at))


def _beginning(requests: Requests, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """When each loan is disbursed, microseconds, and with which instalment an early default would begin: int64 [n]."""
    n = len(requests.at)
    start = requests.at + rng.integers(DAY_US // 12, 2 * DAY_US, n)
    return start, rng.integers(1, _EARLY + 1, n)


def _first_missed(
    settings: BankSettings,
    requests: Requests,
    granted: Granted,
    early: np.ndarray,
    probability: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """int64 [n]: the number of the instalment with which a loan stops being paid for good; 0 for never."""
    n = len(early)
    goes_bad = rng.random(n) < probability
    # A loan that survives the first months may still fail later, with falling frequency; the label does not count it.
    intercept = intercept_for(requests.usual_risk[granted.usual], settings.bad_rate)
    later = _EARLY + 2 + rng.geometric(0.08, n)
    fails_later = rng.random(n) < 0.8 * logistic(requests.risk + intercept - 0.4)
    return np.where(goes_bad, early, np.where(fails_later, later, 0))


def loan_history(
    settings: BankSettings,
    requests: Requests,
    granted: np.ndarray,
    start: np.ndarray,
    first_missed: np.ndarray,
    rng: np.random.Generator,
) -> LoanEvents:
    """The events of the granted loans to the end of the period, in no particular order.

    Args:
        granted: bool [n]: what the others would do is drawn too, so that no loan's history depends on another's.
        start: int64 [n], when each loan is disbursed, microseconds.
        first_missed: int64 [n], the instalment with which a loan stops being paid for good; 0 for never.
    """
    loans = np.nonzero(granted)[0]
    nothing = np.zeros(len(loans))
    known = start + rng.integers(_DELAY_US, DAY_US, len(start))
    parts = [
        LoanEvents(
            loans,
            start[loans],
            known[loans],
            np.full(len(loans), DISBURSED),
            nothing.astype(np.int64),
            nothing,
            nothing,
        )
    ]
    unpaid = np.zeros(len(start), np.int64)
    slip = 0.03 * np.exp(np.clip(0.35 * requests.risk, -1, 1.2))
    for number in range(1, settings.days // 30 + 2):
        u = rng.random(len(start))
        # Some instalments are missed, and sometimes the next one too; then all is paid.
        slips = (unpaid < 2) & (u < np.where(unpaid == 1, 0.25, slip))
        failing = (first_missed > 0) & (number >= first_missed)
        missed = failing | slips
        at = start + number * _STEP_US
        # Drawn for every loan, running or not, so that one loan's history does not change another's.
        known = at + rng.integers(_DELAY_US, DAY_US, len(start))
        runs = granted & (number <= requests.term) & (unpaid < 4) & (at < settings.end_us)
        due = requests.instalment * (unpaid + 1)
        unpaid = np.where(runs, np.where(missed, unpaid + 1, 0), unpaid)
        row = np.nonzero(runs)[0]
        kind = np.where(missed[row], MISSED, PAID)
        owed = np.round(due[row], 2)
        parts.append(
            LoanEvents(row, at[row], known[row], kind, 30 * unpaid[row], owed, np.where(missed[row], 0.0, owed))
        )
    columns = ("loan", "at", "known", "kind", "past_due", "due", "paid")
    return LoanEvents(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


def intercept_for(risk: np.ndarray, rate: float) -> float:
    """The intercept of log-odds for which the mean probability equals the rate, found by bisection."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if logistic(risk + middle).mean() < rate else (low, middle)
    return low


def logistic(x: np.ndarray) -> np.ndarray:
    """The probability of log-odds."""
    return np.asarray(1 / (1 + np.exp(-x)))
