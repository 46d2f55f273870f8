"""The LMDB store when its files go away or are damaged."""

import os
import shutil
from pathlib import Path

import pytest

from resources.online_store.errors import StoreUnavailable
from resources.online_store.lmdb_store import LmdbStore
from tests.support.stores import fetch
from tests.unit.resources.online_store.samples import HISTORY, amounts, load


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


def test_damaged_lmdb_bytes_are_unavailable(tmp_path: Path) -> None:
    folder = tmp_path / "online"
    store = LmdbStore(folder)
    load(store, HISTORY, "1")
    store.close()
    (folder / "data.mdb").write_bytes(os.urandom(20_000))
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        fetch(LmdbStore(folder), "cards", "card_id", "a")
