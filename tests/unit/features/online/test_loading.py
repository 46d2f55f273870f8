"""Why a load is one of everything; that a load of changes is the same store is in `tests/properties`."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from assets.features.kernel.kernel import compile_features
from assets.features.online.load import as_stored, load_name, put_source
from pipelines.card_fraud.product import PRODUCT
from resources.lake import Lake
from resources.online_store.lmdb.store import LmdbStore
from tests.support.data.changing_bank import KERNEL, TILINGS, Bank, bank, rows


@pytest.fixture
def made(tmp_path: Path) -> Bank:
    return bank(tmp_path / "lake", 7, length=5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LmdbStore]:
    with closing(LmdbStore(tmp_path / "store" / "card_fraud")) as opened:
        yield opened


def test_the_next_day_is_loaded_as_changes(made: Bank, store: LmdbStore) -> None:
    """A day that nobody has loaded, and one that came again."""
    assert made.load(store).loaded == "everything: the store was empty"
    for change in (made.append, lambda: made.again(1), made.append):
        change()
        assert made.load(store).loaded == "changes alone"
    state = store.state()
    assert state is not None
    assert state.version == load_name(PRODUCT, made.loads())


def test_a_table_that_was_made_again_is_loaded_whole(made: Bank, store: LmdbStore) -> None:
    """It may have as many versions as before, and other rows in days of the same name."""
    made.load(store)
    table = "card_fraud/validated_fraud_labels"
    versions = made.lake.version(table)
    shutil.rmtree(made.lake.folder(table))
    for number, day in enumerate(sorted(made.made)):
        made.lake.replace(table, rows(made.random, day, number + 1), days=[day])
    assert made.lake.version(table) == versions
    made.lake = Lake(made.lake.uri)
    made.append()
    assert "fraud_labels was loaded from another table" in made.load(store).loaded


def test_other_resolutions_are_loaded_whole(made: Bank, store: LmdbStore) -> None:
    """The sums of tiles are whole numbers of their steps, and the name of a load does not tell them."""
    made.load(store)
    made.append()
    finer = {**KERNEL.resolutions, "card_transactions": {"amount": 0.001}}
    kernel = compile_features(KERNEL.features, finer)
    assert "with other resolutions" in made.load(store, kernel=kernel).loaded


def test_a_load_that_was_interrupted_is_gone_on_with(made: Bank, store: LmdbStore) -> None:
    made.load(store)
    made.append()
    first = made.loads()[0]
    rows_read = made.lake.read(first.table, days=first.days)
    put_source(
        store, load_name(PRODUCT, made.loads()), first, TILINGS.get((first.source, first.key)),
        as_stored(PRODUCT, KERNEL.needs, first.source, rows_read),
    )  # fmt: skip
    done = made.load(store)
    assert (done.loaded, done.gone_on_with) == ("everything: an interrupted load of everything is gone on with", 1)


def test_a_store_of_older_code_is_loaded_whole_once(made: Bank, store: LmdbStore) -> None:
    made.load(store)
    state = store.state()
    assert state is not None
    older = {name: replace(source, basis=None) for name, source in state.sources.items()}
    with store._files.writing() as txn:
        txn.put(b"\x00current", replace(state, sources=older).to_json())
    made.append()
    assert "or by other code" in made.load(store).loaded
    made.append()
    assert made.load(store).loaded == "changes alone"


def test_rows_that_the_lake_no_longer_keeps_are_loaded_whole(made: Bank, store: LmdbStore) -> None:
    """The rows of before a day came again tell which entities had them; `loopline vacuum` may have removed the file."""
    made.load(store)
    paths = made.lake.paths("card_fraud/validated_card_transactions", days=[made.last])
    made.again(1)
    for path in paths:
        Path(path).unlink()
    assert "of card_fraud/validated_card_transactions cannot be read" in made.load(store).loaded


def test_what_is_asked_for_whole_is_loaded_whole(made: Bank, store: LmdbStore) -> None:
    made.load(store)
    made.append()
    assert made.load(store, "it was asked for").loaded == "everything: it was asked for"
