"""Following one stream of a product into its online store.

Belongs here: the position in the stream, appending events, and the stream's watermark in the store. Does not belong
here: the rules for a message (`events.py`), the process that runs the follower (`pipelines.services.stream_follower`).

The store keeps the offsets with the events, written in one transaction, so a restarted follower adds no event twice. If
the store was lost, or loaded again up to an earlier watermark, the follower reads from the watermark of the load.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa

from assets.features.kernel.kernel import compile_features
from assets.product import Product, StreamTopic
from assets.product.names import validated_table
from assets.streaming.events import LeftOut, accepted
from resources.lake import Lake
from resources.online_store.protocol import OnlineStore, StreamPosition, VersionReplaced
from resources.sources.readers import SourceBroken
from resources.sources.streams.tails import Batch, Tail

_LOG = logging.getLogger("loopline.stream")
_MOST = 5_000
_HEARTBEAT = timedelta(seconds=5)


@dataclass(frozen=True)
class Step:
    """The counts of one call of `Follower.step`.

    Attributes:
        read: Messages that were read.
        added: Events that were new to the store.
        quarantined, withheld, left_out: Messages that became no event; see `events.Accepted`.
        is_loaded: Whether the store has a load of the source; without one there is nothing to append to.
    """

    read: int = 0
    added: int = 0
    quarantined: int = 0
    withheld: int = 0
    left_out: int = 0
    is_loaded: bool = True


@dataclass(frozen=True)
class _Asked:
    """When the stream was last asked, by both clocks, and until when the store then knew it."""

    monotonic: float
    at: datetime
    known: datetime


class Follower:
    """Follows one stream; not safe for several threads.

    Args:
        key: The tokenisation key.
        now: The clock, UTC: a step that reaches the stream's end has read all messages that arrived before it began.

    Raises:
        ContractError, ProductError, FeatureError: The product contradicts its contracts; for example, a stream needs
            consents that are no source of the product. Nothing of the stream is read.
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
        product.check()
        self.name = f"{product.name}/{source.name}"
        self._product, self._source, self._tail = product, source.name, tail
        self._store, self._lake, self._key, self._now = store, lake, key, now
        self._contract = product.contract(source.name)
        self._needs = compile_features(product.features, product.resolutions).needs
        self._consents: tuple[int, pa.Table] | None = None
        self._asked: _Asked | None = None
        self._told: frozenset[str] = frozenset()
        self.messages_behind: int | None = None
        """How many messages had arrived and were not read at the last step; `None` where the stream has no count."""

    @property
    def lag(self) -> timedelta | None:
        """How far the store is behind the clock, failed steps included; `None` before it is known."""
        asked = self._asked
        if asked is None:
            return None
        since = timedelta(seconds=time.monotonic() - asked.monotonic)
        return max(asked.at - asked.known, timedelta()) + since

    def step(self) -> Step:
        """Reads the messages since the last step and appends their events to the store.

        If another version of the store is published meanwhile, nothing is appended.

        Raises:
            SourceError: The stream does not answer or does not exist.
            StoreError: The store cannot be used; nothing was appended, and the next step reads the same again.
            LakeError: The stream needs consents, and the lake has none, or they cannot be read; no event passes.
        """
        state = self._store.state()
        if state is None or self._source not in state.sources:
            self._asked = None
            return Step(is_loaded=False)
        watermark = state.sources[self._source].watermark
        position = self._store.position(self._source)
        started = self._now()
        before = position.watermark if position else watermark
        self._asked = _Asked(time.monotonic(), started, before)
        batch = self._read(position, watermark)
        self.messages_behind = batch.behind
        known = max(started, before) if batch.at_end else before
        if not batch.messages and position is not None and known - before < _HEARTBEAT:
            return Step()
        result = accepted(
            self._product, self._contract, self._needs, batch.messages, key=self._key, consents=self._known_consents()
        )
        after = StreamPosition(batch.offsets, known)
        try:
            added = self._store.append_stream(self._source, result.events, after, token=state.token)
        except VersionReplaced as replaced:
            _LOG.info("%s: %s; the next step reads from the end of that version's load", self.name, replaced)
            return Step()
        self._asked = replace(self._asked, known=known)
        self._tell_left_out(result.left_out)
        return Step(len(batch.messages), added, result.quarantined, result.withheld, len(result.left_out))

    def close(self) -> None:
        """Closes the stream."""
        self._tail.close()

    def _read(self, position: StreamPosition | None, watermark: datetime) -> Batch:
        if position is not None:
            try:
                return self._tail.read(position.offsets, _MOST)
            except SourceBroken as error:
                batch = self._tail.read(self._tail.offsets_at(watermark), _MOST)
                _LOG.warning("%s; the stream is read again from %s", error, watermark)
                return batch
        return self._tail.read(self._tail.offsets_at(watermark), _MOST)

    def _tell_left_out(self, events: Sequence[LeftOut]) -> None:
        """A line for the first event of each reason; later ones are in the counts of the steps."""
        for event in events:
            if event.reason not in self._told:
                _LOG.warning("%s: the event at %s is left out: %s", self.name, event.place, event.reason)
                self._told |= {event.reason}

    def _known_consents(self) -> pa.Table | None:
        """The consents in the lake now, `None` where none are needed; one that is not in the lake does not count."""
        consent = self._contract.consent
        if consent is None:
            return None
        table = validated_table(self._product.name, consent.source)
        version = self._lake.version(table)
        if self._consents is None or self._consents[0] != version:
            self._consents = (version, self._lake.read(table, version=version))
        return self._consents[1]
