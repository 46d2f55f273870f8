"""Revisions of records: from when on a later revision replaces an event.

Belongs here: the order of a record's revisions and the time at which each is replaced. Does not belong here: which
events are in a window (`windows.py`), declarations (`assets.vocabulary.history`).
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from assets.features.columns.arrow import filled, one_column, value_codes
from assets.features.kernel.windows import NEVER, EventArrays, in_runs
from assets.vocabulary import FeatureError


def record_codes(table: pa.Table, record_key: str, source: str) -> np.ndarray | None:
    """Records as codes, int64 [n], -1 for an event without a record key; None where no record has two revisions.

    Raises:
        FeatureError: There is no such column.
    """
    coded = value_codes(one_column(table, record_key, source))
    if len(coded.dictionary) == len(coded) - coded.null_count:
        return None
    return filled(coded.indices)


def with_replacements(
    events: EventArrays, records: np.ndarray, known: np.ndarray, record_key: str, source: str
) -> EventArrays:
    """The events with the time at which each is replaced (`replaced_at`).

    An entity's revisions of a record are ordered by known_at, event time and sequence. Identical revisions count as
    one.

    Args:
        records: Codes, from `record_codes`.
        known: int64 [n], when each event became known.

    Raises:
        FeatureError: Two revisions of a record differ and have the same times and sequence.
    """
    repeated = _repeated(events.entity, records)
    if not repeated.size:
        return events
    keys = [events.time[repeated] + (events.other[repeated] - known[repeated])]  # the time that is not `known`
    keys += [known[repeated], records[repeated], events.entity[repeated]]
    if events.sequence is not None:
        keys.insert(0, events.sequence[repeated])
    order = repeated[np.lexsort(keys)]
    before, after = order[:-1], order[1:]
    same = (events.entity[before] == events.entity[after]) & (records[before] == records[after])
    before, after = before[same], after[same]
    _check_distinguishable(events, before, after, record_key, source)
    replaced_at = np.full(len(events), NEVER)
    replaced_at[before] = known[after]
    return replace(events, replaced_at=replaced_at)


def with_all_revisions(entity: np.ndarray, records: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """bool [n]: the chosen events and every other revision of their records. `chosen` is bool [n]."""
    pairs = _pairs(entity, records)
    return chosen | ((records >= 0) & np.isin(pairs, np.unique(pairs[chosen])))


def _pairs(entity: np.ndarray, records: np.ndarray) -> np.ndarray:
    return entity * (int(records.max(initial=0)) + 1) + records


def _repeated(entity: np.ndarray, records: np.ndarray) -> np.ndarray:
    """Positions of the events whose record has several revisions."""
    places = np.flatnonzero((records >= 0) & (entity >= 0))
    if not len(places):
        return places
    pairs = _pairs(entity[places], records[places])
    order = np.argsort(pairs)
    return places[order[in_runs(np.diff(pairs[order]) == 0)]]


def _check_distinguishable(
    events: EventArrays, before: np.ndarray, after: np.ndarray, record_key: str, source: str
) -> None:
    same = (events.time[before] == events.time[after]) & (events.other[before] == events.other[after])
    if events.sequence is not None:
        same &= events.sequence[before] == events.sequence[after]
    before, after = before[same], after[same]
    if before.size and not events.columns.take(before).equals(events.columns.take(after)):
        raise FeatureError(
            f"events of '{source}': two revisions of the same '{record_key}' differ and have the same times, so that "
            "neither is the later one; declare corrections in the source's contract, then the first of them is kept"
        )
