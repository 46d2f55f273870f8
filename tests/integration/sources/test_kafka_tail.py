"""A topic, followed, against a real broker of Kafka's protocol."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Producer

from resources.sources.readers import SourceBroken
from resources.sources.streams.kafka_broker import Broker
from resources.sources.streams.kafka_tail import KafkaTail
from resources.sources.streams.tails import Batch
from tests.integration.sources.test_kafka_source import FIRST, broker, make_topic, send

__all__ = ["broker"]
MIDNIGHT = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)


def test_what_came_is_read_once_in_each_partition(broker: str) -> None:
    """From before a moment on; each message says when the broker got it, and where it stands."""
    make_topic(broker, "followed", partitions=2)
    send(broker, "followed", [(0, 1, b'{"n": 0}'), (0, 5, b'{"n": 1}'), (1, 6, b'{"n": 2}'), (0, 7, b"\xff")])
    with closing(KafkaTail("repayments", Broker(broker), "followed")) as tail:
        read = list(batches(tail, tail.offsets_at(MIDNIGHT + timedelta(hours=5))))
        found = {message.place: message for batch in read for message in batch.messages}
        texts = {place: message.text for place, message in found.items() if place != "0:0"}
        assert texts == {"0:1": '{"n": 1}', "0:2": "\\xff", "1:0": '{"n": 2}'}
        assert found["1:0"].arrived_at == MIDNIGHT + timedelta(hours=6)
        assert read[-1].offsets == {"0": 3, "1": 1}


def test_the_end_is_reached_with_messages_in_hand(broker: str) -> None:
    """A topic to which something always comes is known as far as it was read, and not only when it rests."""
    make_topic(broker, "busy", partitions=1)
    send(broker, "busy", [(0, hour, b"{}") for hour in range(3)])
    with closing(KafkaTail("repayments", Broker(broker), "busy")) as tail:
        read = [batch for batch in batches(tail, {"0": 0}, most=1) if batch.messages]
    assert [(len(batch.messages), batch.at_end) for batch in read] == [(1, False), (1, False), (1, True)]


def batches(tail: KafkaTail, offsets: Mapping[str, int], most: int = 100) -> Iterator[Batch]:
    """What is read until the end is reached."""
    for _ in range(100):
        batch = tail.read(offsets, most)
        yield batch
        if batch.at_end:
            return
        offsets = batch.offsets
    pytest.fail("the end was not reached")


class _Growing:
    """The consumer of a topic that does not have its last partition yet; the broker of these tests cannot add one."""

    def __init__(self, consumer: Any) -> None:
        self._consumer, self.grown = consumer, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def list_topics(self, topic: str, **arguments: Any) -> Any:
        found = self._consumer.list_topics(topic, **arguments)
        if not self.grown:
            partitions = found.topics[topic].partitions
            del partitions[max(partitions)]
        return found


def test_a_partition_that_is_added_is_read_from_its_beginning(broker: str) -> None:
    """While the topic is followed; the end is reached once it is read too."""
    make_topic(broker, "growing", partitions=2)
    send(broker, "growing", [(0, 1, b'{"n": 0}'), (1, 2, b'{"n": 1}'), (1, 3, b'{"n": 2}')])
    with closing(KafkaTail("repayments", Broker(broker), "growing")) as tail:
        tail._consumer = growing = _Growing(tail._consumer)
        *_, before = batches(tail, {"0": 0})
        assert before.offsets == {"0": 1}
        growing.grown = True
        read = list(batches(tail, before.offsets))
        assert [json.loads(message.text)["n"] for batch in read for message in batch.messages] == [1, 2]
        assert read[-1].offsets == {"0": 1, "1": 2}
        send(broker, "growing", [(0, 4, b'{"n": 3}')])
        read = list(batches(tail, read[-1].offsets))
        assert [json.loads(message.text)["n"] for batch in read for message in batch.messages] == [3]


def test_an_unknown_topic_is_broken(broker: str) -> None:
    """Trying again does not help."""
    with (
        closing(KafkaTail("repayments", Broker(broker), "nothing")) as tail,
        pytest.raises(SourceBroken, match="source repayments: no topic 'nothing'; ask the owner"),
    ):
        tail.read({}, 1)


@pytest.mark.parametrize("millis", [2**62, -(2**62)])
def test_a_timestamp_beyond_the_calendar_says_nothing(broker: str, millis: int) -> None:
    """A producer may write any number."""
    topic = f"dated{millis}"
    make_topic(broker, topic, partitions=1)
    producer = Producer({"bootstrap.servers": broker, "enable.idempotence": False, "log_level": 0})
    producer.produce(topic, b"{}", timestamp=millis)
    assert producer.flush(20) == 0
    with closing(KafkaTail("repayments", Broker(broker), topic)) as tail:
        found = [message for batch in batches(tail, {"0": 0}) for message in batch.messages]
    assert [message.arrived_at for message in found] == [None]
