"""Loans: what would become of each application, and what is seen of it once the bank has answered.

Belongs here: the potential outcome of every application, and the messages about granted loans. Does not belong here:
the applications (`resources.sandbox.world.lending`), their delivery (`bank.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from resources.moments import DAY_US, midnight_us
from resources.sandbox.answering.economy import added_log_odds
from resources.sandbox.planned.incidents import PlannedIncident
from resources.sandbox.world.keyed import uniforms
from resources.sandbox.world.lending import Granted, Requests
from resources.sandbox.world.people import People
from resources.sandbox.world.repayments import intercept_for, loan_history, logistic, message_rows
from resources.sandbox.world.settings import BankSettings
from resources.sandbox.world.text import identifiers

# As in `world.repayments`: an early default begins with one of the first three instalments, and is 90 days past due
# within 180 days; a later one is none by the label.
_EARLY, _LATER = 3, 5
_STEP_US = 30 * DAY_US


@dataclass(frozen=True)
class Loans:
    """What would become of each application if it were granted.

    Attributes:
        ids: The applications.
        at: int64 [n], when each was made, microseconds.
        amount: float64 [n], EUR.
        bad: bool [n], whether it falls 90 days past due within 180 days.
        granted_before: bool [n], what the bank's old policy says.
    """

    ids: pa.StringArray
    at: np.ndarray
    amount: np.ndarray
    bad: np.ndarray
    granted_before: np.ndarray
    _loan: np.ndarray
    _known: np.ndarray
    _messages: pa.Table

    def messages(self, day: date, granted: np.ndarray) -> pa.Table:
        """The messages that become known on a day about the granted loans; nothing of any other application.

        Args:
            granted: bool [n].
        """
        low, high = np.searchsorted(self._known, [midnight_us(day), midnight_us(day) + DAY_US])
        kept = granted[self._loan[low:high]]
        return self._messages.slice(low, high - low).filter(pa.array(kept))


def potential_loans(
    settings: BankSettings,
    people: People,
    requests: Requests,
    granted_before: Granted,
    plan: Sequence[PlannedIncident],
) -> Loans:
    """The loans of a bank.

    Args:
        granted_before: The old policy's answers; the base rate is that of the loans that it grants.
        plan: Shocks and changes of the concept add to the odds.
    """
    n, rng, number = len(requests.at), settings.rng("answering loans"), np.arange(len(requests.at))
    start = requests.at + rng.integers(DAY_US // 12, 2 * DAY_US, n)
    early = 1 + (uniforms(settings.seed, "first missed", number) * _EARLY).astype(np.int64)
    intercept = intercept_for(requests.usual_risk[granted_before.usual], settings.bad_rate)
    odds = requests.risk + intercept + _added(settings, requests, start + early * _STEP_US, plan)
    bad = uniforms(settings.seed, "goes bad", number) < logistic(odds)
    later = _LATER + np.ceil(np.log(uniforms(settings.seed, "later", number)) / np.log(1 - 0.08)).astype(np.int64)
    fails_later = uniforms(settings.seed, "fails later", number) < 0.8 * logistic(requests.risk + intercept - 0.4)
    first_missed = np.where(bad, early, np.where(fails_later, later, 0))
    events = loan_history(settings, requests, np.ones(n, bool), start, first_missed, rng)
    order = np.argsort(events.known, kind="stable")
    # An id is of the loan and its message: it says nothing of what was decided about other loans.
    place = np.lexsort((events.at, events.loan))
    counted = np.empty(len(place), np.int64)
    first_of = np.searchsorted(events.loan[place], np.arange(n))
    counted[place] = np.arange(len(place)) - first_of[events.loan[place]]
    ids = identifiers("E", (events.loan[order] + 1) * 100 + counted[order], 9)
    return Loans(
        requests.ids,
        requests.at,
        requests.amount,
        bad,
        granted_before.actual,
        events.loan[order],
        events.known[order],
        message_rows(people, requests, events, order, ids),
    )


def _added(settings: BankSettings, requests: Requests, at: np.ndarray, plan: Sequence[PlannedIncident]) -> np.ndarray:
    """The log-odds that time adds at the moments of a possible default: economy, season and planned changes."""
    day = (at - settings.start_us) // DAY_US
    course = added_log_odds(settings.seed, settings.first_day, int(day.max(initial=0)) + 1)
    added = course[day]
    for incident in plan:
        low, high = midnight_us(incident.day), midnight_us(incident.last_day) + DAY_US
        if incident.kind == "shock":
            added += incident.strength * ((at >= low) & (at < high))
        if incident.kind == "concept_drift" and incident.product == "credit_risk":
            # Long terms and small burdens were safe; for applications from that day on they are not.
            changed = (requests.at >= low) & (requests.at < high)
            added += changed * incident.strength * (requests.term - 40) / 24
    return added
