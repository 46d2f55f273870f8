"""A decision of an amount: its unit and interval in answer and record, and how the guard compares it."""

from dataclasses import replace

import pytest

from assets.bundle.bundle import Bundle
from assets.bundle.interval import Interval, IntervalError
from assets.serving.decision import Decision
from assets.serving.live.scores import within_one
from tests.support.models.decision_samples import FIRST
from tests.support.models.serving_samples import bundle_of, sample_parts


def test_unit_and_interval_come_back_from_the_record_and_a_probability_has_neither() -> None:
    plain = FIRST
    assert not {"unit", "interval"} & set(plain.to_record())
    amount = replace(plain, score=812.5, unit="EUR", interval=(300.25, 1_900.0))
    assert amount.answer()["unit"] == "EUR"
    assert amount.answer()["interval"] == [300.25, 1_900.0]
    assert Decision.from_record(amount.to_record()) == amount


def test_ends_are_added_or_are_factors() -> None:
    assert Interval("identity", -10.0, 30.0, 0.9).around(100.0) == (90.0, 130.0)
    assert Interval("log", 0.5, 2.0, 0.9).around(100.0) == (50.0, 200.0)
    one = Interval("log", 0.5, 2.0, 0.9)
    assert Interval.from_dict(one.to_dict()) == one
    with pytest.raises(IntervalError, match="ends that rise"):
        Interval("log", 2.0, 0.5, 0.9)


def _with_unit(unit: str) -> Bundle:
    parts = sample_parts("1")
    scores = {**parts.reference, "score": {"sample": [100.0, 400.0, 900.0]}}
    return bundle_of(replace(parts, policy=replace(parts.policy, unit=unit), reference=scores))


def test_the_guard_compares_amounts_beside_the_champions_median_and_probabilities_as_they_are() -> None:
    amounts = _with_unit("EUR")
    assert [within_one(score, amounts) for score in (400.0, 1_200.0, 0.0, -5.0)] == [0.5, 0.75, 0.0, 0.0]
    assert within_one(0.3, bundle_of(sample_parts("1"))) == 0.3
