"""The address of a broker, and the schema of its messages: what is understood, and what is refused in a sentence."""

import json
from pathlib import Path

import pytest

from assets.product import StreamTopic
from assets.product.policies.model import ProductError
from resources.environments import UnknownConnection
from resources.sources.readers import SourceBroken, json_object
from resources.sources.streams.avro_messages import AvroMessages
from resources.sources.streams.kafka_broker import broker_at

VARIABLE = "LOOPLINE_CONNECTION_PAYMENTS_TOKEN"


def test_an_address_says_how_a_client_shows_itself(tmp_path: Path) -> None:
    for name in ("ca.pem", "me.pem", "me.key"):
        (tmp_path / name).write_text("x")
    plain = broker_at("kafka://a:9092,b:9093", secret=None, variable=VARIABLE)
    assert (plain.bootstrap, plain.security) == ("a:9092,b:9093", {"security.protocol": "PLAINTEXT"})
    found = broker_at(
        "kafka://me%40home@a:9092?ca=ca.pem&certificate=me.pem&key=me.key",
        secret="hunter2",
        variable=VARIABLE,
        find=lambda path: tmp_path / path,
    )
    assert found.security == {
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(tmp_path / "ca.pem"),
        "ssl.certificate.location": str(tmp_path / "me.pem"),
        "ssl.key.location": str(tmp_path / "me.key"),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me@home",
        "sasl.password": "hunter2",
    }
    assert "hunter2" not in repr(found)
    unused = broker_at("kafka://a:9092?tls=true", secret="hunter2", variable=VARIABLE)
    assert unused.security == {"security.protocol": "SSL"}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("kafka://me:hunter2@a:9092", f"has a password; leave it out, and set {VARIABLE} to it"),
        ("kafka://me@a:9092", f"user me has no secret; set {VARIABLE} to it"),
        ("kafka://a:9092?tsl=true", "tsl is not understood; write tls=true"),
        ("kafka://a:9092?tls=yes", "tls is not understood"),
        ("kafka://a:9092?mechanism=GSSAPI", "mechanism is GSSAPI; write one of PLAIN, SCRAM"),
        ("kafka://a:9092?ca=/nowhere.pem", "there is no file /nowhere.pem, which ca= names"),
    ],
)
def test_an_address_that_says_too_little_or_too_much_is_refused(address: str, said: str) -> None:
    with pytest.raises(UnknownConnection, match=f"kafka://a:9092: .*{said}") as told:
        broker_at(address, secret=None, variable=VARIABLE)
    assert "hunter2" not in str(told.value)


def test_a_schema_that_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceBroken, match="source s: its schema .*none.avsc cannot be read"):
        AvroMessages("s", tmp_path / "none.avsc", has_schema_id=False).text(b"x")
    (tmp_path / "a.avsc").write_text('{"type": "record", "name": "A", "fields": [{"name": "a", "type": "elephant"}]}')
    with pytest.raises(SourceBroken, match=r"a.avsc is no Avro schema \(elephant\)"):
        AvroMessages("s", tmp_path / "a.avsc", has_schema_id=False).text(b"x")
    with pytest.raises(ProductError, match="name their schema with avro="):
        StreamTopic("s", "s", has_schema_id=True)


def test_a_number_that_json_does_not_have_is_poison(tmp_path: Path) -> None:
    fields = [{"name": "a", "type": "double"}, {"name": "b", "type": "bytes"}]
    (tmp_path / "a.avsc").write_text(json.dumps({"type": "record", "name": "A", "fields": fields}))
    messages = AvroMessages("s", tmp_path / "a.avsc", has_schema_id=False)
    assert json_object(messages.text(bytes(8) + b"\x04\xff\x00")) == {"a": "0.0", "b": "ff00"}
    nan = bytes.fromhex("000000000000f87f") + b"\0"
    assert json_object(messages.text(nan)) is None
