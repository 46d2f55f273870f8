"""The searches that everything else rests on, against the obvious way."""

import numpy as np
import pytest

from assets.features.kernel.windows import chunks, ragged, range_pick, ranges


@pytest.mark.parametrize("size", [1, 2, 7, 64, 65])
def test_every_range_has_its_extreme(size: int) -> None:
    values = np.random.default_rng(size).integers(0, 50, size).astype(np.float64)
    low, high = (grid.ravel() for grid in np.meshgrid(np.arange(size + 1), np.arange(size + 1)))
    low, high = low[low <= high], high[low <= high]
    expected = [values[a:b].min(initial=np.inf) for a, b in zip(low, high, strict=True)]
    np.testing.assert_array_equal(range_pick(values, low, high, np.minimum, np.inf), expected)


def test_ranges_are_spelled_out_with_their_owner() -> None:
    owner, index = ragged(np.array([3, 5, 0]), np.array([5, 5, 1]))
    assert owner.tolist() == [0, 0, 2]
    assert index.tolist() == [3, 4, 0]


def test_chunks_hold_every_row_once_and_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.features.kernel.windows._PAIRS", 10)
    sizes = np.array([4, 6, 1, 0, 30, 0, 9, 1, 1])
    found = list(chunks(sizes))
    assert found == [(0, 2), (2, 4), (4, 5), (5, 8), (8, 9)]
    assert list(chunks(np.array([], np.int64))) == []


@pytest.mark.parametrize("most", [1, 50, 300, 5_000])
def test_ranges_go_on_by_as_much_as_they_look_back(most: int) -> None:
    """A row that reaches more than a range may see does not make every moment a range of its own."""
    random = np.random.default_rng(most)
    times, as_of = np.sort(random.integers(0, 10_000, 2_000)), random.integers(0, 10_000, 700)
    seen, rows = 0, []
    for part, first, last in ranges(times, as_of, 1_000, most):
        events = np.sum((times > first) & (times <= last))
        reached = np.sum((times > first) & (times <= as_of[part].min()))
        assert (as_of[part] <= last).all()
        assert (as_of[part] - 1_000 >= first).all()
        assert events <= max(most, 2 * reached)
        seen += events
        rows += part.tolist()
    assert sorted(rows) == list(range(700))
    assert seen <= 3 * len(times)
