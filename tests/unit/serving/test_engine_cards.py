"""A product whose requests are events themselves, with two entities and an order within a moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.bundle.bundle import Bundle, Policy
from assets.features.kernel.kernel import Kernel, compile_features
from assets.replay.decision import CannotReplay
from assets.replay.features import EntityIndex, LakeEvents, StoreEvents, compare_with_lake, explain
from assets.serving.decision import Decision
from assets.serving.engine import Engine
from assets.serving.request import RequestError
from assets.vocabulary import Events, FeatureSet, Number, days
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.lmdb_store import LmdbStore
from resources.online_store.protocol import EntityEvents
from tests.support.serving_samples import NOW, trained

CARDS = Events("card_transactions", key="card_id", includes_request=True)
TERMINALS = Events("card_transactions", key="terminal_id", includes_request=True)
LABELS = Events("fraud_labels", key="terminal_id", time="known_at")
FEATURES = FeatureSet(
    request=(Number("amount"),),
    history=(
        CARDS.count(days(7), name="card_count_7d"),
        CARDS.mean("amount", days(7), name="card_mean_amount_7d"),
        CARDS.distinct("country", days(7), name="card_countries_7d"),
        TERMINALS.count(days(7), name="terminal_count_7d"),
        LABELS.mean("is_fraud", days(7), name="terminal_risk_7d", empty=0.0),
    ),
)
N = 600


def kernel() -> Kernel:
    return compile_features(FEATURES, {"card_transactions": {"amount": 0.01}, "fraud_labels": {"is_fraud": 1.0}})


def history() -> tuple[pa.Table, pa.Table]:
    """Transactions of few cards at few terminals, many in the same second; and labels of the older ones."""
    random = np.random.default_rng(11)
    seconds = np.sort(random.integers(0, 4000, N)) * 300
    moments = pa.array([NOW - timedelta(days=14) + timedelta(seconds=int(s)) for s in seconds], TIMESTAMP)
    table = pa.table(
        {
            "transaction_id": np.arange(N),
            "sequence": np.arange(N),
            "card_id": random.integers(0, 5, N),
            "terminal_id": random.integers(100, 104, N),
            "event_time": moments,
            "known_at": moments,
            "amount": np.round(random.uniform(1, 200, N), 2),
            "country": random.choice(["AT", "DE", "FR"], N),
        }
    )
    labels = table.select(["card_id", "terminal_id", "event_time"]).append_column(
        "known_at", pa.array([moment + timedelta(days=7) for moment in moments.to_pylist()], TIMESTAMP)
    )
    return table, labels.append_column("is_fraud", pa.array(random.integers(0, 2, N)))


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    table, labels = history()
    spine = table.append_column("as_of", table["event_time"])
    features = kernel().compute({"card_transactions": table, "fraud_labels": labels}, spine)
    policy = Policy(
        threshold=0.5, accept="pass", refuse="block", fallback="pass", reasons={}, reasons_shown=2,
        row_id="transaction_id", sequence="transaction_id",
    )  # fmt: skip
    label = (table["amount"].to_numpy() > 100).astype(int)
    return Bundle(parts=trained("cards", "1", kernel(), policy, features, label, rounds=5), digest="ab" * 32, size=1)


def filled(tmp_path: Path, until: datetime, lookback: timedelta | None = None) -> LmdbStore:
    table, labels = history()
    store = LmdbStore(tmp_path / "cards")
    for key in ("card_id", "terminal_id"):
        store.put_events("card_transactions", key, table, version="1", loaded_until=until, lookback=lookback)
    store.put_events("fraud_labels", "terminal_id", labels, version="1", loaded_until=until, lookback=lookback)
    store.publish("1")
    return store


def request(row: dict[str, object]) -> dict[str, object]:
    names = ("transaction_id", "card_id", "terminal_id", "amount", "country")
    moment = row["event_time"]
    assert isinstance(moment, datetime)
    return {name: row[name] for name in names} | {"as_of": moment.isoformat()}


def test_the_request_holds_every_column_that_it_counts_with(bundle: Bundle) -> None:
    shape = Engine(bundle, None).shape
    assert shape.keys == ("card_id", "terminal_id")
    assert (shape.numbers, shape.labels) == (("amount",), ("country",))
    assert shape.sequence == shape.row_id == "transaction_id"


def test_past_requests_decided_again_have_the_features_of_training(bundle: Bundle, tmp_path: Path) -> None:
    """Every row is decided with all events in the store: what came at or after it must not be counted twice."""
    table, labels = history()
    spine = table.append_column("as_of", table["event_time"])
    expected = kernel().compute({"card_transactions": table, "fraud_labels": labels}, spine).to_pylist()
    engine = Engine(bundle, filled(tmp_path, NOW + timedelta(days=30)), as_of_allowed=True)
    rows = table.to_pylist()
    decided = [engine.decide(request(row), now=NOW) for row in rows]
    assert [decision.features for decision in decided] == expected
    ties = sum(a["event_time"] == b["event_time"] for a, b in pairwise(rows))
    assert ties > 10


def test_the_transactions_of_the_same_second_count_by_their_order(bundle: Bundle, tmp_path: Path) -> None:
    store = filled(tmp_path, NOW)
    engine = Engine(bundle, store, as_of_allowed=True)
    moment = NOW + timedelta(seconds=1)
    event = {
        "transaction_id": 1000, "sequence": 1000, "card_id": 1, "terminal_id": 100, "event_time": moment,
        "known_at": moment, "amount": 50.0, "country": "AT",
    }  # fmt: skip
    ask = request(event | {"transaction_id": 1001})
    before = engine.decide(ask, now=NOW).features["card_count_7d"]
    store.append_event("card_transactions", event)
    assert engine.decide(ask, now=NOW).features["card_count_7d"] == before + 1  # type: ignore[operator]
    own = engine.decide(request(event), now=NOW).features["card_count_7d"]
    assert own == before


def test_without_an_order_the_request_is_refused(bundle: Bundle) -> None:
    engine = Engine(bundle, None, as_of_allowed=True)
    rows = history()[0].slice(0, 1).to_pylist()
    ask = request(rows[0])
    with pytest.raises(RequestError, match="'transaction_id' is missing"):
        engine.decide({name: value for name, value in ask.items() if name != "transaction_id"}, now=datetime.now(UTC))


def index_of(table: pa.Table, labels: pa.Table, *, last: datetime = NOW) -> EntityIndex:
    """The lake with these events, up to that day."""
    tables = {"card_transactions": table, "fraud_labels": labels}
    return LakeEvents(tables, dict.fromkeys(tables, last.date())).by_entity(kernel())


def test_past_decisions_have_the_same_features_from_the_lake(bundle: Bundle, tmp_path: Path) -> None:
    """Two entities of one source, ties within a microsecond, the request's own event among the lake's."""
    table, labels = history()
    engine = Engine(bundle, filled(tmp_path, NOW + timedelta(days=30)), as_of_allowed=True)
    index = index_of(table, labels)
    decided = [engine.decide(request(row), now=NOW) for row in table.to_pylist()[::7]]
    assert [compare_with_lake(decision, bundle, index).differences for decision in decided] == [()] * len(decided)
    assert Decision.from_record(decided[0].to_record()).sequence == decided[0].row_id


def test_its_own_event_in_the_lake_is_not_counted_a_second_time(bundle: Bundle, tmp_path: Path) -> None:
    """Decided a moment after it happened: by then the lake's row of the request lies before the decision."""
    table, labels = history()
    row = table.to_pylist()[-1]
    store = filled(tmp_path, row["event_time"])
    engine = Engine(bundle, store, as_of_allowed=True)
    late = row["event_time"] + timedelta(milliseconds=80)
    decision = engine.decide(request(row) | {"as_of": late.isoformat()}, now=NOW)
    until = table.filter(pc.less(table["event_time"], pa.scalar(row["event_time"], TIMESTAMP)))
    others = pa.concat_tables([until, table.slice(N - 1, 1)])
    assert compare_with_lake(decision, bundle, index_of(others, labels)).differences == ()
    foreign = others.set_column(0, "transaction_id", pa.array([*until["transaction_id"].to_pylist(), 5000]))
    parity = compare_with_lake(decision, bundle, index_of(foreign, labels))
    assert {"card_count_7d", "terminal_count_7d"} <= {difference.name for difference in parity.differences}


