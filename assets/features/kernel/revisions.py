"""Which version of a corrected fact counts when.

Belongs here: finding the moment at which a later version of the same fact takes an event's place. Does not belong
here: which events stand in a window (`windows.py`), what a product declares (`assets.vocabulary.history`).
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from assets.features.columns.arrow import filled, one_column, value_codes
from assets.features.kernel.windows import NEVER, Events
from assets.vocabulary import FeatureError


def facts_of(table: pa.Table, fact: str, what: str) -> np.ndarray | None:
    """Facts as codes, int64 [n], -1 for an event that names none; None when no fact has two versions.

    Raises:
        FeatureError: There is no such column.
    """
    coded = value_codes(one_column(table, fact, what))
    if len(coded.dictionary) == len(coded) - coded.null_count:
        return None
    return filled(coded.indices)


def versioned(events: Events, facts: np.ndarray, known: np.ndarray, fact: str, what: str) -> Events:
    """The events with the moment from which on each no longer counts (`until`).

    Versions of a fact of an entity follow one another by when they were known, when they happened, and sequence. What
    was delivered twice is one version.

    Args:
        facts: Codes, as of `facts_of`.
        known: int64 [n], when each event was known.

    Raises:
        FeatureError: Two versions of a fact differ and nothing says which is the later one.
    """
    repeated = _repeated(events.entity, facts)
    if not repeated.size:
        return events
    keys = [events.time[repeated] + (events.other[repeated] - known[repeated])]  # the time that is not `known`
    keys += [known[repeated], facts[repeated], events.entity[repeated]]
    if events.sequence is not None:
        keys.insert(0, events.sequence[repeated])
    order = repeated[np.lexsort(keys)]
    before, after = order[:-1], order[1:]
    same = (events.entity[before] == events.entity[after]) & (facts[before] == facts[after])
    before, after = before[same], after[same]
    _check_told_apart(events, before, after, fact, what)
    until = np.full(len(events), NEVER)
    until[before] = known[after]
    return replace(events, until=until)


def same_facts(entity: np.ndarray, facts: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """bool [n]: the chosen events, and every other version of their facts. `chosen` is bool [n]."""
    pairs = _pairs(entity, facts)
    return chosen | ((facts >= 0) & np.isin(pairs, np.unique(pairs[chosen])))


def _pairs(entity: np.ndarray, facts: np.ndarray) -> np.ndarray:
    return entity * (int(facts.max(initial=0)) + 1) + facts


def _repeated(entity: np.ndarray, facts: np.ndarray) -> np.ndarray:
    """Positions of the events whose fact has more than one version."""
    places = np.flatnonzero((facts >= 0) & (entity >= 0))
    pairs = _pairs(entity[places], facts[places])
    order = np.argsort(pairs)
    again = np.diff(pairs[order]) == 0
    inside = np.zeros(len(places), bool)
    inside[1:] |= again
    inside[:-1] |= again
    return places[order[inside]]


def _check_told_apart(events: Events, before: np.ndarray, after: np.ndarray, fact: str, what: str) -> None:
    alike = (events.time[before] == events.time[after]) & (events.other[before] == events.other[after])
    if events.sequence is not None:
        alike &= events.sequence[before] == events.sequence[after]
    before, after = before[alike], after[alike]
    if before.size and not events.columns.take(before).equals(events.columns.take(after)):
        raise FeatureError(
            f"events of '{what}': two versions of the same '{fact}' differ, and both were known and happened at the "
            "same moment, so that neither is the later one; declare corrections in the source's contract, which keeps "
            "the first of them"
        )
