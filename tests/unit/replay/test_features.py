"""Features of recorded decisions, recomputed from the lake's events."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.bundle.bundle import Bundle
from assets.replay.features import StoreEvents, compare_with_lake, explain
from assets.replay.lake_events import EntityIndex, LakeEvents
from assets.serving.decision import CannotReplay, Decision
from assets.serving.engine import Engine
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.protocol import EntityEvents
from tests.support.data.card_samples import N, filled, history, kernel, request
from tests.support.models.serving_samples import NOW


def index_of(table: pa.Table, labels: pa.Table, *, last: datetime = NOW) -> EntityIndex:
    """The lake with these events, up to that day."""
    tables = {"card_transactions": table, "fraud_labels": labels}
    return LakeEvents(tables, dict.fromkeys(tables, last.date())).by_entity(kernel())


def test_past_decisions_have_the_same_features_from_the_lake(card_bundle: Bundle, tmp_path: Path) -> None:
    """Two entities of one source, ties within a microsecond, the request's own event among the lake's."""
    table, labels = history()
    engine = Engine(card_bundle, filled(tmp_path, NOW + timedelta(days=30)), as_of_allowed=True)
    index = index_of(table, labels)
    decided = [engine.decide(request(row), now=NOW) for row in table.to_pylist()[::7]]
    assert [compare_with_lake(decision, card_bundle, index).differences for decision in decided] == [()] * len(decided)
    assert Decision.from_record(decided[0].to_record()).sequence == decided[0].row_id


def test_rows_are_taken_from_tables_in_one_piece() -> None:
    """The lake's tables come in hundreds of pieces, from which rows are taken a hundred times more slowly."""
    table, labels = history()
    pieces = pa.concat_tables([table.slice(start, 3) for start in range(0, N, 3)])
    index = index_of(pieces, labels)
    assert {column.num_chunks for table in index.events.tables.values() for column in table.columns} == {1}


def test_the_event_of_the_request_itself_is_not_counted(card_bundle: Bundle, tmp_path: Path) -> None:
    """Decided 80 ms after it happened: the lake's event of the request is before the decision."""
    table, labels = history()
    row = table.to_pylist()[-1]
    store = filled(tmp_path, row["event_time"])
    engine = Engine(card_bundle, store, as_of_allowed=True)
    late = row["event_time"] + timedelta(milliseconds=80)
    decision = engine.decide(request(row) | {"as_of": late.isoformat()}, now=NOW)
    until = table.filter(pc.less(table["event_time"], pa.scalar(row["event_time"], TIMESTAMP)))
    others = pa.concat_tables([until, table.slice(N - 1, 1)])
    assert compare_with_lake(decision, card_bundle, index_of(others, labels)).differences == ()
    foreign = others.set_column(0, "transaction_id", pa.array([*until["transaction_id"].to_pylist(), 5000]))
    parity = compare_with_lake(decision, card_bundle, index_of(foreign, labels))
    assert {"card_count_7d", "terminal_count_7d"} <= {difference.name for difference in parity.differences}


def test_a_row_that_is_decided_again_days_later_is_an_event_too(card_bundle: Bundle, tmp_path: Path) -> None:
    """It was in the online store by then, and the service counted it beside the request."""
    table, labels = history()
    row = table.to_pylist()[-1]
    engine = Engine(card_bundle, filled(tmp_path, NOW + timedelta(days=30)), as_of_allowed=True)
    later = row["event_time"] + timedelta(days=2)
    decision = engine.decide(request(row) | {"as_of": later.isoformat()}, now=NOW + timedelta(days=30))
    index = index_of(table, labels, last=NOW + timedelta(days=30))
    assert compare_with_lake(decision, card_bundle, index).differences == ()


def test_a_record_without_what_its_bundle_asks_for_cannot_be_recomputed(card_bundle: Bundle, tmp_path: Path) -> None:
    """The message names the missing column; no default replaces it."""
    table, labels = history()
    engine = Engine(card_bundle, filled(tmp_path, NOW), as_of_allowed=True)
    decision = engine.decide(request(table.to_pylist()[0]), now=NOW)
    with pytest.raises(CannotReplay, match=r"lacks country"):
        compare_with_lake(replace(decision, inputs={"amount": 1.0}), card_bundle, index_of(table, labels))
    with pytest.raises(CannotReplay, match="'transaction_id', by which rows are ordered"):
        compare_with_lake(replace(decision, row_id="seven", sequence=None), card_bundle, index_of(table, labels))


def test_events_older_than_the_lookback_of_the_store_are_named(card_bundle: Bundle, tmp_path: Path) -> None:
    """A decision as of three days before the load lacks its oldest events; each is named with the cause."""
    table, labels = history()
    store, index = filled(tmp_path, NOW, lookback=timedelta(days=7), tells=False), index_of(table, labels)
    engine = Engine(card_bundle, store, as_of_allowed=True)
    as_of = NOW - timedelta(days=3)
    decision = engine.decide(request(table.to_pylist()[-1]) | {"as_of": as_of.isoformat()}, now=NOW)
    parity = compare_with_lake(decision, card_bundle, index)
    assert "card_count_7d" in {difference.name for difference in parity.differences}
    entities = {(n.source, n.key): EntityEvents(n.source, n.key, decision.keys[n.key]) for n in kernel().needs}
    snapshot = store.fetch_all(tuple(entities.values()))
    tables = {pair: snapshot.tables[entity] for pair, entity in entities.items()}
    explained = explain(
        decision, card_bundle, index, parity, StoreEvents(snapshot.version, snapshot.watermarks, tables)
    )
    assert (explained.waiting, explained.remark, explained.differences) == (False, "", parity.differences)
    assert {gap.held_by for gap in explained.gaps} == {"lake"}
    assert all("this decision was as of the past" in gap.why for gap in explained.gaps)
    assert all(as_of - timedelta(days=7) < gap.known_at <= NOW - timedelta(days=7) for gap in explained.gaps)


def test_an_event_without_a_row_id_is_not_the_request(card_bundle: Bundle, tmp_path: Path) -> None:
    """It counts in replay as it counted in the decision."""
    table, labels = history()
    at = table.column_names.index("transaction_id")
    table = table.set_column(
        at, "transaction_id", pa.array([None, *table["transaction_id"].to_pylist()[1:]], pa.int64())
    )
    engine = Engine(card_bundle, filled(tmp_path, NOW), as_of_allowed=True)
    card, index = table["card_id"][0].as_py(), index_of(table, labels)
    row = next(row for row in reversed(table.to_pylist()) if row["card_id"] == card)
    row["event_time"] = table["event_time"][0].as_py() + timedelta(hours=1)
    decision = engine.decide(request(row), now=NOW)
    held = index.of(decision, card_bundle)["card_transactions", "card_id"]
    assert None in held["transaction_id"].to_pylist()
    assert compare_with_lake(decision, card_bundle, index).differences == ()


def test_a_missing_key_is_no_entity_of_that_name(card_bundle: Bundle, tmp_path: Path) -> None:
    """A text of Python for a missing value is nobody's key."""
    table, labels = history()
    at = table.column_names.index("card_id")
    named = table.set_column(at, "card_id", pa.array(["None"] * table.num_rows))
    engine = Engine(card_bundle, filled(tmp_path, NOW), as_of_allowed=True)
    decision = engine.decide(request(table.to_pylist()[0]), now=NOW)
    keyless = replace(decision, keys={**decision.keys, "card_id": None})
    assert index_of(named, labels).of(keyless, card_bundle)["card_transactions", "card_id"].num_rows == 0
