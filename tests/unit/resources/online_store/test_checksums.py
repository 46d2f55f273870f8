"""Every changed byte of a stored event is found; events that were stored before there were checksums are read."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from resources.online_store.checksums import sealed, sealed_record, unsealed, unsealed_record
from resources.online_store.event_records import NewEvent, encode_event
from resources.online_store.lmdb.store import LmdbStore
from resources.online_store.protocol import OnlineStore, StoreUnavailable
from tests.unit.resources.online_store.samples import DAY, HISTORY, UNTIL, amounts, event, load

FAULT = "checksum|Expecting|Extra data"
BODY = json.dumps({"": 1, "amount": 5.25, "card_id": "ä", "event_time": 7}, separators=(",", ":")).encode()


def test_a_record_with_any_byte_changed_is_damaged() -> None:
    """Each byte is replaced by every other; an object that then has no space before it is not one of JSON."""
    record = sealed_record(BODY)
    assert unsealed_record(record) == BODY
    for place in range(len(record)):
        for byte in set(range(256)) - {record[place]}:
            damaged = record[:place] + bytes([byte]) + record[place + 1 :]
            with pytest.raises(ValueError, match=FAULT):
                json.loads(unsealed_record(damaged))


def test_a_record_that_was_cut_or_extended_is_damaged() -> None:
    record = sealed_record(BODY)
    for damaged in (*(record[:end] for end in range(len(record))), record + b" ", record + b"}", b" " + record):
        with pytest.raises(ValueError, match=FAULT):
            json.loads(unsealed_record(damaged))


def test_a_block_with_any_bit_flipped_is_damaged() -> None:
    """The bit that says that there is a checksum is the only one that cannot be guarded; the content is then no LZ4."""
    block = sealed(b"packed bytes", 40)
    content, size = unsealed(block)
    assert (bytes(content), size) == (b"packed bytes", 40)
    for place in range(4, len(block)):
        for bit in range(8):
            damaged = block[:place] + bytes([block[place] ^ 1 << bit]) + block[place + 1 :]
            with pytest.raises(ValueError, match=FAULT):
                unsealed(damaged)


def test_a_record_is_json_for_the_scripts_of_redis() -> None:
    assert json.loads(sealed_record(BODY)) == json.loads(BODY) | {"\n": json.loads(sealed_record(BODY))["\n"]}


def _records(store: LmdbStore) -> dict[bytes, bytes]:
    with store._files.environment().begin() as txn, txn.cursor() as cursor:
        return {bytes(key): bytes(value) for key, value in cursor if key.startswith(b"a")}


def _write(folder: Path, key: bytes, value: bytes) -> None:
    """From another process: LMDB lets one process open the files only once."""
    code = (
        "import lmdb, sys; e = lmdb.open(sys.argv[1], map_size=2**36)\n"
        "with e.begin(write=True) as t: t.put(bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3]))"
    )
    subprocess.run([sys.executable, "-c", code, str(folder), key.hex(), value.hex()], check=True)


def test_a_damaged_single_event_is_told_and_the_load_that_it_names_mends_it(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "shop")
    load(store, HISTORY, "1")
    store.append_event("cards", event(UNTIL + DAY))
    key, record = next((k, r) for k, r in _records(store).items() if b"card_id" in k)
    _write(tmp_path / "shop", key, record.replace(b"5.0", b"6.0"))
    with pytest.raises(StoreUnavailable, match=r"events of cards by card_id: stored events are damaged \(the checksum"):
        amounts(store, "card_id", "a")
    assert "checksum of a record" in str(store.repair())
    load(store, HISTORY, "2")
    assert amounts(store, "card_id", "a") == [1.0, 2.0]


def test_a_load_drops_damaged_single_events(tmp_path: Path) -> None:
    """Also without a repair first, as in Redis."""
    store = LmdbStore(tmp_path / "shop")
    load(store, HISTORY, "1")
    store.append_event("cards", event(UNTIL + DAY))
    for key, record in _records(store).items():
        _write(tmp_path / "shop", key, record[:-1])
    assert store.expire(UNTIL + timedelta(days=9000)) == 0
    load(store, HISTORY, "2")
    assert _records(store) == {}
    assert amounts(store, "card_id", "a") == [1.0, 2.0]


def test_events_stored_before_there_were_checksums_are_read(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "shop")
    load(store, HISTORY, "1")
    store.append_event("cards", event(UNTIL + DAY))
    for key, record in _records(store).items():
        _write(tmp_path / "shop", key, unsealed_record(record))
    assert amounts(store, "card_id", "a") == [1.0, 2.0, 5.0]
    assert store.append_event("cards", event(UNTIL + DAY)) is False  # the same event, now with a checksum
    store.verify()
    load(store, HISTORY, "2")
    assert amounts(store, "card_id", "a") == [1.0, 2.0, 5.0]


def test_a_repeated_event_counts_once(store: OnlineStore) -> None:
    """In Redis the script reads the stored record."""
    load(store, HISTORY, "1")
    assert store.append_event("cards", event(UNTIL + DAY)) is True
    assert store.append_event("cards", event(UNTIL + DAY)) is False
    record = encode_event(NewEvent(event(UNTIL + DAY)), HISTORY.schema, source="cards")
    assert record.startswith(b" {")
