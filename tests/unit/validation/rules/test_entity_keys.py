"""Entity keys: a column is judged as the online store judges each of its keys."""

import pyarrow as pa

from assets.validation.rules.entity_keys import refused_keys
from resources.online_store.event_blocks import EventError, key_text


def test_the_rule_of_keys_is_the_stores_own() -> None:
    """At the edges of the store's rule."""
    edges = [*map(chr, range(0x2100)), *(letter * size for letter in ("a", "é") for size in (127, 128, 255, 256))]

    def is_taken(key: str) -> bool:
        try:
            return key_text(key) == key
        except EventError:
            return False

    assert refused_keys(pa.chunked_array([edges])).tolist() == [not is_taken(key) for key in edges]
