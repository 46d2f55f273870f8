"""The delivery of a feed, and the effect of planned incidents on it.

Belongs here: the effect of an outage, a bad feed and a schema change, and cutting a feed into UTC days. Does not belong
here: generating the rows (`resources.sandbox.world`), the places that they are written to (`landing.py`,
`database.py`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from resources.moments import DAY_US, midnight_us
from resources.sandbox.world.feeds import Feed
from resources.sandbox.world.incidents import Incident, SandboxError, of_kind
from resources.sandbox.world.seasons import in_force
from resources.sandbox.world.settings import BankSettings

# For each source, the column that a bad feed breaks: v becomes -1 - v, which no contract allows.
_BROKEN_COLUMN = {
    "applications": "amount",
    "transactions": "amount",
    "bureau_reports": "utilisation",
    "repayments": "days_past_due",
    "card_transactions": "amount",
    "fraud_labels": "is_fraud",
}


@dataclass(frozen=True)
class DaySlice:
    """One UTC day of a feed.

    Attributes:
        rows: The rows that became known on the day; none in an outage.
        names: The column names that are delivered on the day.
        absent: Whether the day is in an outage.
    """

    day: date
    rows: pa.Table
    names: tuple[str, ...]
    absent: bool


def with_incidents(feed: Feed, settings: BankSettings) -> Feed:
    """The feed with broken rows during a planned bad feed, and without rows during a planned outage."""
    for number, incident in enumerate(of_kind(settings.incidents, "bad_feed", feed.source)):
        feed = _broken(feed, incident, settings.rng(f"bad_feed {feed.source} {number}"))
    outages = of_kind(settings.incidents, "outage", feed.source)
    if not outages:
        return feed
    kept = ~np.any([in_force(incident, feed.known) for incident in outages], axis=0)
    return replace(feed, table=feed.table.filter(pa.array(kept)), known=feed.known[kept])


def day_slices(feed: Feed, incidents: Iterable[Incident], *, first: date, last: date) -> Iterator[DaySlice]:
    """The feed day by day, from first to last day, each day once.

    Raises:
        SandboxError: A planned schema change renames a column that the feed does not have.
    """
    days = (last - first).days + 1
    edges = np.searchsorted(feed.known, midnight_us(first) + np.arange(days + 1, dtype=np.int64) * DAY_US)
    renames = of_kind(incidents, "schema_change", feed.source)
    for incident in renames:
        if incident.column not in feed.table.column_names:
            raise SandboxError(
                f"incident schema_change: {feed.source} has no column {incident.column!r}; "
                f"one of {feed.table.column_names}"
            )
    outages = of_kind(incidents, "outage", feed.source)
    for number in range(days):
        day = first + timedelta(days=number)
        low, high = int(edges[number]), int(edges[number + 1])
        names = column_names(feed.table.column_names, renames, day)
        absent = any(incident.covers(day) for incident in outages)
        yield DaySlice(day, feed.table.slice(low, high - low), names, absent)


def column_names(names: Iterable[str], renames: Iterable[Incident], day: date) -> tuple[str, ...]:
    """The column names that are delivered on a day."""
    changed = {i.column: str(i.renamed_to) for i in renames if i.covers(day)}
    return tuple(changed.get(name, name) for name in names)


def _broken(feed: Feed, incident: Incident, rng: np.random.Generator) -> Feed:
    hit = in_force(incident, feed.known) & (rng.random(len(feed.known)) < incident.share)
    name = _BROKEN_COLUMN[feed.source]
    column = feed.table[name].combine_chunks()
    values = column.to_numpy(zero_copy_only=False)
    broken = pa.array(np.where(hit, -1 - values, values), column.type, from_pandas=True)
    at = feed.table.column_names.index(name)
    return replace(feed, table=feed.table.set_column(at, name, broken))
