"""The credit bureau's reports about the customers.

Belongs here: the reports, the moment of each, and the feed `bureau_reports`. Does not belong here: the API that serves
them (`resources.sandbox.systems.bureau`).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from resources.moments import DAY_US, SECOND_US
from resources.sandbox.world.feeds import Feed, in_period
from resources.sandbox.world.people import People
from resources.sandbox.world.settings import BankSettings
from resources.sandbox.world.text import identifiers, iso_moments

_PERIOD_US = 182 * DAY_US
_LAG_US = 45 * DAY_US
_WITHOUT_SCORE = 0.03


@dataclass(frozen=True)
class Reports:
    """The feed, and the score in each application's own report: float64 [applications], NaN without a score."""

    feed: Feed
    score_at_request: np.ndarray


def make_reports(settings: BankSettings, people: People, customer: np.ndarray, at: np.ndarray) -> Reports:
    """A report before each application, and one about every customer each half year.

    Args:
        customer, at: int64 [applications], the applicant (row number) and the moment (microseconds). The report is made
            20 seconds to three days before that moment, and has arrived by then.
    """
    rng = settings.rng("bureau")
    regular_customer, regular_at = _regular(settings, people, rng)
    before = np.exp(rng.uniform(np.log(20), np.log(3 * 86_400), len(at))) * SECOND_US
    asked_at = np.maximum(at - before.astype(np.int64), settings.start_us)
    who = np.concatenate([customer, regular_customer])
    when = np.concatenate([asked_at, regular_at])
    known = when + rng.integers(SECOND_US // 5, 8 * SECOND_US, len(when))
    columns = _observed(settings, people, who, when, rng)
    order = np.argsort(known, kind="stable")
    table = pa.table(
        {
            "report_id": identifiers("R", np.arange(1, len(order) + 1), 7),
            "customer_id": people.customer_ids.take(pa.array(who[order])),
            "event_time": iso_moments(when[order]),
            "known_at": iso_moments(known[order]),
            **{name: column.take(pa.array(order)) for name, column in columns.items()},
        }
    )
    feed = in_period("bureau_reports", table, known[order], first=settings.first_day, last=settings.last_day)
    score = columns["bureau_score"].slice(0, len(at)).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return Reports(feed, score)


def _regular(settings: BankSettings, people: People, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    since = np.maximum(people.opened, settings.start_us)
    first = since + (rng.random(len(people)) * _PERIOD_US).astype(np.int64)
    most = (settings.end_us - settings.start_us) // _PERIOD_US + 1
    when = first[:, None] + np.arange(most) * _PERIOD_US
    customer, number = np.nonzero(when < settings.end_us)
    return customer, when[customer, number]


def _observed(
    settings: BankSettings, people: People, who: np.ndarray, when: np.ndarray, rng: np.random.Generator
) -> dict[str, pa.Array]:
    """The reports' figures: a lasting part that belongs to the person, and noise that belongs to the report."""
    n, count = len(people), len(who)
    old_sins = rng.poisson(np.exp(-1.15 - 0.6 * people.worth))
    loans = rng.poisson(np.exp(0.35 - 0.1 * people.worth))
    credit_use = 0.42 - 0.1 * people.worth + rng.normal(0, 0.16, n)
    history = (
        np.clip(people.age(np.arange(n), np.full(n, settings.start_us)) - 18, 0.5, None) * 12 * rng.beta(2.2, 2, n)
    )
    trouble = people.in_trouble(who, when - _LAG_US)
    shown = people.shown[who] + rng.normal(0, 0.15, count) - 0.5 * trouble
    score = np.clip(np.rint(665 + 68 * shown), 300, 850).astype(np.int64)
    use = np.clip(credit_use[who] + rng.normal(0, 0.07, count) + 0.15 * trouble, 0, 1.5)
    return {
        "bureau_score": pa.array(score, mask=rng.random(count) < _WITHOUT_SCORE),
        "open_loans": pa.array(loans[who].astype(np.int64)),
        "inquiries_6m": pa.array(rng.poisson(np.exp(0.0 - 0.25 * people.worth[who])).astype(np.int64)),
        "delinquencies_2y": pa.array((old_sins[who] + trouble * rng.poisson(1.5, count)).astype(np.int64)),
        "utilisation": pa.array(np.round(use, 3)),
        "oldest_account_months": pa.array(
            (history[who] + (when - settings.start_us) / (30.4 * DAY_US)).astype(np.int64)
        ),
    }
