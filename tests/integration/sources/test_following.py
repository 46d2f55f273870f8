"""Streams followed by the real process and from a real broker: within seconds, once each, and the same as offline."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.features.kernel.kernel import compile_features
from assets.features.online.load import as_stored
from pipelines.products import load_product
from pipelines.services.catalog import common_variables
from pipelines.services.stream_follower import Following, followed
from pipelines.services.stream_health import StreamMetrics
from resources.environments import CHECKOUT, Environment
from resources.online_store.opening import open_store
from resources.online_store.protocol import OnlineStore, StoreError
from tests.integration.conftest import LAST, Small
from tests.integration.sources.test_kafka_source import broker, hours, make_topic, send
from tests.support.servers.redis_server import RedisServer
from tests.support.stores import fetch

__all__ = ["broker"]
pytestmark = pytest.mark.slow
PRODUCT = load_product("credit_risk")
NEEDS = compile_features(PRODUCT.features, PRODUCT.resolutions).needs
DAYS = 40
FIRST = LAST - timedelta(days=DAYS - 1)
UNTIL = datetime.combine(FIRST + timedelta(days=2), clock_time(), UTC)
END = datetime.combine(LAST + timedelta(days=1), clock_time(), UTC)
_SECONDS = 60.0


def test_the_streams_that_features_read_are_followed() -> None:
    """Those of credit_risk; card_fraud's sources are files."""
    assert [source.name for source in followed(PRODUCT)] == ["repayments"]
    assert followed(load_product("card_fraud")) == ()


@dataclass
class Bank:
    """A lake with some days of repayments, the first two of which are to be loaded, and the lines of the others."""

    environment: Environment
    rows: pa.Table
    lines: list[bytes]

    def load(self, store: OnlineStore) -> None:
        store.put_events("repayments", "customer_id", self.rows, version="1", watermark=UNTIL, table_version=3)
        store.publish("1")

    def check(self, store: OnlineStore) -> None:
        """Every customer has the very events of the lake's table, those of the days that were never loaded included."""
        customers = pc.unique(self.rows["customer_id"]).to_pylist()
        assert len(customers) > 20
        for customer in customers:
            found = fetch(store, "repayments", "customer_id", customer).to_pylist()
            wanted = self.rows.filter(pc.equal(self.rows["customer_id"], customer)).to_pylist()
            assert sorted(map(str, found)) == sorted(map(str, wanted)), customer


@pytest.fixture
def bank(small: Callable[[str], Small]) -> Bank:
    made = small("credit_risk")
    made.make(FIRST, LAST, "raw_repayments", "validated_repayments")
    rows = as_stored(PRODUCT, NEEDS, "repayments", made.lake.read("credit_risk/validated_repayments"))
    assert pc.sum(pc.greater_equal(rows["known_at"], UNTIL)).as_py() > 20
    stream = Path(made.environment.stream.removeprefix("file://")) / "repayments.jsonl"
    return Bank(made.environment, rows, stream.read_bytes().splitlines(keepends=True))


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: it did not happen in time"
        time.sleep(0.05)


@contextmanager
def process(environment: Environment) -> Iterator[subprocess.Popen[bytes]]:
    """What `loopline up` starts; killed at the end unless it ended."""
    variables = {**common_variables(environment), "PATH": os.environ["PATH"]}
    running = subprocess.Popen(
        [sys.executable, "-m", "pipelines.services.stream_follower"], cwd=CHECKOUT, env=variables
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait(10)


def test_the_process_follows_a_file_through_kills(bank: Bank) -> None:
    """Killed twice while lines are written, it ends with each event once; SIGTERM ends it in order."""
    stream = Path(bank.environment.stream.removeprefix("file://")) / "repayments.jsonl"
    store = open_store(bank.environment.online_store, "credit_risk")
    bank.load(store)
    stream.write_bytes(b"")
    third = len(bank.lines) // 3
    for lines in (bank.lines[:third], bank.lines[third : 2 * third]):
        with process(bank.environment):
            append(stream, b"".join(lines)[:-40])
            wait_for(lambda: offset(store) > stream.stat().st_size - 1000, "all but the unfinished line is read")
        append(stream, b"".join(lines)[-40:])
    with process(bank.environment) as running:
        append(stream, b"".join(bank.lines[2 * third :]))
        wait_for(lambda: offset(store) == stream.stat().st_size, "all is read")
        wait_for(lambda: known(store) == END, "all is known")
        bank.check(store)
        running.terminate()
        assert running.wait(20) == 0
    store.close()


def append(stream: Path, text: bytes) -> None:
    with stream.open("ab") as file:
        file.write(text)


def offset(store: OnlineStore) -> int:
    """Where the one partition of the file was read to."""
    position = store.position("repayments")
    return position.offsets["0"] if position else 0


def test_a_topic_is_followed_into_redis_through_its_kills(bank: Bank, broker: str, tmp_path: Path) -> None:
    """Production's parts: Kafka in, Redis out; Redis is killed meanwhile, and nothing is lost or counted twice."""
    make_topic(broker, "repayments", partitions=2)
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis", always=True) as server:
        environment = bank.environment.model_copy(update={"stream": f"kafka://{broker}", "online_store": server.url})
        store = open_store(server.url, "credit_risk")
        bank.load(store)
        send(broker, "repayments", [message(n, line) for n, line in enumerate(bank.lines[:-30])])
        # The sandbox has no part in a stream of others: the product says where its history ends.
        following = Following(environment, [replace(PRODUCT, end=LAST)])
        thread = threading.Thread(target=following.run)
        thread.start()
        try:
            wait_for(lambda: known(store) == END, "the topic's end is known")
            server.kill()
            send(broker, "repayments", [message(n, line) for n, line in enumerate(bank.lines[-30:])])
            server.start()
            total = len(bank.lines)
            wait_for(lambda: read(store) == total, "what came meanwhile is read")
            send(broker, "repayments", [message(1, bank.lines[-1])])
            wait_for(lambda: read(store) == total + 1, "a message that is sent twice is read twice")
            bank.check(store)
            lag = following.health()[0].messages_behind
            assert lag == 0, "the messages of a topic that are not read are counted"
            metric = StreamMetrics(following.health).collect()
            assert [sample.value for m in metric if m.name.endswith("_lag_messages") for sample in m.samples] == [0.0]
        finally:
            following.stop()
            thread.join(30)
        assert not thread.is_alive()
        store.close()


def known(store: OnlineStore) -> datetime | None:
    try:
        return store.watermarks().get("repayments")
    except StoreError:
        return None


def read(store: OnlineStore) -> int:
    """The messages of both partitions that were read."""
    try:
        position = store.position("repayments")
    except StoreError:
        return 0
    return sum(position.offsets.values()) if position else 0


def message(number: int, line: bytes) -> tuple[int, float, bytes]:
    """On one of two partitions, dated when it became known."""
    return number % 2, hours(line), line.strip()
