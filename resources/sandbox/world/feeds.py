"""The rows of one source in the order of their arrival.

Belongs here: a feed as a frozen value, and cutting it to a period. Does not belong here: generating the rows, and
their delivery (`resources.sandbox.systems.delivery`).
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from resources.moments import DAY_US, midnight_us


@dataclass(frozen=True)
class Feed:
    """All rows that a source delivers.

    Attributes:
        source: The source's name.
        table: The rows in order of arrival, columns as they are delivered (moments as text).
        known: int64 [rows], microseconds since 1970 when each row became known; ascending.
    """

    source: str
    table: pa.Table
    known: np.ndarray


def in_period(source: str, table: pa.Table, known: np.ndarray, *, first: date, last: date) -> Feed:
    """A feed of the rows that became known from first to last day; later rows have not arrived yet."""
    low, high = np.searchsorted(known, [midnight_us(first), midnight_us(last) + DAY_US])
    return Feed(source, table.slice(low, high - low), known[low:high])
