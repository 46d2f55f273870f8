from datetime import UTC, date, datetime, timedelta

import pytest

from assets.monitoring.verdicts import (
    Cause,
    CauseKind,
    MonitoringAction,
    cause_key,
    episode_start,
    retrain_verdict,
)
from assets.product import RetrainPolicy

DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
RETRAIN = RetrainPolicy(cooldown=timedelta(days=7))


def cause(kind: CauseKind = "drift", action: MonitoringAction = "retrain", key: str | None = None) -> Cause:
    return Cause(kind, key or cause_key("credit_risk", kind, "3", DAY), action, (f"{kind} says {action}",))


def test_a_cause_starts_one_run_by_its_own_name() -> None:
    verdict = retrain_verdict([cause()], NOW - timedelta(days=30), RETRAIN, NOW)
    assert verdict.action == "retrain"
    assert verdict.run_key == "credit_risk/drift/v3/2026-03-01"
    assert retrain_verdict([cause()], NOW - timedelta(days=30), RETRAIN, NOW, answered=verdict.causes).action == "none"


def test_a_cause_is_named_by_product_kind_model_and_first_day() -> None:
    names = {
        cause_key("p", "drift", "3", DAY),
        cause_key("q", "drift", "3", DAY),
        cause_key("p", "performance", "3", DAY),
        cause_key("p", "drift", "4", DAY),
        cause_key("p", "drift", "3", DAY + timedelta(days=1)),
    }
    assert len(names) == 5


def test_two_causes_are_answered_by_one_run_named_after_the_more_urgent() -> None:
    causes = [cause("drift"), cause("performance"), cause("schedule", "none")]
    verdict = retrain_verdict(causes, NOW - timedelta(days=30), RETRAIN, NOW)
    assert verdict.run_key == causes[1].key
    assert set(verdict.causes) == {causes[0].key, causes[1].key}
    assert retrain_verdict(causes, NOW - timedelta(days=9), RETRAIN, NOW, answered=verdict.causes).action == "none"


def test_a_new_cause_beside_an_answered_one_starts_a_run() -> None:
    causes = [cause("drift"), cause("performance")]
    verdict = retrain_verdict(causes, NOW - timedelta(days=30), RETRAIN, NOW, answered=[causes[0].key])
    assert verdict.causes == (causes[1].key,)


@pytest.mark.parametrize(("age", "action"), [(timedelta(days=7), "retrain"), (timedelta(days=6, hours=23), "wait")])
def test_nothing_starts_within_the_cooldown(age: timedelta, action: str) -> None:
    verdict = retrain_verdict([cause()], NOW - age, RETRAIN, NOW)
    assert verdict.action == action
    assert (verdict.run_key is None) == (action == "wait")


def test_a_first_training_comes_from_the_schedule_alone() -> None:
    assert retrain_verdict([cause("schedule")], None, RETRAIN, NOW).action == "retrain"
    assert retrain_verdict([cause("drift")], None, RETRAIN, NOW).action == "unknown"


def test_unknown_is_passed_on_unless_something_asks() -> None:
    long_ago = NOW - timedelta(days=90)
    unknown, calm = cause("performance", "unknown"), cause("drift", "none")
    assert retrain_verdict([unknown, calm], long_ago, RETRAIN, NOW).action == "unknown"
    assert retrain_verdict([unknown, cause("drift")], long_ago, RETRAIN, NOW).action == "retrain"
    assert retrain_verdict([calm], long_ago, RETRAIN, NOW).action == "none"
    assert retrain_verdict([], long_ago, RETRAIN, NOW).action == "unknown"


def test_a_training_ahead_of_the_clock_is_unknown() -> None:
    assert retrain_verdict([cause()], NOW + timedelta(hours=1), RETRAIN, NOW).action == "unknown"


@pytest.mark.parametrize(
    ("letters", "start"),
    [
        ("", None),
        ("nnn", None),
        ("nrr", 1),
        ("nrurr", 1),
        ("rrnrr", 3),
        ("rrn", None),
        ("rru", 0),
        ("uur", 2),
    ],
)
def test_an_episode_begins_once_and_gaps_do_not_break_it(letters: str, start: int | None) -> None:
    actions: dict[str, MonitoringAction] = {"n": "none", "r": "retrain", "u": "unknown"}
    history = [(DAY + timedelta(days=i), actions[letter]) for i, letter in enumerate(letters)]
    assert episode_start(history) == (None if start is None else DAY + timedelta(days=start))
