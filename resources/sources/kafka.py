"""Kafka as a source: the messages of a topic that arrived on a day.

Belongs here: finding the offsets of a day and reading exactly these. Does not belong here: the meaning of messages.
Partitions are assigned, not subscribed to: a group would wait for its members, and the rows of a day must not depend on
other readers.

A day begins, in each partition, with the first message whose timestamp is in it or later, and ends where the next day
begins. So each message belongs to one day, even if a producer's clock went back, and a range of days has the same rows
as its days one by one. The broker is asked only for the start, which may be too early; the end is found in the
messages themselves.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from resources.sources.readers import (
    DayRows,
    SourceBroken,
    SourceUnavailable,
    json_object,
    message_text,
    objects_table,
)

_BATCH = 10_000
_AHEAD = timedelta(days=1)


@dataclass
class _Arrived:
    """The messages of one partition: the texts of each day, and the offsets at which the days and the end begin."""

    texts: list[list[str]]
    bounds: list[int] = field(default_factory=list)


class KafkaReader:
    """Days of a topic, by the timestamp that the broker keeps with each message.

    Args:
        name: The source's name, for messages.
        bootstrap: `host:port`, several separated by commas.
        timeout: Seconds that the broker may take for an answer or for the next message.
    """

    def __init__(self, name: str, bootstrap: str, topic: str, *, timeout: float = 20.0) -> None:
        self._name, self._topic, self._timeout = name, topic, timeout
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "loopline",
                "enable.auto.commit": False,
                # Messages that the broker deletes while they are read must not be skipped in silence.
                "auto.offset.reset": "error",
                # The last offsets of a partition may be marks of a transaction, which are never delivered.
                "enable.partition.eof": True,
                # How long the broker waits for new messages at the end; this reader does not need them.
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        """The messages of consecutive days, partition by partition, in the order of their offsets.

        Raises:
            SourceUnavailable: The broker does not answer, or stops before the last offset.
            SourceBroken: The topic does not exist, or no longer holds the whole of the first day.
        """
        try:
            found = {partition: self._arrived(partition, days) for partition in self._partitions(days[0])}
        except KafkaException as error:
            raise SourceUnavailable(
                f"source {self._name}, day {days[0]}: the broker does not answer ({error.args[0]}); run it again later"
            ) from error
        for position, day in enumerate(days):
            origin = {
                "start_offsets": {partition: arrived.bounds[position] for partition, arrived in found.items()},
                "end_offsets": {partition: arrived.bounds[position + 1] for partition, arrived in found.items()},
            }
            yield _parsed(day, [text for arrived in found.values() for text in arrived.texts[position]], origin)

    def _partitions(self, day: date) -> tuple[int, ...]:
        topics = self._consumer.list_topics(self._topic, timeout=self._timeout).topics
        found = topics.get(self._topic)
        if found is None or found.error is not None or not found.partitions:
            raise SourceBroken(f"source {self._name}, day {day}: no topic '{self._topic}'; ask the owner of the stream")
        return tuple(sorted(found.partitions))

    def _arrived(self, partition: int, days: Sequence[date]) -> _Arrived:
        """Reads the partition once, from the first day's first message to the first message after the last day."""
        moments = [_millis(day) for day in (*days, days[-1] + timedelta(days=1))]
        oldest, start, end = self._stretch(partition, moments[0])
        arrived, latest = _Arrived([[] for _ in days]), -1
        for message in self._messages(days[0], partition, start, end):
            latest = max(latest, self._moment(days[0], message))
            begun = bisect_right(moments, latest)  # how many days have begun; one more after the last day
            arrived.bounds += [cast(int, message.offset())] * (begun - len(arrived.bounds))
            if begun == len(moments):
                break
            if begun:
                arrived.texts[begun - 1].append(message_text(message.value() or b""))
        arrived.bounds += [end] * (len(moments) - len(arrived.bounds))
        if 0 < oldest >= arrived.bounds[0]:
            raise SourceBroken(
                f"source {self._name}, day {days[0]}: topic '{self._topic}' no longer has the messages before offset "
                f"{oldest} of partition {partition}, perhaps a part of the day; leave the day as it is, or ask the "
                f"owner to send it again"
            )
        return arrived

    def _stretch(self, partition: int, moment: int) -> tuple[int, int, int]:
        """The oldest offset; an offset before which all messages are older than the moment (ms since 1970); the end."""
        (asked,) = self._consumer.offsets_for_times(
            [TopicPartition(self._topic, partition, moment)], timeout=self._timeout
        )
        if asked.error is not None:
            raise KafkaException(asked.error)
        oldest, end = self._consumer.get_watermark_offsets(asked, timeout=self._timeout)
        return oldest, (end if asked.offset < 0 else max(asked.offset, oldest)), end

    def _moment(self, day: date, message: Message) -> int:
        """The message's timestamp; refuses one ahead of the clock, which would make every later day look empty."""
        moment = int(message.timestamp()[1])
        if moment > (datetime.now(UTC) + _AHEAD).timestamp() * 1000:
            raise SourceBroken(
                f"source {self._name}, day {day}: the message at offset {message.offset()} of partition "
                f"{message.partition()} is dated {datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}, ahead of the "
                f"clock; ask the owner of topic '{self._topic}' to remove it and to let the broker set the timestamps"
            )
        return moment

    def _messages(self, day: date, partition: int, offset: int, end: int) -> Iterator[Message]:
        if offset >= end:
            return
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])
        while offset < end:
            batch = self._consumer.consume(min(end - offset, _BATCH), timeout=self._timeout)
            ended = next((message for message in batch if _is_end(message)), None)
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
                    f"source {self._name}, day {day}: the broker stopped at offset {offset} of {end}; run the day again"
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._consumer.close()


def _is_end(message: Message) -> bool:
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF


def _millis(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1000


def _parsed(day: date, texts: Sequence[str], origin: dict[str, Any]) -> DayRows:
    items, malformed = [], []
    for text in texts:
        item = json_object(text)
        if item is None:
            malformed.append(text)
        else:
            items.append(item)
    return DayRows(day, objects_table(items), tuple(malformed), origin)
