"""Which entity keys the online store can take.

Belongs here: applying the store's own rule to a whole column at once. Does not belong here: the rule
(`resources.online_store.event_records.key_text`), quarantining the rows (`assets.validation.audit`).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.online_store.errors import EventError
from resources.online_store.event_records import key_text

_SURELY = 255
"""Printable ASCII of 1 to 255 bytes is always a valid key; `key_text` checks each other distinct value once."""


def refused_keys(keys: pa.ChunkedArray) -> np.ndarray:
    """Marks the text keys that the store does not take: bool [rows]; False where the key is missing."""
    size = pc.binary_length(keys)
    plain = pc.and_(pc.ascii_is_printable(keys), pc.and_(pc.greater(size, 0), pc.less_equal(size, _SURELY)))
    doubtful = pc.unique(keys.filter(pc.invert(plain)))
    refused = [key for key in doubtful.to_pylist() if not _is_taken(key)]
    return np.asarray(pc.is_in(keys, value_set=pa.array(refused, keys.type)).to_numpy())


def _is_taken(key: str) -> bool:
    try:
        key_text(key)
    except EventError:
        return False
    return True
