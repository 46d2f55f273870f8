"""Following a Kafka topic.

Belongs here: assigning partitions at the caller's offsets, detecting new partitions, and detecting the end. Does not
belong here: days of a topic (`kafka.py`).

No offsets are committed to a group: the caller writes them in the same transaction as the events.
"""

from collections.abc import Callable, Mapping, Set
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from resources.sources.readers import SourceBroken, message_text
from resources.sources.streams import tails
from resources.sources.streams.arrivals import believed
from resources.sources.streams.kafka_broker import Broker, BrokerClient
from resources.sources.streams.kafka_messages import is_end, time_of

_WAIT_SECONDS = 0.2


class KafkaTail:
    """Follows every partition of a topic; see `Tail`.

    Args:
        text_of: The text of a message; of one that is no row, a text that is no JSON object.
        timeout: Seconds that the broker may take for an answer.
    """

    def __init__(
        self,
        name: str,
        broker: Broker,
        topic: str,
        *,
        text_of: Callable[[bytes], str] = message_text,
        timeout: float = 10.0,
    ) -> None:
        self._name, self._topic, self._text_of, self._timeout = name, topic, text_of, timeout
        self._client = BrokerClient(broker, "loopline-tail", wait_ms=100)
        self._consumer = self._client.consumer
        self._next: dict[str, int] = {}

    def offsets_at(self, moment: datetime) -> Mapping[str, int]:
        """See `Tail.offsets_at`."""
        with self._failures():
            partitions = sorted(self._partitions(), key=int)
            wanted = [TopicPartition(self._topic, int(p), int(moment.timestamp() * 1000)) for p in partitions]
            found = {}
            for asked in self._consumer.offsets_for_times(wanted, timeout=self._timeout):
                oldest, end = self._watermarks(str(asked.partition))
                found[str(asked.partition)] = end if asked.offset < 0 else max(asked.offset, oldest)
        return found

    def read(self, offsets: Mapping[str, int], most: int) -> tails.Batch:
        """See `Tail.read`."""
        with self._failures():
            partitions = self._partitions()
            if dict(offsets) != self._next or self._next.keys() != partitions:
                self._assign(partitions, offsets)
            ends = {partition: self._watermarks(partition)[1] for partition in partitions}
            messages = []
            for message in self._consumer.consume(most, timeout=_WAIT_SECONDS):
                partition, offset = str(message.partition()), cast(int, message.offset())
                if is_end(message):
                    self._next[partition] = max(self._next.get(partition, 0), offset)
                    continue
                if message.error():
                    raise KafkaException(message.error())
                self._next[partition] = offset + 1
                text = self._text_of(message.value() or b"")
                messages.append(tails.Message(text, believed(time_of(message)), f"{partition}:{offset}"))
            # A broker that is down delivers no messages either, so an empty batch is not the end: the broker names
            # the end. It is asked before the read, so that a topic that always receives more has an end too.
            at_end = bool(ends) and all(self._next[partition] >= end for partition, end in ends.items())
            behind = sum(max(end - self._next[partition], 0) for partition, end in ends.items())
            return tails.Batch(tuple(messages), dict(self._next), at_end, behind)

    def close(self) -> None:
        """See `Tail.close`."""
        self._consumer.close()

    def _assign(self, partitions: Set[str], offsets: Mapping[str, int]) -> None:
        """Assigns all partitions; a partition that was added since the last read starts at its beginning."""
        self._next = {partition: offsets.get(partition, 0) for partition in sorted(partitions, key=int)}
        self._consumer.assign([TopicPartition(self._topic, int(p), offset) for p, offset in self._next.items()])

    def _partitions(self) -> Set[str]:
        """The partitions of the topic; the broker is asked each time, because partitions may be added."""
        found = self._consumer.list_topics(self._topic, timeout=self._timeout).topics.get(self._topic)
        error = None if found is None else found.error
        if found is None or (error is not None and error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART):
            raise SourceBroken(f"source {self._name}: no topic '{self._topic}'; ask the owner of the stream")
        if error is not None:
            raise KafkaException(error)
        return {str(partition) for partition in found.partitions}

    def _watermarks(self, partition: str) -> tuple[int, int]:
        place = TopicPartition(self._topic, int(partition))
        oldest, end = self._consumer.get_watermark_offsets(place, timeout=self._timeout)
        return oldest, end

    @contextmanager
    def _failures(self) -> Any:
        try:
            yield
        except KafkaException as error:
            self._next = {}
            cause = error.args[0]
            if isinstance(cause, KafkaError) and cause.code() in (
                KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE,
            ):  # fmt: skip
                raise SourceBroken(
                    f"source {self._name}: topic '{self._topic}' no longer has the offsets up to which it was read"
                ) from error
            raise self._client.error(f"source {self._name}", error) from error
