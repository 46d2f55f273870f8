"""Decisions about an entity with very many events: from tiles, in the real stores, the same as from its events."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.bundle import Bundle, Policy
from assets.features.kernel.kernel import Kernel, compile_features
from assets.features.online import tiles
from assets.features.online.load import SourceLoad, put_source
from assets.features.online.tile_support import tilings_of
from assets.serving.engine import Engine
from assets.vocabulary import Events, FeatureSet, Number, days
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.opening import open_store
from resources.online_store.protocol import OnlineStore, StreamPosition
from tests.support.models.serving_samples import trained
from tests.support.servers.redis_server import RedisServer
from tests.support.stores import fetch

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
N = 3_000
REQUEST = {"terminal_id": "busy", "amount": 9.5, "as_of": NOW.isoformat()}
_TERMINAL = Events("cards", key="terminal_id")
FEATURES = FeatureSet(
    request=(Number("amount"),),
    history=(
        _TERMINAL.count(days(1)),
        _TERMINAL.mean("amount", days(7)),
        _TERMINAL.std("amount", days(30)),
        _TERMINAL.max("amount", days(30)),
        _TERMINAL.time_since_last(days(30)),
    ),
    derived=(),
    owner="x",
)


def kernel() -> Kernel:
    return compile_features(FEATURES, {"cards": {"amount": 0.01}})


def history() -> pa.Table:
    random = np.random.default_rng(5)
    now = int(NOW.timestamp() * 1e6)
    moments = pa.array(np.sort(now - random.integers(1, 40 * 86_400_000_000, N)), pa.int64()).cast(TIMESTAMP)
    return pa.table(
        {
            "event_time": moments,
            "known_at": moments,
            "terminal_id": np.where(random.random(N) < 0.9, "busy", "quiet"),
            "card_id": random.choice(["c1", "c2", "c3"], N),
            "amount": np.round(random.gamma(2, 30, N), 2),
        }
    )


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    table = history()
    spine = table.select(["terminal_id", "amount"]).append_column("as_of", table["event_time"])
    features = kernel().compute({"cards": table}, spine)
    policy = Policy(
        threshold=0.5, accept="pass", refuse="block", fallback="pass", reasons={}, reasons_shown=0, row_id="row"
    )
    label = (table["amount"].to_numpy() > 60).astype(int)
    return Bundle(parts=trained("cards", "1", kernel(), policy, features, label, rounds=3), digest="ab" * 32, size=1)


@pytest.fixture(params=["lmdb", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnlineStore]:
    if request.param == "lmdb":
        opened = open_store(f"lmdb://{tmp_path}/online", "cards")
        yield opened
        opened.close()
        return
    with RedisServer(tmp_path) as server:
        opened = open_store(server.url, "cards")
        yield opened
        opened.close()


def load(store: OnlineStore, version: str, *, tiled: bool) -> int:
    need = kernel().needs[0]
    (tiling,) = tilings_of(kernel())
    small = replace(tiling, tile_rows=32, tiled_from=1_000)
    one = SourceLoad("cards", need.key, "cards/validated_cards", 1, (), NOW, days(40))
    put = put_source(store, version, one, small if tiled else None, history())
    store.publish(version)
    return put


def test_a_decision_from_tiles_is_that_from_events(bundle: Bundle, store: OnlineStore) -> None:
    """For the busy terminal and the quiet one, now and before, with an event that was posted since."""
    engine = Engine(bundle, store, as_of_allowed=True)
    event = {"terminal_id": "busy", "card_id": "c1", "amount": 7.77, "event_time": NOW, "known_at": NOW}

    def decided() -> list[tuple[object, object]]:
        requests = [
            REQUEST | {"terminal_id": terminal, "as_of": moment.isoformat()}
            for terminal in ("busy", "quiet", "unknown")
            for moment in (NOW, NOW + timedelta(hours=30), NOW - timedelta(days=3, minutes=5))
        ]
        decisions = [engine.decide(request, now=NOW) for request in requests]
        return [(decision.features, decision.fallback) for decision in decisions]

    assert load(store, "events", tiled=False) == 0
    store.append_event("cards", event)
    expected = decided()
    assert {fallback for _, fallback in expected} == {None}
    assert load(store, "tiles", tiled=True) == 1
    store.append_event("cards", event)
    assert decided() == expected
    assert store.watermarks() == {"cards": NOW}
    state = store.state()
    assert state is not None
    assert state.table_versions == {"cards": 1}


def test_tiles_do_not_make_a_source_stale_that_is_followed(bundle: Bundle, store: OnlineStore) -> None:
    """Tiles hold loaded events only; later events are stored beside them."""
    load(store, "tiles", tiled=True)
    later = NOW + timedelta(days=10)
    state = store.state()
    assert state is not None
    assert store.append_stream("cards", [], StreamPosition({}, later), token=state.token) == 0
    for terminal in ("busy", "quiet"):
        request = REQUEST | {"terminal_id": terminal, "as_of": later.isoformat()}
        assert Engine(bundle, store, as_of_allowed=True).decide(request, now=later).fallback is None


def test_an_erased_subject_is_in_no_chunk(store: OnlineStore) -> None:
    """And no tile is left of an erased terminal."""
    load(store, "tiles", tiled=True)
    (tiling,) = tilings_of(kernel())
    of_subject = sum(value == "c1" for value in history()["card_id"].to_pylist())
    assert 0 < store.erase("card_id", "c1") <= of_subject
    left = [
        card
        for number in range(100)
        for card in fetch(store, tiling.chunks_source, tiles.CHUNK, f"busy#{number}")["card_id"].to_pylist()
    ]
    assert set(left) == {"c2", "c3"}
    assert store.erase("terminal_id", "busy") >= len(left)
    assert fetch(store, tiling.chunks_source, tiles.CHUNK, "busy#3").num_rows == 0
    assert fetch(store, tiling.tiles_source, "terminal_id", "busy").num_rows == 0


def test_more_events_than_are_read_for_a_decision_are_its_fallback(
    bundle: Bundle, store: OnlineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are no tiles; the record says how many events there were."""
    load(store, "events", tiled=False)
    monkeypatch.setattr("assets.serving.history.RAW_MOST", 1_000)
    decision = Engine(bundle, store, as_of_allowed=True).decide(REQUEST, now=NOW)
    assert decision.fallback == "policy"
    assert "events of cards, whose features cannot all be computed from tiles" in (decision.problem or "")


def test_tiles_of_other_features_are_not_used(bundle: Bundle, store: OnlineStore) -> None:
    """A bundle with features that the load did not have falls back until the store is loaded again."""
    other = replace(FEATURES, history=(*FEATURES.history[:4], _TERMINAL.min("amount", days(9))))
    parts = bundle.parts
    spine = history().select(["terminal_id", "amount"]).append_column("as_of", history()["event_time"])
    compiled = compile_features(other, {"cards": {"amount": 0.01}})
    table = compiled.compute({"cards": history()}, spine)
    label = (history()["amount"].to_numpy() > 60).astype(int)
    newer = replace(bundle, parts=trained("cards", "2", compiled, parts.policy, table, label, rounds=3))
    load(store, "tiles", tiled=True)
    decision = Engine(newer, store, as_of_allowed=True).decide(REQUEST, now=NOW)
    assert "tiles of cards in the online store lack statistics that bundle" in (decision.problem or "")
