"""Tiles against the kernel: equal to the last bit, from a bounded number of events."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assets.features.kernel.kernel import Kernel, compile_features
from assets.features.online.load import SourceLoad, put_source
from assets.features.online.request import compute_one
from assets.features.online.tile_support import tiling_of, untiled
from assets.features.online.tiles import CHUNK, Tiling, TooManyEvents
from assets.vocabulary import Events, FeatureSet, History, Number, at_least, days
from pipelines.card_fraud.product import PRODUCT as FRAUD
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.lmdb.store import LmdbStore
from tests.support.stores import fetch

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
N = 400
RESOLUTIONS = {"cards": {"amount": 0.01}}


def micros(values: np.ndarray) -> pa.Array:
    return pa.array(values.astype(np.int64), pa.int64()).cast(TIMESTAMP)


def history(seed: int) -> pa.Table:
    """Events of one big card and some small ones, with ties, missing and negative amounts, and late arrivals."""
    random = np.random.default_rng(seed)
    now = int(NOW.timestamp())
    happened = now - random.integers(1, 40 * 1440, N) * 60
    late = np.where(random.random(N) < 0.1, random.integers(1, 2 * 86_400, N), 0)
    amount = np.round(random.normal(20, 300, N), 2)
    return pa.table(
        {
            "card_id": np.where(random.random(N) < 0.8, "big", random.choice(["s1", "s2"], N)),
            "event_time": micros(happened * 1_000_000),
            "known_at": micros((happened + late) * 1_000_000),
            "amount": pa.array(np.where(random.random(N) < 0.1, np.nan, amount), from_pandas=True),
            "country": random.choice(["AT", "DE", "FR"], N),
            "sequence": random.permutation(N).astype(np.int64),
        }
    )


def aggregates(events: Events) -> tuple[History, ...]:
    """Every kind that tiles support, over windows that cut tiles, with and without conditions, and over all history."""
    found: list[History] = []
    for window in (days(1), timedelta(days=7, minutes=17), days(30), None):
        for part in (events, events.where(country="AT"), events.where(amount=at_least(50))):
            found += [
                part.count(window),
                part.sum("amount", window),
                part.mean("amount", window),
                part.std("amount", window),
                part.min("amount", window),
                part.max("amount", window),
                part.share(window, country=("DE", "FR")),
                part.time_since_last(window),
                part.time_since_first(window),
            ]
    return tuple(replace(feature, name=f"f{number}") for number, feature in enumerate(found))


def kernel_of(events: Events) -> Kernel:
    request = (Number("amount"),)
    features = FeatureSet(request=request, history=aggregates(events), derived=(), owner="x")
    return compile_features(features, RESOLUTIONS)


def small(kernel: Kernel, tile_rows: int = 7) -> Tiling:
    tiling = tiling_of(kernel, kernel.needs[0])
    assert tiling is not None
    return replace(tiling, tile_rows=tile_rows, tiled_from=100)


def spine(moment: datetime, **columns: object) -> pa.Table:
    values = {"amount": 12.34, "country": "AT", "sequence": 200, "card_id": "big"} | columns
    return pa.table({name: [value] for name, value in values.items()}).append_column(
        "as_of", pa.array([moment], TIMESTAMP)
    )


def from_tiles(tiling: Tiling, table: pa.Table, row: pa.Table, single: pa.Table) -> tuple[dict[str, float], int]:
    """The features by tiles, and the number of chunks read."""
    split = tiling.split(table, watermark=NOW, lookback=None)
    assert split is not None
    assert set(tiling.columns) <= set(split.tiles.column_names)
    tiles = split.tiles.filter(pa.compute.equal(split.tiles["card_id"], "big"))
    cover = tiling.cover(tiles, row)
    wanted = tiling.wanted(cover, "big")
    read = split.chunks.filter(pa.compute.is_in(split.chunks[CHUNK], pa.array(wanted, pa.string())))
    columns = [name for name in table.column_names if name != "card_id"]
    return tiling.compute(cover, pa.concat_tables([read.select(columns), single.select(columns)]), row), len(wanted)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "events",
    [
        Events("cards", key="card_id"),
        Events("cards", key="card_id", time="known_at"),
        Events("cards", key="card_id", includes_request=True),
    ],
    ids=["event_time", "known_at", "with_request"],
)
def test_tiles_give_the_kernel_s_numbers_to_the_last_bit(events: Events, seed: int) -> None:
    """As of now, of an event's time, and of a past time at which many events were not known."""
    kernel, table = kernel_of(events), history(seed)
    loaded = table.filter(pa.compute.less(table["known_at"], pa.scalar(NOW, TIMESTAMP)))
    big = loaded.filter(pa.compute.equal(loaded["card_id"], "big"))
    single = history(seed + 100).slice(0, 9)
    moments = [NOW, NOW + timedelta(hours=5), *big["event_time"].to_pylist()[:12], big["known_at"][20].as_py()]
    for moment in moments:
        for change in ({}, {"amount": None, "country": None}):
            row = spine(moment, **change)
            row = row.set_column(0, "amount", row["amount"].cast(pa.float64()))
            row = row.set_column(1, "country", row["country"].cast(pa.string()))
            values, _ = from_tiles(small(kernel), table, row, single)
            both = pa.concat_tables([big, single]).drop_columns(["card_id"])
            expected = compute_one(kernel, {("cards", "card_id"): both}, row)
            found = compute_one(kernel, {}, row, given=values)
            assert list(found.items()) == list(expected.items())


