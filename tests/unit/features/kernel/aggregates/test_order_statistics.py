"""Quantiles and modes, computed by hand and by NumPy."""

import numpy as np
import pyarrow as pa
import pytest

from assets.features.kernel.kernel import compile_features
from assets.vocabulary import FeatureSet, days, hours
from tests.unit.features.one_person import CENTS, MICROS, events, own, tx, value


def _amounts(*amounts: float | None) -> pa.Table:
    """Events an hour apart, the last of them an hour before the decision."""
    return events(list(range(len(amounts), 0, -1)), amount=pa.array(amounts, pa.float64()))


def test_a_quantile_is_interpolated_and_rounded_once() -> None:
    """Quantiles are type 7 of Hyndman and Fan on the steps of the resolution."""
    assert value(tx.median("amount"), _amounts(0.1, 0.2)) == 0.15
    assert value(tx.median("amount"), _amounts(5.0, None, 1.0, 3.0)) == 3.0
    assert value(tx.quantile("amount", 0.9), _amounts(*(float(n) for n in range(1, 12)))) == 10.0
    assert value(tx.quantile("amount", 0), _amounts(2.0, -1.0)) == -1.0
    assert value(tx.quantile("amount", 1), _amounts(2.0, -1.0)) == 2.0
    assert value(own.median("amount"), _amounts(1.0, 2.0), amount=[9.0]) == 2.0
    assert value(own.quantile("amount", 0.25), _amounts(), amount=[9.0]) == 9.0


@pytest.mark.parametrize("level", [0.0, 0.1, 0.25, 0.5, 0.9, 0.9999, 1.0])
def test_quantiles_are_those_of_numpy(level: float) -> None:
    """Over many windows of many values, repeated ones among them, NumPy's linear method gives the same."""
    random = np.random.default_rng(8)
    amounts = np.round(random.normal(0, 40, 300), 2)
    before = np.sort(random.choice(3_000, 300, replace=False))[::-1] / 60
    history = events(before.tolist(), amount=amounts)
    for length in (1, 7, 30, 50):
        inside = amounts[before < length]
        expected = None if not len(inside) else pytest.approx(np.quantile(inside, level), abs=1e-9)
        assert value(tx.quantile("amount", level, hours(length)), history) == expected


def test_the_mode_is_the_smallest_of_the_most_frequent_values() -> None:
    """Of numbers and of texts; missing values do not count."""
    assert value(tx.mode("n"), events([4, 3, 2, 1], n=[5, 2, 5, 1])) == 5.0
    assert value(tx.mode("n"), events([4, 3, 2, 1], n=[5, 2, 5, 2])) == 2.0
    assert value(tx.mode("n"), events([4, 3, 2], n=pa.array([None, None, 3], pa.int64()))) == 3.0
    assert value(own.mode("n"), events([4, 3], n=[5, 2]), n=[5]) == 5.0
    words = tx.mode("shop", values=("bakery", "bar"))
    assert value(words, events([3, 2, 1], shop=["bar", None, "bakery"])) == "bakery"
    assert value(words, events([3, 2, 1], shop=["zoo", "zoo", "bar"])) == "zoo"
    assert value(own.mode("shop", values=("bar",)), events([3], shop=["bar"]), shop=["an inn"]) == "an inn"
    assert value(own.mode("shop", values=("bar",)), events([3], shop=["bar"]), shop=["zoo"]) == "bar"


def test_many_modes_are_right_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing the events of windows in chunks does not change the values."""
    random = np.random.default_rng(3)
    moments = random.integers(0, 1_000, 200) * 3_600_000_000
    history = pa.table(
        {
            "who": random.choice(["a", "b"], 200),
            "event_time": pa.array(moments, MICROS),
            "known_at": pa.array(moments, MICROS),
            "n": random.integers(0, 4, 200),
        }
    )
    as_of = pa.array(random.integers(0, 1_200, 60) * 3_600_000_000, MICROS)
    spine = pa.table({"who": random.choice(["a", "b", "c"], 60), "as_of": as_of})
    kernel = compile_features(FeatureSet(history=[tx.mode("n", days(9)), tx.mode("n")]), CENTS)
    whole = kernel.compute({"tx": history}, spine)
    monkeypatch.setattr("assets.features.kernel.windows._PAIRS", 30)
    assert kernel.compute({"tx": history}, spine).equals(whole)
    assert whole["tx_mode_n_9d"].null_count > 10
