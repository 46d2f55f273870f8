"""The standards beside the incidents: alarms a year, needless rollbacks and trainings, the share of the optimum."""

from datetime import UTC, datetime

import numpy as np

from resources.sandbox.judge.record import Observation, Seen
from resources.sandbox.judge.regret import compared
from resources.sandbox.judge.standards import alarms_of, shortfalls


def seen(what: Seen, month: int, day: int = 1) -> Observation:
    at = datetime(2026, month, day, 3, tzinfo=UTC)
    return Observation(at=at, seen=what, product="card_fraud", about="drift")


def test_alarms_are_as_many_as_the_stated_number_allows() -> None:
    few = alarms_of([seen("alert", 2), seen("retrain", 3)], 1.0, 365)
    assert (few.count, few.about, few.most) == (1, {"drift": 1}, 4)
    assert shortfalls({"card_fraud": few}, (), {}) == ()
    many = alarms_of([seen("alert", month) for month in range(1, 7)], 1.0, 365)
    (words,) = shortfalls({"card_fraud": many}, (), {})
    assert words == "card_fraud: 6 alarms without an incident; 1 a year allow 4"


def test_a_rollback_and_a_second_training_in_a_quarter_are_needless() -> None:
    assert shortfalls({}, [seen("retrain", 3), seen("retrain", 4)], {}) == (), "one in each quarter"
    found = shortfalls({}, [seen("retrain", 4), seen("retrain", 6), seen("roll_back", 7)], {})
    assert len(found) == 2
    assert "rolled back on 2026-07-01" in found[0]
    assert "2 trainings off schedule in 2026, quarter 2" in found[1]


def test_a_loop_below_nine_tenths_of_the_optimum_falls_short() -> None:
    earned = np.array([[4.0, 1.0], [0.0, 9.0]])
    assert shortfalls({}, (), {"card_fraud": compared(earned, (1,), ())}) == ()
    found = shortfalls({}, (), {"card_fraud": compared(earned, (), ())})
    assert found
    assert all("of the optimum" in words for words in found)