def test_only_entities_with_very_many_events_are_tiled() -> None:
    """Events of the others are unchanged; every event is in exactly one of the two."""
    table = history(1)
    tiling = small(kernel_of(Events("cards", key="card_id")))
    split = tiling.split(table, watermark=NOW + timedelta(days=9), lookback=None)
    assert split is not None
    assert (set(split.events["card_id"].to_pylist()), split.entities) == ({"s1", "s2"}, 1)
    assert set(split.tiles["card_id"].to_pylist()) == set(split.chunks["card_id"].to_pylist()) == {"big"}
    together = pa.concat_tables([split.events, split.chunks.drop_columns([CHUNK])])
    assert sorted(map(str, together.to_pylist())) == sorted(map(str, table.to_pylist()))
    nothing = replace(tiling, tiled_from=N).split(table, watermark=NOW, lookback=None)
    assert nothing is not None
    assert (nothing.tiles.num_rows, nothing.chunks.num_rows, nothing.entities) == (0, 0, 0)
    assert nothing.tiles.schema.names == split.tiles.schema.names


def test_a_decision_reads_one_chunk_for_each_edge() -> None:
    """For three windows with an edge and the decision time, whatever the number of events."""
    table = history(2).set_column(2, "known_at", history(2)["event_time"])
    _, read = from_tiles(small(kernel_of(Events("cards", key="card_id"))), table, spine(NOW), table.slice(0, 0))
    assert read <= 4
    _, read = from_tiles(small(kernel_of(Events("cards", key="card_id")), 2), table, spine(NOW), table.slice(0, 0))
    assert read <= 4


@pytest.mark.parametrize(
    ("feature", "name"),
    [
        (lambda events: events.distinct("country", days(7)), "cards_distinct_country_7d"),
        (lambda events: events.last("amount", days(7)), "cards_last_amount_7d"),
    ],
)
def test_kinds_that_need_the_events_themselves_are_named(feature: Callable[[Events], History], name: str) -> None:
    """A source with such a feature by a key is not tiled by this key."""
    events = Events("cards", key="card_id")
    asked = (events.count(days(7)), feature(events))
    kernel = compile_features(FeatureSet(request=(), history=asked, derived=(), owner="x"), RESOLUTIONS)
    assert untiled(kernel, kernel.needs[0]) == (asked[1].name,)
    assert tiling_of(kernel, kernel.needs[0]) is None


