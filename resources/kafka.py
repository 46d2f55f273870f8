"""Kafka as a source: the messages of a topic that arrived on a day.

Belongs here: finding a day's offsets and reading exactly them. Does not belong here: what the messages mean. Offsets
are assigned, not subscribed to: a group would wait for its members, and a day's rows must not depend on who else
reads.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self, cast

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from resources.sources import DayRows, SourceBroken, SourceUnavailable, objects_table

_WAIT_SECONDS = 20.0


class KafkaReader:
    """Days of a topic, by the timestamp that the broker keeps with each message."""

    def __init__(self, name: str, bootstrap: str, topic: str) -> None:
        self._name, self._topic = name, topic
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "loopline", "enable.auto.commit": False, "log_level": 0}
        )

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        """The messages of each day, partition by partition, in the order of their offsets.

        Raises:
            SourceUnavailable: The broker does not answer, or stops before the day's last offset.
            SourceBroken: The topic does not exist.
        """
        try:
            partitions = self._partitions(days[0])
            bounds = [self._offsets(partitions, day) for day in (*days, days[-1] + timedelta(days=1))]
            for day, low, high in zip(days, bounds, bounds[1:], strict=False):
                yield self._day(day, low, high)
        except KafkaException as error:
            raise SourceUnavailable(
                f"source {self._name}, day {days[0]}: the broker does not answer ({error.args[0]}); run it again later"
            ) from error

    def _partitions(self, day: date) -> tuple[int, ...]:
        topics = self._consumer.list_topics(self._topic, timeout=_WAIT_SECONDS).topics
        found = topics.get(self._topic)
        if found is None or found.error is not None or not found.partitions:
            raise SourceBroken(f"source {self._name}, day {day}: no topic '{self._topic}'; ask the owner of the stream")
        return tuple(sorted(found.partitions))

    def _offsets(self, partitions: Sequence[int], day: date) -> dict[int, int]:
        """For each partition, the offset of the first message of the day or later; its end when there is none."""
        start = int(datetime.combine(day, time(), UTC).timestamp() * 1000)
        asked = [TopicPartition(self._topic, partition, start) for partition in partitions]
        found = {}
        for partition in self._consumer.offsets_for_times(asked, timeout=_WAIT_SECONDS):
            low, high = self._consumer.get_watermark_offsets(partition, timeout=_WAIT_SECONDS)
            found[partition.partition] = high if partition.offset < 0 else max(partition.offset, low)
        return found

    def _day(self, day: date, low: dict[int, int], high: dict[int, int]) -> DayRows:
        items, malformed = [], []
        for partition, end in high.items():
            for message in self._messages(day, partition, low[partition], end):
                text = (message.value() or b"").decode("utf-8", errors="replace")
                try:
                    items.append(json.loads(text))
                except json.JSONDecodeError:
                    malformed.append(text)
        return DayRows(day, objects_table(items), tuple(malformed), {"start_offsets": low, "end_offsets": high})

    def _messages(self, day: date, partition: int, offset: int, end: int) -> Iterator[Message]:
        if offset >= end:
            return
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])
        while offset < end:
            batch = self._consumer.consume(min(end - offset, 10_000), timeout=_WAIT_SECONDS)
            if not batch:
                raise SourceUnavailable(
                    f"source {self._name}, day {day}: the broker stopped at offset {offset} of {end}; run the day again"
                )
            for message in batch:
                if message.error():
                    raise KafkaException(message.error())
                place = cast(int, message.offset())  # a message that was consumed has one
                offset = place + 1
                if place < end:
                    yield message

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._consumer.close()
