"""Ids of decisions."""

from datetime import timedelta

from assets.serving.decision import day_of, new_id
from tests.support.models.decision_samples import DAY, NOW


def test_an_id_gives_its_day_and_is_unique() -> None:
    ids = {new_id(NOW) for _ in range(1000)}
    assert len(ids) == 1000
    assert {day_of(decision_id) for decision_id in ids} == {DAY}
    assert new_id(NOW) < new_id(NOW + timedelta(milliseconds=1))
