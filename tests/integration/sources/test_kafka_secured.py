"""A topic of Avro messages on a broker that asks for TLS and a user; the broker is real, and so are both asked for."""

import io
import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest

from assets.ingestion.assets import avro_of
from assets.product import StreamTopic
from pipelines.products import load_product
from resources.environments import load_environment
from resources.sources.readers import DayRows, SourceBroken, SourceUnavailable
from resources.sources.streams.kafka import KafkaReader
from resources.sources.streams.kafka_broker import broker_at
from resources.sources.streams.kafka_tail import KafkaTail
from resources.sources.systems import SourceSystems
from tests.integration.sources.test_kafka_source import BROKER, FIRST, make_topic, send, wait_for
from tests.support.servers.kafka_gateway import certificate, gateway
from tests.support.servers.ports import free_port

VARIABLE = "LOOPLINE_CONNECTION_PAYMENTS_TOKEN"
SCHEMA = {
    "type": "record",
    "name": "Repayment",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "note", "type": ["null", "string"], "default": None},
    ],
}


def avro(record: dict[str, Any], header: bytes = b"\0\0\0\0\7") -> bytes:
    written = io.BytesIO()
    fastavro.schemaless_writer(written, fastavro.parse_schema(SCHEMA), record)
    return header + written.getvalue()


def record(name: str) -> dict[str, Any]:
    return {"id": name, "amount": Decimal("12.50"), "at": datetime(2026, 1, 1, 9, tzinfo=UTC), "note": None}


WHOLE = avro(record("P2"))
POISON = [b"", b"hello", b'{"id": "P9", "amount": 1}', WHOLE[:-1], WHOLE + b"\0", b"\1" + WHOLE[1:], b"\0\0\0\0\7"]


@dataclass
class Secured:
    """The way to the broker, with the address of a client that is let in but for its secret."""

    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"kafka://loop@127.0.0.1:{self.port}?ca={self.folder}/broker.pem&mechanism=PLAIN"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder, inner, outer = tmp_path_factory.mktemp("secured"), free_port(), free_port()
    listen = ["--listener-url", f"tcp://127.0.0.1:{inner}"]
    # Each way to the broker needs a name of its own, and it advertises one: topics are filled on the inner way by
    # clients to which the gateway is that name.
    advertised = ["--advertised-listener-url", f"tcp://127.0.0.1:{outer}", "--storage-engine", "memory://tansu/"]
    process = subprocess.Popen(
        [str(BROKER), "broker", *listen, *advertised], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with gateway(outer, inner, certificate(folder), "loop", "hunter2"):
            wait_for(f"127.0.0.1:{inner}")
            yield Secured(outer, folder)
    finally:
        process.terminate()
        process.wait(timeout=20)


def read(secured: Secured, tmp_path: Path, topic: StreamTopic, days: list[date]) -> list[DayRows]:
    product = load_product("credit_risk")
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path), "LOOPLINE_CONNECTION_PAYMENTS": secured.address})
    decoder = avro_of(product, topic)
    with SourceSystems(environment).stream(
        topic.name, topic=topic.topic, arrival_field="", first_day=FIRST, connection="payments", avro=decoder
    ) as reader:
        return list(reader.read(days))


def test_avro_messages_are_rows_and_poison_is_kept_apart(
    secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "hunter2")
    schema = tmp_path / "repayment.avsc"
    schema.write_text(json.dumps(SCHEMA))
    broker = broker_at(secured.address, secret="hunter2", variable=VARIABLE)
    make_topic(broker.bootstrap, "avro", partitions=1, **broker.security)
    messages = [(0, 1, avro(record("P1"))), *((0, 2, content) for content in POISON), (0, 25, WHOLE)]
    send(broker.bootstrap, "avro", messages, **broker.security)
    topic = StreamTopic("repayments", "avro", connection="payments", avro=str(schema), has_schema_id=True)
    first, second = read(secured, tmp_path, topic, [FIRST, FIRST + timedelta(days=1)])
    assert first.rows.to_pylist() == [{"id": "P1", "amount": "12.50", "at": "2026-01-01T09:00:00+00:00", "note": None}]
    assert second.rows["id"].to_pylist() == ["P2"]
    assert len(first.malformed) == len(POISON)
    assert '{"id": "P9", "amount": 1}' in first.malformed[2], "JSON among Avro is no row, and is kept as it came"
    with closing(KafkaTail("repayments", broker, "avro")) as tail:
        batch = tail.read({"0": 0}, 2)
        while not batch.messages:
            batch = tail.read({"0": 0}, 2)
    assert batch.behind == len(messages) - len(batch.messages)


def test_who_is_not_let_in_is_told_why(secured: Secured) -> None:
    broker = broker_at(secured.address, secret="wrong-4711", variable=VARIABLE)
    with (
        KafkaReader("repayments", broker, "avro", timeout=2) as reader,
        pytest.raises(SourceBroken, match=f"2026-01-01: the broker refuses its client .*no entry.*{VARIABLE}") as told,
    ):
        list(reader.read([FIRST]))
    assert "4711" not in str(told.value)


def test_a_certificate_that_nobody_vouches_for_is_told(secured: Secured) -> None:
    address = secured.address.replace(f"ca={secured.folder}/broker.pem", "tls=true")
    broker = broker_at(address, secret="hunter2", variable=VARIABLE)
    with (
        KafkaReader("repayments", broker, "avro", timeout=2) as reader,
        pytest.raises(SourceUnavailable, match="certificate verify failed"),
    ):
        list(reader.read([FIRST]))
