"""Batches of entities: each row and all events of its entity are in exactly one."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from assets.features.kernel import batches as batches_module
from assets.features.kernel.batches import batches
from assets.features.kernel.kernel import compile_features
from assets.vocabulary import FeatureSet, days
from tests.unit.features.one_person import MICROS, NOON, own


@pytest.mark.parametrize("most", [1, 7, 100, 10_000])
def test_every_row_is_in_one_batch_with_all_events_of_its_entity(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """A batch exceeds its size by at most its last entity."""
    monkeypatch.setattr(batches_module, "_BATCH_SIZE", most)
    random = np.random.default_rng(most)
    event_entities, row_entities = random.integers(-1, 40, 500), random.integers(-1, 30, 60)
    seen = []
    for number, batch in enumerate(batches(event_entities, row_entities)):
        unknown = row_entities[batch.rows] < 0
        entities = np.unique(row_entities[batch.rows][~unknown])
        assert number == 0 or (len(entities) and not unknown.any())
        assert (entities >= batch.first).all()
        assert np.isin(np.flatnonzero(np.isin(event_entities, entities)), batch.events).all()
        assert -1 not in event_entities[batch.events]
        largest = max(np.sum(event_entities == entity) + np.sum(row_entities == entity) for entity in range(40))
        assert len(batch.events) + np.sum(~unknown) <= most + largest
        assert (np.diff(batch.events) > 0).all()
        seen.append(batch.rows)
    assert sorted(np.concatenate(seen)) == list(range(len(row_entities)))


@pytest.mark.parametrize("rows", [0, 3])
def test_without_a_known_entity_there_is_one_batch_without_events(rows: int) -> None:
    (batch,) = batches(np.full(5, -1), np.full(rows, -1))
    assert batch.events.size == 0
    assert batch.rows.tolist() == list(range(rows))


@pytest.mark.parametrize(
    "row_entities", [[-1, 30, 30], [30], [-1]], ids=["the last and no entity", "the last", "no entity"]
)
def test_no_batch_is_without_rows_where_there_are_rows(
    monkeypatch: pytest.MonkeyPatch, row_entities: list[int]
) -> None:
    """Also where the first entities have events but no rows."""
    monkeypatch.setattr(batches_module, "_BATCH_SIZE", 7)
    event_entities = np.repeat(np.arange(31), 5)
    assert [len(batch.rows) > 0 for batch in batches(event_entities, np.array(row_entities))] == [True] * len(
        set(row_entities)
    )


def test_events_without_any_rows_are_in_no_batch() -> None:
    """The only batch is empty, so that the features still have their columns."""
    (batch,) = batches(np.arange(5), np.zeros(0, np.int64))
    assert (batch.events.size, batch.rows.size) == (0, 0)


def test_entities_without_rows_in_a_range_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A range of as-of times may hold many events of entities whose rows are in another range."""
    monkeypatch.setattr(batches_module, "_BATCH_SIZE", 8)
    moments = [NOON + timedelta(minutes=n) for n in range(10)] + [
        NOON + timedelta(days=2, minutes=n) for n in range(20)
    ]
    at = pa.array(moments, MICROS)
    events = pa.table({"who": ["a"] * 10 + ["b"] * 20, "event_time": at, "known_at": at, "shop": ["x"] * 30})
    decided = pa.array([NOON + timedelta(days=2, hours=12), NOON + timedelta(hours=5)], MICROS)
    spine = pa.table({"who": ["a", "b"], "as_of": decided, "shop": ["y", "y"]})
    history = [own.distinct("shop", days(1), name="shops"), own.count(days(1), name="events")]
    kernel = compile_features(FeatureSet(history=history), {})
    for most_events in (9, 1_000):
        found = kernel.compute_entity("who", {"tx": events}, spine, most_events=most_events)
        assert {name: value.tolist() for name, value in found.items()} == {"shops": [1.0, 1.0], "events": [1.0, 1.0]}
