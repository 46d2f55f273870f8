"""Many entities in parts, computed one after another.

Belongs here: which events and which rows are of a part. Does not belong here: what is computed of them (`kernel.py`),
ranges of time (`windows.py`).

No value depends on the events of another entity, so that a part may be as small as one entity. It is as large as lets
its arrays stay in the cache of a processor's core, where events are put in order much faster than in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from assets.features.kernel.windows import Events, Rows

_MOST = 2**16
"""Events and rows of a part; with those of one entity more, if need be."""


@dataclass(frozen=True)
class Part:
    """Entities that follow one another, from `first` on.

    Attributes:
        events, rows: int64, positions of all that is theirs, ascending. Rows of entity -1 are with the first entities.
    """

    first: int
    events: np.ndarray
    rows: np.ndarray

    def of(self, events: Events, rows: Rows) -> tuple[Events, Rows]:
        """Its events and rows, the entities counted from 0 on; -1 stays -1."""
        own, mine = events.take(self.events), rows.take(self.rows)
        return replace(own, entity=own.entity - self.first), replace(mine, entity=mine.entity - self.first)


def parts(theirs: np.ndarray, ours: np.ndarray) -> Iterator[Part]:
    """Every row in one part, with every event of its entity; one part without either where there are no rows.

    Args:
        theirs, ours: Entities of the events and of the rows, int64, -1 for one that is not known.
    """
    if not len(ours):
        yield Part(0, np.zeros(0, np.int64), np.zeros(0, np.int64))
        return
    known = int(max(theirs.max(initial=-1), ours.max(initial=-1))) + 1
    sizes = sum(np.bincount(entity + 1, minlength=known + 1)[1:] for entity in (theirs, ours))
    before = np.cumsum(sizes) - sizes
    _, firsts, number = np.unique(before // _MOST, return_index=True, return_inverse=True)
    count = max(len(firsts), 1)
    # The number at the end is that of entity -1: its events are in no part, its rows in the first one.
    events = _sorted(theirs, np.append(number, count), count)
    rows = _sorted(ours, np.append(number, 0), count)
    for part in range(count):
        if len(rows[part]):  # ranges of moments leave entities that have events alone
            yield Part(int(firsts[part]) if known else 0, events[part], rows[part])


def _sorted(entity: np.ndarray, number: np.ndarray, count: int) -> list[np.ndarray]:
    """For each part the positions of its entities, int64, ascending."""
    numbers = number.astype(np.min_scalar_type(count))[entity]  # of up to 16 bits, the stable sort is a radix sort
    ends = np.cumsum(np.bincount(numbers, minlength=count)[:count])
    return np.split(np.argsort(numbers, kind="stable"), ends)
