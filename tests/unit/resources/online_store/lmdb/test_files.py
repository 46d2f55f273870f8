"""The LMDB store when its files go away or are damaged."""

import multiprocessing
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lmdb
import pytest

from resources.online_store.errors import StoreDamaged, StoreUnavailable
from resources.online_store.lmdb.store import LmdbStore
from tests.support.stores import fetch
from tests.unit.resources.online_store.samples import HISTORY, UNTIL, amounts, load


def test_a_removed_lmdb_folder_is_unavailable_until_it_is_filled_again(tmp_path: Path) -> None:
    folder = tmp_path / "online"
    store = LmdbStore(folder)
    load(store, HISTORY, "1")
    shutil.rmtree(folder)
    with pytest.raises(StoreUnavailable, match="is not there"):
        fetch(store, "cards", "card_id", "a")
    assert store.state() is None
    load(store, HISTORY.slice(0, 1), "2")
    assert amounts(store, "card_id", "b") == [3.0]
    store.close()


def test_many_threads_open_a_cold_or_a_replaced_store_once(tmp_path: Path) -> None:
    for number in range(20):
        store = LmdbStore(tmp_path / "online")
        if number % 2:
            shutil.rmtree(tmp_path / "online")
        if number % 2 or not number:
            load(store, HISTORY, str(number))
            assert amounts(store, "card_id", "b") == [3.0]
        if not number % 2:
            store.close()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(amounts, [store] * 16, ["card_id"] * 16, ["b"] * 16))
        assert found == [[3.0]] * 16
        store.close()


@pytest.mark.parametrize("kept", [4096, 8192, 12_288])
def test_a_cut_file_is_damaged_until_it_is_filled_again(tmp_path: Path, kept: int) -> None:
    """Also for writers: they would fill the hole with zeros."""
    folder = tmp_path / "online"
    store = LmdbStore(folder)
    load(store, HISTORY, "1")
    assert store.damage() is None
    os.truncate(folder / "data.mdb", kept)
    with pytest.raises(StoreDamaged, match=f"has {kept} bytes.*loopline load online"):
        fetch(store, "cards", "card_id", "a")
    with pytest.raises(StoreDamaged):
        store.expire(UNTIL)
    assert "it was cut" in str(store.damage())
    other = multiprocessing.get_context("spawn").Process(target=_load, args=(str(folder),))
    other.start()
    other.join(30)
    assert amounts(store, "card_id", "b") == [3.0]
    assert store.damage() is None
    store.close()


def _load(folder: str) -> None:
    store = LmdbStore(Path(folder))
    assert store.repair() is not None
    load(store, HISTORY, "2")
    store.close()


def test_a_flipped_bit_is_found_before_the_store_is_read(tmp_path: Path) -> None:
    """Every bit of an entity's block is under its checksum; the pages of LMDB itself have none."""
    folder = tmp_path / "online"
    store = LmdbStore(folder)
    load(store, HISTORY, "1")
    store.verify()
    store.close()
    with lmdb.open(str(folder), readonly=True) as environment, environment.begin() as txn, txn.cursor() as cursor:
        block = next(value for key, value in cursor if key.startswith(b"d"))
    flipped = bytearray(block)
    flipped[len(block) // 2] ^= 1
    (folder / "data.mdb").write_bytes((folder / "data.mdb").read_bytes().replace(block, flipped))
    store = LmdbStore(folder)
    with pytest.raises(StoreDamaged, match="is damaged: the checksum of a block"):
        store.verify()
    with pytest.raises(StoreDamaged, match="checksum"):
        fetch(store, "cards", "card_id", "a")
    store.close()
    store = LmdbStore(folder)
    assert "checksum" in str(store.repair())
    load(store, HISTORY, "2")
    assert store.repair() is None
    assert amounts(store, "card_id", "b") == [3.0]
    store.close()


def test_damaged_lmdb_bytes_are_unavailable(tmp_path: Path) -> None:
    folder = tmp_path / "online"
    store = LmdbStore(folder)
    load(store, HISTORY, "1")
    store.close()
    (folder / "data.mdb").write_bytes(os.urandom(20_000))
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        fetch(LmdbStore(folder), "cards", "card_id", "a")
