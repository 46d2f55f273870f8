"""Following one stream of a product into its online store.

Belongs here: what is read next, what is put, and how far the store then knows the stream. Does not belong here: the
rules for a message (`events.py`), the process that follows (`pipelines.services.stream_follower`).

The offsets are kept in the store, with the events and in one transaction. A follower that was killed reads nothing
twice; one whose store was lost, or loaded anew from further back, reads again from where the load ends.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from assets.features.kernel.kernel import compile_features
from assets.product import Product, StreamTopic
from assets.product.names import validated_table
from assets.streaming.events import accepted
from resources.lake import Lake
from resources.online_store.protocol import OnlineStore, StreamPosition, VersionReplaced
from resources.sources.readers import SourceBroken
from resources.sources.tails import Batch, Tail

_LOG = logging.getLogger("loopline.stream")
_MOST = 5_000
_HEARTBEAT = timedelta(seconds=5)


@dataclass(frozen=True)
class Step:
    """What one step did.

    Attributes:
        read: Messages that were read.
        added: Events that were new to the store.
        quarantined, withheld, left_out: Messages that became no event; see `events.Accepted`.
    """

    read: int = 0
    added: int = 0
    quarantined: int = 0
    withheld: int = 0
    left_out: int = 0


class Follower:
    """Follows one stream; not for several threads.

    Args:
        key: Of tokens.
        now: The present moment; everything that had arrived before it is read once the end was seen.
    """

    def __init__(
        self,
        product: Product,
        source: StreamTopic,
        tail: Tail,
        *,
        store: OnlineStore,
        lake: Lake,
        key: bytes,
        now: Callable[[], datetime],
    ) -> None:
        self.name = f"{product.name}/{source.name}"
        self._product, self._source, self._tail = product, source.name, tail
        self._store, self._lake, self._key, self._now = store, lake, key, now
        self._contract = product.contract(source.name)
        self._needs = compile_features(product.features, product.resolutions).needs
        self._consents: tuple[int, pa.Table] | None = None

    def step(self) -> Step:
        """Reads what came since the last step and puts it into the store.

        Where another version is published in between, nothing is put.

        Raises:
            SourceError: The stream does not answer or does not exist.
            StoreError: The store cannot be used; nothing was put, and the next step reads the same again.
            LakeError: The consents cannot be read.
        """
        state = self._store.state()
        if state is None or self._source not in state.sources:
            return Step()  # there is nothing yet that new events could be added to
        loaded_until = state.sources[self._source].loaded_until
        position = self._store.position(self._source)
        began = self._now()
        batch = self._read(position, loaded_until)
        before = position.read_until if position else loaded_until
        known = max(began, before) if batch.at_end else before
        if not batch.messages and position is not None and known - before < _HEARTBEAT:
            return Step()
        found = accepted(
            self._product, self._contract, self._needs, batch.messages, key=self._key, consents=self._known_consents()
        )
        after = StreamPosition(batch.offsets, known)
        try:
            added = self._store.append_stream(self._source, found.events, after, token=state.token)
        except VersionReplaced as replaced:
            _LOG.info("%s: %s; the next step reads from where that version wants it", self.name, replaced)
            return Step()
        for event in found.left_out:
            _LOG.warning("%s: the event at %s is left out: %s", self.name, event.place, event.reason)
        return Step(len(batch.messages), added, found.quarantined, found.withheld, len(found.left_out))

    def close(self) -> None:
        """Gives the stream back."""
        self._tail.close()

    def _read(self, position: StreamPosition | None, loaded_until: datetime) -> Batch:
        if position is not None:
            try:
                return self._tail.read(position.offsets, _MOST)
            except SourceBroken as error:
                _LOG.warning("%s; it is read again from %s", error, loaded_until)
        return self._tail.read(self._tail.offsets_at(loaded_until), _MOST)

    def _known_consents(self) -> pa.Table | None:
        """The lake's consents as they are now; a word that it does not have yet does not count yet."""
        consent = self._contract.consent
        if consent is None:
            return None
        table = validated_table(self._product.name, consent.source)
        version = self._lake.version(table)
        if self._consents is None or self._consents[0] != version:
            self._consents = (version, self._lake.read(table, version=version))
        return self._consents[1]
