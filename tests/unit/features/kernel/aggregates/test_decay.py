"""Decaying weights, computed by hand and in floating point."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.vocabulary import days, hours
from tests.unit.features.one_person import MICROS, NOON, events, own, tx, value


def test_an_event_weighs_half_after_each_half_life() -> None:
    """Weights are exact at whole half-lives, and the request has weight 1."""
    history = events([0, 24, 48, 24 * 70], amount=[1.0, 10.0, 100.0, 1_000.0])
    assert value(tx.decayed_count(days(1)), history) == 1.75
    assert value(tx.decayed_sum("amount", days(1)), history) == 31.0
    assert value(tx.decayed_count(days(1), days(2)), history) == 1.5
    assert value(own.decayed_sum("amount", days(1)), events([24], amount=[8.0]), amount=[1.0]) == 5.0
    assert value(own.decayed_count(days(1)), events([24], amount=[8.0]), amount=[1.0]) == 1.5


@pytest.mark.parametrize("half_life", [hours(1), hours(31), days(20), days(3_000)])
def test_decayed_sums_keep_their_error_bound(half_life: Any) -> None:
    """Against the formula in floating point, within 2^-32 of the sum of the terms' sizes."""
    random = np.random.default_rng(6)
    before, amounts = np.sort(random.uniform(0, 2_000, 400))[::-1], np.round(random.normal(0, 50, 400), 2)
    micros = (before * 3_600_000_000).astype(np.int64)
    moments = pa.array(int(NOON.timestamp() * 1e6) - micros, MICROS)
    history = pa.table({"who": ["me"] * 400, "event_time": moments, "known_at": moments, "amount": amounts})
    weights = 2.0 ** -(micros / (half_life.total_seconds() * 1e6))
    bound = 2.0**-32
    found = value(tx.decayed_sum("amount", half_life), history)
    assert found == pytest.approx((weights * amounts).sum(), abs=bound * (weights * np.abs(amounts)).sum())
    assert value(tx.decayed_count(half_life), history) == pytest.approx(weights.sum(), rel=bound)
