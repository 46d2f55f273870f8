"""What a group of features sees of a source's table, and the moments of the rows that are decided.

Belongs here: times, order within a moment, versions of facts, in the form that windows are found in. Does not belong
here: single columns (`assets.features.columns.arrow`, `assets.features.columns.columns`), windows (`windows.py`),
aggregates.
"""

from dataclasses import dataclass

import numpy as np

from assets.features.columns.arrow import read_sequence
from assets.features.columns.columns import Columns, no_events, read_columns
from assets.features.columns.reader import Reader
from assets.features.kernel.plan import Group
from assets.features.kernel.revisions import facts_of, versioned
from assets.features.kernel.windows import Events
from assets.vocabulary import FeatureError

AS_OF = "as_of"
SEQUENCE = "sequence"


@dataclass(frozen=True)
class Moments:
    """What all groups read of a spine: int64 [rows] each; no `sequence` where the spine has none."""

    as_of: np.ndarray
    sequence: np.ndarray | None

    def take(self, index: np.ndarray) -> "Moments":
        """The moments at these positions."""
        return Moments(self.as_of[index], None if self.sequence is None else self.sequence[index])


def read_moments(spine: Reader) -> Moments:
    """The moments of a spine's rows.

    Raises:
        FeatureError: It has none, or they are no instants.
    """
    return Moments(spine.micros(AS_OF), read_sequence(spine.table, SEQUENCE, spine.what))


def read_events(
    group: Group, table: Reader | None, spine: Reader, entity: np.ndarray, moments: Moments
) -> tuple[Events, Columns | None]:
    """The events, and the columns of the requests where they count as events.

    Args:
        table: The events; None for none at all.
        entity: int64 [events].

    Raises:
        FeatureError: A column is absent or cannot be computed with.
    """
    requests = spine if group.includes_request else None
    if table is None:
        mine, theirs = read_columns(Reader(no_events(group.needs), group.source), group.needs, requests)
        nothing = np.empty(0, np.int64)
        return Events(entity, nothing, nothing, nothing if moments.sequence is not None else None, mine), theirs
    mine, theirs = read_columns(table, group.needs, requests)
    sequence = read_sequence(table.table, SEQUENCE, group.source) if group.sequenced else None
    if group.sequenced and (sequence is None) != (moments.sequence is None):
        raise FeatureError(
            f"events of '{group.source}': '{SEQUENCE}' is in {'the spine' if sequence is None else 'the events'} only; "
            "give it on both sides, or on neither where ties in time do not matter"
        )
    time, other = table.micros(group.time), table.micros(group.other)
    events = Events(entity, time, other, sequence, mine)
    facts = None if group.fact is None else facts_of(table.table, group.fact, group.source)
    if facts is not None:
        known = time if group.time == "known_at" else other
        events = versioned(events, facts, known, str(group.fact), group.source)
    return events, theirs