@pytest.mark.parametrize(
    "asked",
    [
        (Events("cards", key="number").count(days(7)),),
        (Events("cards", key="last").count(days(7)),),
        (Events("cards", key="card_id").where(chunk=1).count(days(7)),),
        (Events("cards", key="card_id").count(days(7)), Events("cards", key="chunk").count(days(8))),
    ],
    ids=["key", "other_key", "condition", "key_of_another"],
)
def test_a_source_with_a_column_of_tiles_is_not_tiled(asked: tuple[History, ...]) -> None:
    """The tiles' column would replace it."""
    kernel = compile_features(FeatureSet(history=asked), {})
    assert [tiling_of(kernel, need) for need in kernel.needs] == [None] * len(kernel.needs)


def test_the_features_of_terminals_are_all_tiled() -> None:
    """A terminal that everybody uses costs no more than another. Fails for a feature without tiles.

    A card has few payments; windows that end two weeks before the decision have none.
    """
    kernel = compile_features(FRAUD.features, FRAUD.resolutions)
    assert [untiled(kernel, need) for need in kernel.needs if need.key == "terminal_id"] == [()]


def test_a_source_and_a_key_of_any_length_are_loaded_in_tiles(tmp_path: Path) -> None:
    """Names in the store have at most 63 characters, and keys 255 bytes."""
    source, key, owner = "credit_bureau_account_statement_lines", "household_account_identifier", "ö" * 127
    kernel = compile_features(FeatureSet(history=[Events(source, key=key).count(days(30), name="n")]), {})
    tiling = replace(small(kernel), tiled_from=2)
    others = [replace(tiling, source=source[:-1]), replace(tiling, key=key[:-1]), replace(tiling, source=source[:20])]
    names = [name for one in (tiling, *others) for name in (one.tiles_source, one.chunks_source)]
    assert len(set(names)) == len(names)
    assert all("__" in name for name in names)
    moments = micros(np.arange(9) + int(NOW.timestamp()) * 1_000_000)
    events = pa.table({"event_time": moments, "known_at": moments, key: [owner] * 9})
    until = NOW + timedelta(days=1)
    with closing(LmdbStore(tmp_path / "store")) as store:
        put_source(store, "v", SourceLoad(source, key, "p/t", 1, (NOW.date(),), until, None), tiling, events)
        assert store.publish("v").tables == (source,)
        found = fetch(store, tiling.tiles_source, key, owner)
        row = pa.table({"as_of": pa.array([NOW + timedelta(microseconds=4)], TIMESTAMP), key: [owner]})
        cover = tiling.cover(found, row)
        (wanted,) = tiling.wanted(cover, owner)
        read = fetch(store, tiling.chunks_source, CHUNK, wanted)
        assert tiling.compute(cover, read, row) == {"n": 5.0}


def test_names_that_fit_are_not_shortened() -> None:
    """A store in use keeps its sources."""
    tiling = small(kernel_of(Events("cards", key="card_id")))
    assert (tiling.tiles_source, tiling.chunks_source) == ("cards__card_id_tiles", "cards__card_id_chunks")


def test_a_decision_with_too_many_unknown_events_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a past time most of whose events became known later; answering would be slow."""
    table = history(3)
    late = table.set_column(2, "known_at", pa.array([NOW - timedelta(seconds=1)] * N, TIMESTAMP))
    monkeypatch.setattr("assets.features.online.tiles.RAW_MOST", 20)
    with pytest.raises(TooManyEvents, match="card_id has .* tiles of cards with events that were not known"):
        from_tiles(
            small(kernel_of(Events("cards", key="card_id"))), late, spine(NOW - timedelta(days=1)), table.slice(0, 0)
        )


def test_numbers_whose_squares_do_not_fit_are_not_tiled() -> None:
    """The sum of squares of half a billion in cents exceeds 64 bits."""
    table = history(4)
    large = table.set_column(3, "amount", pa.array([5e8] * N))
    assert small(kernel_of(Events("cards", key="card_id"))).split(large, watermark=NOW, lookback=None) is None
