"""Which entity keys the online store can take.

Belongs here: asking the store's own rule of a whole column at once. Does not belong here: the rule
(`resources.online_store.event_blocks.key_text`), what becomes of the rows (`audit.py`).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.online_store.errors import EventError
from resources.online_store.event_records import key_text

_SURELY = 255
"""Printable ASCII of so many bytes at most, and at least one, is a key in any case; the others are asked, each once."""


def refused_keys(keys: pa.ChunkedArray) -> np.ndarray:
    """Marks the keys, of text, that the store does not take: bool [rows]. A missing one is nobody's, and no key."""
    size = pc.binary_length(keys)
    plain = pc.and_(pc.ascii_is_printable(keys), pc.and_(pc.greater(size, 0), pc.less_equal(size, _SURELY)))
    asked = pc.unique(keys.filter(pc.invert(plain)))
    refused = [key for key in asked.to_pylist() if not _is_taken(key)]
    return np.asarray(pc.is_in(keys, value_set=pa.array(refused, keys.type)).to_numpy())


def _is_taken(key: str) -> bool:
    try:
        key_text(key)
    except EventError:
        return False
    return True
