"""Consents to the use of personal data for credit decisions.

Belongs here: the feed `consents`. Does not belong here: applying a consent (`assets.privacy`).
"""

import numpy as np
import pyarrow as pa

from resources.moments import DAY_US
from resources.sandbox.world.feeds import Feed, in_period
from resources.sandbox.world.people import People
from resources.sandbox.world.settings import BankSettings
from resources.sandbox.world.text import identifiers, iso_moments

PURPOSE = "credit_decision"
_NEVER = 0.005
_WITHDRAWN = 0.02


def consents_feed(settings: BankSettings, people: People) -> Feed:
    """The rows of table `consents`: one for each customer at the account's opening, a second for those who withdraw.

    A consent from before the period becomes known at the first moment of the period, as after a migration.
    """
    rng, n = settings.rng("consents"), len(people)
    everybody = np.arange(n)
    granted = rng.random(n) >= _NEVER
    since = np.maximum(people.opened, settings.start_us)
    left = np.maximum(settings.end_us - since - DAY_US, 0)
    withdrawn_at = since + DAY_US + (rng.random(n) * left).astype(np.int64)
    quits = everybody[granted & (rng.random(n) < _WITHDRAWN)]
    customer = np.concatenate([everybody, quits])
    event = np.concatenate([people.opened, withdrawn_at[quits]])
    known = np.maximum(event, settings.start_us)
    answer = np.concatenate([granted, np.zeros(len(quits), bool)])
    order = np.argsort(known, kind="stable")
    table = pa.table(
        {
            "consent_id": identifiers("K", np.arange(1, len(order) + 1), 7),
            "customer_id": people.customer_ids.take(pa.array(customer[order])),
            "purpose": pa.array([PURPOSE] * len(order), pa.string()),
            "granted": answer[order],
            "event_time": iso_moments(event[order]),
            "known_at": iso_moments(known[order]),
        }
    )
    return in_period("consents", table, known[order], first=settings.first_day, last=settings.last_day)
