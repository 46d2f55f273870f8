"""The online store loaded by its asset, from the lake of a small bank."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pyarrow.compute as pc
import pytest

from assets.features.kernel.kernel import compile_features
from assets.features.online.load import as_stored, load_name, planned_loads
from assets.materialising import asset_key
from pipelines.jobs import daily_name, load_job_name
from pipelines.operations.loop.run_job import run_job
from pipelines.products import load_product
from resources.online_store.errors import StoreDamaged
from resources.online_store.opening import open_store
from resources.online_store.protocol import EntityEvents, OnlineStore
from tests.integration.conftest import LAST, Small
from tests.support.stores import fetch

PRODUCT = load_product("card_fraud")
KERNEL = compile_features(PRODUCT.features, PRODUCT.resolutions)
TABLES = [f"{layer}_{source.name}" for layer in ("raw", "validated") for source in PRODUCT.sources]
UNTIL = datetime.combine(LAST, time(), UTC) + timedelta(days=1)


@pytest.fixture
def cards(small: Callable[[str], Small]) -> Small:
    made = small("card_fraud")
    made.make(LAST - timedelta(days=2), LAST, *TABLES)
    return made


def told(cards: Small) -> dict[str, object]:
    event = cards.instance.get_latest_materialization_event(asset_key(PRODUCT, "online_store"))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def store_of(cards: Small) -> OnlineStore:
    resource: dg.ResourceDefinition | None = cards.definitions.resources["online_stores"]
    return resource.of("card_fraud")  # type: ignore[union-attr]


def versions(cards: Small) -> dict[str, int]:
    return {source.name: cards.lake.version(f"card_fraud/validated_{source.name}") for source in PRODUCT.sources}


def test_a_load_is_of_one_version_of_each_table_and_says_which(cards: Small) -> None:
    """In the store, which a service can be asked for, and in Dagster; the rows are those of that very version."""
    cards.make(LAST, LAST, "online_store")
    state = store_of(cards).state()
    assert state is not None
    assert state.table_versions == told(cards)["pins"] == versions(cards)
    assert store_of(cards).watermarks() == {"card_transactions": UNTIL, "fraud_labels": UNTIL}
    rows = cards.lake.read("card_fraud/validated_card_transactions")
    assert state.sources["card_transactions"].rows == {"card_id": rows.num_rows}
    card = rows["card_id"][0].as_py()
    stored = as_stored(PRODUCT, KERNEL.needs, "card_transactions", rows.filter(pc.equal(rows["card_id"], card)))
    found = fetch(store_of(cards), "card_transactions", "card_id", card)
    assert sorted(map(str, found.to_pylist())) == sorted(map(str, stored.to_pylist()))


def test_a_load_that_was_cut_short_is_gone_on_with(cards: Small) -> None:
    """The source that another run had finished is not read again; the store ends as if nothing had happened."""
    made = {source.name: frozenset({LAST}) for source in PRODUCT.sources}
    now = datetime.combine(LAST + timedelta(days=1), time(), UTC)
    loads = planned_loads(PRODUCT, KERNEL, cards.lake, validated=made, now=now)
    first = loads[0]
    rows = cards.lake.read(first.table, days=first.days, version=first.table_version)
    other = open_store(cards.environment.online_store, "card_fraud")
    kept = other.put_events(
        first.source, first.key, as_stored(PRODUCT, KERNEL.needs, first.source, rows), lookback=first.lookback,
        version=load_name(PRODUCT, loads), watermark=first.watermark, table_version=first.table_version,
    )  # fmt: skip
    other.close()
    cards.make(LAST, LAST, "online_store")
    assert told(cards)["gone_on_with"] == 1
    state = store_of(cards).state()
    assert state is not None
    assert state.version == told(cards)["version"] == load_name(PRODUCT, loads)
    assert state.sources[first.source].rows == {first.key: kept}
    assert state.table_versions == versions(cards)


def test_a_daily_run_loads_the_changes_of_its_day(small: Callable[[str], Small]) -> None:
    """It ends with the store that a load of everything makes, which is what a run for the store alone does."""
    cards = small("card_fraud")
    cards.make(LAST - timedelta(days=9), LAST - timedelta(days=1), *TABLES, "online_store")
    assert told(cards)["loaded"] == "everything: the store was empty"
    cards.make(LAST, LAST, *TABLES, "online_store")
    assert told(cards)["loaded"] == "changes alone"
    changed, rows = store_of(cards).state(), told(cards)["rows"]
    ids = cards.lake.read("card_fraud/validated_card_transactions", days=[LAST])["card_id"].unique().to_pylist()
    wanted = [EntityEvents("card_transactions", "card_id", card) for card in ids]
    events = store_of(cards).fetch_all(wanted).tables
    cards.make(LAST, LAST, "online_store")
    assert told(cards)["loaded"] == "everything: it was asked for"
    whole = store_of(cards).state()
    assert changed is not None
    assert whole is not None
    assert (changed.version, rows) == (whole.version, told(cards)["rows"])
    assert {name: source.rows for name, source in changed.sources.items()} == {
        name: source.rows for name, source in whole.sources.items()
    }
    assert events == store_of(cards).fetch_all(wanted).tables
    cards.make(LAST, LAST, *TABLES, "online_store")
    assert told(cards)["loaded"] == "nothing", "equal content in new versions"


def test_a_run_that_selects_nothing_loads_the_changes_of_its_day_too(small: Callable[[str], Small]) -> None:
    """As those of schedules and sensors: their job says what they make, and it is more than the store."""
    cards = small("card_fraud")
    cards.make(LAST - timedelta(days=9), LAST - timedelta(days=1), *TABLES, "online_store")
    run_job(cards.definitions, cards.instance, daily_name(PRODUCT), days=(LAST, LAST))
    assert told(cards)["loaded"] == "changes alone"
    run_job(cards.definitions, cards.instance, load_job_name(PRODUCT))
    assert told(cards)["loaded"] == "everything: it was asked for"


def test_a_load_mends_a_cut_store(cards: Small) -> None:
    """The command that the message of a damaged store names repairs it."""
    cards.make(LAST, LAST, "online_store")
    before = store_of(cards).state()
    file = Path(cards.environment.online_store.removeprefix("lmdb://")) / "card_fraud" / "data.mdb"
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(StoreDamaged, match="it was cut; load it again: loopline load card_fraud"):
        store_of(cards).state()
    cards.make(LAST, LAST, "online_store")
    after = store_of(cards).state()
    assert before is not None
    assert after is not None
    assert (after.version, after.sources) == (before.version, before.sources)
