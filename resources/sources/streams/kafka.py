"""Kafka as a source: the messages of a topic that arrived on a day, or in an hour.

Belongs here: finding the offsets of a day and reading exactly these. Does not belong here: the meaning of messages.
Partitions are assigned, not subscribed to: a group would wait for its members, and the rows of a day must not depend on
other readers.

A message belongs to the UTC day of its timestamp. Where the broker sets the timestamps, they rise, and the reader
stops after the last day; where producers set them, it reads to the end, since a clock may be ahead or behind. A
timestamp that is not believed (`arrivals.py`) leaves the message to the day of the message before it. So each message
belongs to one day, and a range of days has the same rows as its days one by one. All this holds for hours too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import tee
from typing import Any, Self, cast

from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    KafkaException,
    Message,
    TopicPartition,
)

from resources.slots import Slot, first_of, named, start_of
from resources.sources.readers import (
    DayRows,
    SourceBroken,
    SourceUnavailable,
    json_object,
    message_text,
    objects_table,
)
from resources.sources.streams.arrivals import READ_TO, believed_slot, slots_of
from resources.sources.streams.kafka_broker import Broker, BrokerClient
from resources.sources.streams.kafka_messages import is_end, time_of

_BATCH = 10_000
_BEFORE = 100


@dataclass(frozen=True)
class _Arrived:
    """The messages of one partition: the texts of each day, or hour, and the offset up to which it was read."""

    texts: dict[Slot, list[str]]
    end: int


class KafkaReader:
    """Days, or hours, of a topic, by the timestamp that the broker keeps with each message.

    Args:
        name: The source's name, for messages.
        first_day: No message arrived before this day.
        text_of: The text of a message; of one that is no row, a text that is no JSON object.
        timeout: Seconds that the broker may take for an answer or for the next message.
    """

    def __init__(
        self,
        name: str,
        broker: Broker,
        topic: str,
        first_day: date = date.min,
        *,
        text_of: Callable[[bytes], str] = message_text,
        timeout: float = 20.0,
    ) -> None:
        self._name, self._topic, self._first_day, self._timeout = name, topic, first_day, timeout
        self._text_of = text_of
        self._client = BrokerClient(broker, "loopline", wait_ms=50)  # the reader does not need new messages
        self._consumer = self._client.consumer

    def read(self, days: Sequence[Slot]) -> Iterator[DayRows]:
        """The messages of consecutive days, or hours, partition by partition, in the order of their offsets.

        Raises:
            SourceUnavailable: The broker does not answer, or stops before the last offset.
            SourceBroken: The topic does not exist, or no longer holds the whole of the first day.
        """
        with self._answers(days[0]):
            found = {partition: self._arrived(partition, days) for partition in self._partitions(days[0])}
        for day in days:
            origin = {READ_TO: {partition: arrived.end for partition, arrived in found.items()}}
            yield _parsed(day, [text for arrived in found.values() for text in arrived.texts[day]], origin)

    def changed(self, recorded: Mapping[Slot, Mapping[str, Any]]) -> frozenset[Slot]:
        """Those of the days for which messages came after they were read.

        Args:
            recorded: The origin of each day, as `read` gave it.

        Raises:
            SourceUnavailable, SourceBroken: As `read`.
        """
        read_to = {
            day: {int(partition): int(offset) for partition, offset in dict(origin[READ_TO]).items()}
            for day, origin in recorded.items()
            if READ_TO in origin
        }
        if not read_to:
            return frozenset()
        day = min(read_to)
        late: set[Slot] = set()
        with self._answers(day):
            for partition in self._partitions(day):
                since = min(offsets.get(partition, 0) for offsets in read_to.values())
                oldest, end = self._watermarks(partition)
                for offset, of_day, _ in self._dated(day, partition, max(since, oldest), end):
                    if of_day in read_to and offset >= read_to[of_day].get(partition, 0):
                        late.add(of_day)
        return frozenset(late)

    def _partitions(self, day: Slot) -> tuple[int, ...]:
        topics = self._consumer.list_topics(self._topic, timeout=self._timeout).topics
        found = topics.get(self._topic)
        if found is None or found.error is not None or not found.partitions:
            raise SourceBroken(
                f"source {self._name}, {named(day)}: no topic '{self._topic}'; ask the owner of the stream"
            )
        return tuple(sorted(found.partitions))

    def _arrived(self, partition: int, days: Sequence[Slot]) -> _Arrived:
        """Reads the partition once, from the first message that may be of these days."""
        oldest, start, end = self._stretch(partition, _millis(days[0]))
        texts: dict[Slot, list[str]] = {day: [] for day in days}
        first, read_to = end, start
        # Some messages before the start tell the day of messages whose own timestamp is not believed.
        for offset, day, message in self._dated(days[0], partition, max(oldest, start - _BEFORE), end):
            read_to = offset + 1
            if day is not None and day > days[-1] and message.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME:
                read_to = offset
                break
            if day is not None and day >= days[0]:
                first = min(first, offset)
            if day in texts:
                texts[day].append(self._text_of(message.value() or b""))
        else:
            read_to = end
        if 0 < oldest >= first:
            raise SourceBroken(
                f"source {self._name}, {named(days[0])}: topic '{self._topic}' no longer has the messages before "
                f"offset {oldest} of partition {partition}, perhaps a part of the day; leave the day as it is, or ask "
                f"the owner to send it again"
            )
        return _Arrived(texts, read_to)

    def _dated(self, asked: Slot, partition: int, offset: int, end: int) -> Iterator[tuple[int, Slot | None, Message]]:
        """Each message with its offset and its day or, where an hour is asked for, its hour."""
        now, first = datetime.now(UTC), first_of(self._first_day, asked)
        one, other = tee(self._messages(asked, partition, offset, end))
        slots = slots_of(believed_slot(time_of(message), first, now) for message in other)
        for message, slot in zip(one, slots, strict=True):
            yield cast(int, message.offset()), slot, message  # a message that was consumed has an offset

    def _stretch(self, partition: int, moment: int) -> tuple[int, int, int]:
        """The oldest offset; an offset before which all messages are older than the moment (ms since 1970); the end."""
        (asked,) = self._consumer.offsets_for_times(
            [TopicPartition(self._topic, partition, moment)], timeout=self._timeout
        )
        if asked.error is not None:
            raise KafkaException(asked.error)
        oldest, end = self._watermarks(partition)
        return oldest, (end if asked.offset < 0 else max(asked.offset, oldest)), end

    def _watermarks(self, partition: int) -> tuple[int, int]:
        """The oldest offset that the broker has, and the offset of the next message."""
        place = TopicPartition(self._topic, partition)
        oldest, end = self._consumer.get_watermark_offsets(place, timeout=self._timeout)
        return oldest, end

    @contextmanager
    def _answers(self, day: Slot) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            raise self._client.error(f"source {self._name}, {named(day)}", error) from error

    def _messages(self, day: Slot, partition: int, offset: int, end: int) -> Iterator[Message]:
        if offset >= end:
            return
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])
        while offset < end:
            batch = self._consumer.consume(min(end - offset, _BATCH), timeout=self._timeout)
            ended = next((message for message in batch if is_end(message)), None)
            for message in batch:
                if message is ended:
                    continue
                if message.error():
                    raise KafkaException(message.error())
                place = cast(int, message.offset())  # a message that was consumed has one
                offset = place + 1
                if place < end:
                    yield message
            if ended is not None and cast(int, ended.offset()) >= end:
                return
            if ended is not None or not batch:
                raise SourceUnavailable(
                    f"source {self._name}, {named(day)}: the broker stopped at offset {offset} of {end}; run the day "
                    f"again"
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._consumer.close()


def _millis(day: Slot) -> int:
    return int(start_of(day).timestamp()) * 1000


def _parsed(day: Slot, texts: Sequence[str], origin: dict[str, Any]) -> DayRows:
    items, malformed = [], []
    for text in texts:
        item = json_object(text)
        if item is None:
            malformed.append(text)
        else:
            items.append(item)
    return DayRows(day, objects_table(items), tuple(malformed), origin)
