"""How far the streams of an online store were read.

Belongs here: the position of one source's stream, its JSON, and the moment up to which a source's events are known.
Does not belong here: reading a stream (`assets.streaming`), where the positions are kept.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from resources.online_store.errors import StoreUnavailable
from resources.online_store.state import StoreState


@dataclass(frozen=True)
class StreamPosition:
    """How far a source's stream was read into the store.

    Attributes:
        offsets: For each partition, the offset of the next message.
        watermark: All events that arrived before this moment were read.
    """

    offsets: Mapping[str, int]
    watermark: datetime

    def to_json(self) -> bytes:
        """The position as JSON text."""
        # Existing stores have the watermark under this name.
        values = {"offsets": dict(self.offsets), "read_until": self.watermark.isoformat()}
        return json.dumps(values, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Reads `to_json`.

        Raises:
            StoreUnavailable: The bytes are damaged.
        """
        try:
            values = json.loads(data)
            return cls(offsets=values["offsets"], watermark=datetime.fromisoformat(values["read_until"]))
        except (ValueError, KeyError, TypeError) as error:
            raise StoreUnavailable(f"a stream's position is damaged: {error!r}; load the online store again") from error


def watermarks(state: StoreState, positions: Mapping[str, bytes | None]) -> dict[str, datetime]:
    """For each loaded source of the mapping, the moment until which its events are known.

    Args:
        positions: For each source, the stored position of its stream; `None` for a stream that was never read.
    """
    found = {}
    for source, raw in positions.items():
        loaded = state.sources.get(source)
        if loaded is not None:
            read = StreamPosition.from_json(raw).watermark if raw else loaded.watermark
            found[source] = max(loaded.watermark, read)
    return found
