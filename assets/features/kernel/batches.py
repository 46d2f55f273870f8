"""Batches of entities, computed one after another.

Belongs here: the events and rows of each batch. Does not belong here: their computation (`kernel.py`), ranges of time
(`windows.py`).

No value depends on the events of another entity, so a batch may be as small as one entity. Its size keeps its arrays in
the cache of a processor's core, where sorting is much faster than in main memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from assets.features.kernel.windows import EventArrays, RowArrays

_BATCH_SIZE = 2**16
"""Events and rows of a batch, its last entity not counted."""


@dataclass(frozen=True)
class Batch:
    """Consecutive entities, from `first` on.

    Attributes:
        events, rows: int64, positions of their events and rows, ascending. Rows of entity -1 are in the first batch.
    """

    first: int
    events: np.ndarray
    rows: np.ndarray

    def of(self, events: EventArrays, rows: RowArrays) -> tuple[EventArrays, RowArrays]:
        """The batch's events and rows, entities numbered from 0 on; -1 stays -1."""
        taken, rows = events.take(self.events), rows.take(self.rows)
        return replace(taken, entity=taken.entity - self.first), replace(rows, entity=rows.entity - self.first)


def batches(event_entities: np.ndarray, row_entities: np.ndarray) -> Iterator[Batch]:
    """Batches that hold each row once, with every event of its entity; one empty batch where there are no rows.

    Args:
        event_entities, row_entities: int64, -1 for an unknown entity.
    """
    if not len(row_entities):
        yield Batch(0, np.zeros(0, np.int64), np.zeros(0, np.int64))
        return
    known = int(max(event_entities.max(initial=-1), row_entities.max(initial=-1))) + 1
    sizes = sum(np.bincount(entity + 1, minlength=known + 1)[1:] for entity in (event_entities, row_entities))
    before = np.cumsum(sizes) - sizes
    _, firsts, number = np.unique(before // _BATCH_SIZE, return_index=True, return_inverse=True)
    count = max(len(firsts), 1)
    # The last number is that of entity -1: its events are in no batch, its rows in the first one.
    events = _positions(event_entities, np.append(number, count), count)
    rows = _positions(row_entities, np.append(number, 0), count)
    for batch in range(count):
        if len(rows[batch]):  # a range of time may hold events of entities without a row in that range
            yield Batch(int(firsts[batch]) if known else 0, events[batch], rows[batch])


def _positions(entity: np.ndarray, number: np.ndarray, count: int) -> list[np.ndarray]:
    """For each batch the positions of its entities, int64, ascending."""
    numbers = number.astype(np.min_scalar_type(count))[entity]  # NumPy's stable sort of up to 16 bits is a radix sort
    ends = np.cumsum(np.bincount(numbers, minlength=count)[:count])
    return np.split(np.argsort(numbers, kind="stable"), ends)
