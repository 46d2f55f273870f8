"""The LMDB store with several processes."""

import multiprocessing
from pathlib import Path

from resources.online_store.lmdb.store import LmdbStore
from tests.unit.resources.online_store.samples import (
    DAY,
    UNTIL,
    amounts,
    events,
    load,
)


def _load_in_another_process(folder: str) -> None:
    store = LmdbStore(Path(folder))
    for number in range(1, 6):
        load(store, events([("a", "t1", UNTIL - DAY, float(number))] * number), str(number))
    store.close()


def test_lmdb_is_read_while_another_process_fills_it(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "online")
    load(store, events([("a", "t1", UNTIL - DAY, 1.0)]), "first")
    writer = multiprocessing.get_context("spawn").Process(
        target=_load_in_another_process, args=(str(tmp_path / "online"),)
    )
    writer.start()
    while writer.is_alive():
        values = amounts(store, "card_id", "a")
        assert len(values) == values[0]
    writer.join(20)
    assert (writer.exitcode, amounts(store, "card_id", "a")) == (0, [5.0] * 5)
    store.close()
