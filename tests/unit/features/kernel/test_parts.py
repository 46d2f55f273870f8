"""Parts of many entities: nothing is lost, nothing stands in two of them."""

import numpy as np
import pytest

from assets.features.kernel import parts as parts_module
from assets.features.kernel.parts import parts


@pytest.mark.parametrize("most", [1, 7, 100, 10_000])
def test_every_row_is_in_one_part_with_all_events_of_its_entity(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """And a part has no more than it may, but for its last entity."""
    monkeypatch.setattr(parts_module, "_MOST", most)
    random = np.random.default_rng(most)
    theirs, ours = random.integers(-1, 40, 500), random.integers(-1, 30, 60)
    seen = []
    for number, part in enumerate(parts(theirs, ours)):
        unknown = ours[part.rows] < 0
        entities = np.unique(ours[part.rows][~unknown])
        assert number == 0 or (len(entities) and not unknown.any())
        assert (entities >= part.first).all()
        assert np.isin(np.flatnonzero(np.isin(theirs, entities)), part.events).all()
        assert -1 not in theirs[part.events]
        largest = max(np.sum(theirs == entity) + np.sum(ours == entity) for entity in range(40))
        assert len(part.events) + np.sum(~unknown) <= most + largest
        assert (np.diff(part.events) > 0).all()
        seen.append(part.rows)
    assert sorted(np.concatenate(seen)) == list(range(len(ours)))


@pytest.mark.parametrize("rows", [0, 3])
def test_without_a_known_entity_there_is_one_part_without_events(rows: int) -> None:
    (part,) = parts(np.full(5, -1), np.full(rows, -1))
    assert part.events.size == 0
    assert part.rows.tolist() == list(range(rows))


@pytest.mark.parametrize("ours", [[-1, 30, 30], [30], [-1]], ids=["the last and no entity", "the last", "no entity"])
def test_no_part_is_without_rows_where_there_are_rows(monkeypatch: pytest.MonkeyPatch, ours: list[int]) -> None:
    """Also where the first entities have events alone."""
    monkeypatch.setattr(parts_module, "_MOST", 7)
    theirs = np.repeat(np.arange(31), 5)
    assert [len(part.rows) > 0 for part in parts(theirs, np.array(ours))] == [True] * len(set(ours))


def test_events_without_any_rows_are_in_no_part() -> None:
    """Nothing is computed of them; the one part there is has the features' columns, empty."""
    (part,) = parts(np.arange(5), np.zeros(0, np.int64))
    assert (part.events.size, part.rows.size) == (0, 0)