def test_a_record_without_what_its_bundle_asks_for_cannot_be_computed_again(bundle: Bundle, tmp_path: Path) -> None:
    """What is missing is named; nothing is put in its place."""
    table, labels = history()
    engine = Engine(bundle, filled(tmp_path, NOW), as_of_allowed=True)
    decision = engine.decide(request(table.to_pylist()[0]), now=NOW)
    with pytest.raises(CannotReplay, match=r"lacks \['country'\]"):
        compare_with_lake(replace(decision, inputs={"amount": 1.0}), bundle, index_of(table, labels))
    with pytest.raises(CannotReplay, match="'transaction_id', by which rows are ordered"):
        compare_with_lake(replace(decision, row_id="seven", sequence=None), bundle, index_of(table, labels))


def test_what_the_store_no_longer_keeps_is_named(bundle: Bundle, tmp_path: Path) -> None:
    """A decision as of three days before the load lacks the first of its seven days, and is told why."""
    table, labels = history()
    store, index = filled(tmp_path, NOW, lookback=timedelta(days=7)), index_of(table, labels)
    engine = Engine(bundle, store, as_of_allowed=True)
    as_of = NOW - timedelta(days=3)
    decision = engine.decide(request(table.to_pylist()[-1]) | {"as_of": as_of.isoformat()}, now=NOW)
    found = compare_with_lake(decision, bundle, index)
    assert "card_count_7d" in {difference.name for difference in found.differences}
    wanted = {(n.source, n.key): EntityEvents(n.source, n.key, decision.keys[n.key]) for n in kernel().needs}
    snapshot = store.fetch_all(tuple(wanted.values()))
    tables = {at: snapshot.tables[entity] for at, entity in wanted.items()}
    told = explain(decision, bundle, index, found, StoreEvents(snapshot.version, snapshot.known_until, tables))
    assert (told.waiting, told.remark, told.differences) == (False, "", found.differences)
    assert {gap.held_by for gap in told.gaps} == {"lake"}
    assert all("this decision was as of the past" in gap.why for gap in told.gaps)
    assert all(as_of - timedelta(days=7) < gap.known_at <= NOW - timedelta(days=7) for gap in told.gaps)
