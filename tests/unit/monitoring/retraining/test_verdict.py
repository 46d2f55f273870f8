from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from assets.monitoring.retraining.verdict import RetrainSignals, RetrainVerdict, retrain_verdict
from assets.monitoring.verdicts import Cause, CauseKind, MonitoringAction, cause_key
from assets.product import ProductError, RetrainPolicy

DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
RETRAIN = RetrainPolicy(cooldown=timedelta(days=7))
LONG_AGO = NOW - timedelta(days=60)


def cause(kind: CauseKind = "drift", action: MonitoringAction = "retrain", key: str | None = None) -> Cause:
    return Cause(kind, key or cause_key("credit_risk", kind, "3", DAY), action, (f"{kind} says {action}",))


def verdict(
    causes: Sequence[Cause],
    last: datetime | None = LONG_AGO,
    policy: RetrainPolicy = RETRAIN,
    *,
    answered: Collection[str] = (),
    **terms: object,
) -> RetrainVerdict:
    trained = () if last is None else (last,)
    signals = RetrainSignals(tuple(causes), trained, answered=answered)
    return retrain_verdict(replace(signals, **terms), policy, NOW)  # type: ignore[arg-type]


def test_a_cause_starts_one_run_by_its_own_name() -> None:
    found = verdict([cause()])
    assert found.action == "retrain"
    assert found.run_key == "credit_risk/drift/v3/2026-03-01"
    assert verdict([cause()], answered=found.causes).action == "none"


def test_two_causes_are_answered_by_one_run_named_after_the_more_urgent() -> None:
    causes = [cause("drift"), cause("performance"), cause("schedule", "none")]
    found = verdict(causes)
    assert found.run_key == causes[1].key
    assert set(found.causes) == {causes[0].key, causes[1].key}
    assert verdict(causes, NOW - timedelta(days=9), answered=found.causes).action == "none"


def test_a_new_cause_beside_an_answered_one_starts_a_run() -> None:
    causes = [cause("drift"), cause("performance")]
    assert verdict(causes, answered=[causes[0].key]).causes == (causes[1].key,)


@pytest.mark.parametrize(("age", "action"), [(timedelta(days=7), "retrain"), (timedelta(days=6, hours=23), "wait")])
def test_nothing_starts_within_the_cooldown(age: timedelta, action: str) -> None:
    found = verdict([cause()], NOW - age)
    assert found.action == action
    assert (found.run_key is None) == (action == "wait")
    assert [hold.kind for hold in found.holds] == (["cooldown"] if action == "wait" else [])


def test_a_first_training_comes_from_the_schedule_or_a_person_alone() -> None:
    assert verdict([cause("schedule")], None).action == "retrain"
    assert verdict([cause("hand")], None).action == "retrain"
    assert verdict([cause("drift")], None).action == "unknown"


def test_unknown_is_passed_on_unless_something_asks() -> None:
    unknown, calm = cause("performance", "unknown"), cause("drift", "none")
    assert verdict([unknown, calm]).action == "unknown"
    assert verdict([unknown, cause("drift")]).action == "retrain"
    assert verdict([calm]).action == "none"
    assert verdict([]).action == "unknown"


def test_a_training_ahead_of_the_clock_is_unknown() -> None:
    assert verdict([cause()], NOW + timedelta(hours=1)).action == "unknown"


def test_the_budget_counts_ninety_days_and_says_when_it_ends() -> None:
    policy = replace(RETRAIN, budget=3)
    trained = tuple(NOW - timedelta(days=days) for days in (8, 40, 89, 91))
    held = verdict([cause()], policy=policy, trained=trained)
    assert held.action == "wait"
    (hold,) = held.holds
    assert (hold.kind, hold.until) == ("budget", NOW + timedelta(days=1))
    assert verdict([cause()], policy=policy, trained=(trained[0], trained[1], trained[3])).action == "retrain"


@pytest.mark.parametrize(("gain", "action"), [(499.0, "wait"), (500.0, "retrain"), (None, "retrain")])
def test_a_retraining_is_held_if_it_is_known_to_be_worth_less_than_it_costs(gain: float | None, action: str) -> None:
    policy = replace(RETRAIN, cost=500.0)
    found = verdict([cause("estimated")], policy=policy, gain=gain, gained="estimated: 25 a day")
    assert (found.action, found.gain, found.cost) == (action, gain, 500.0)
    assert ("worth: not known" in found.reasons[-1]) == (gain is None), "what is not known holds nothing, and is said"
    declared = verdict([cause("estimated"), cause("schedule")], policy=policy, gain=gain)
    assert declared.action == "retrain", "the schedule is declared, whatever it is worth"


@pytest.mark.parametrize(("labels", "action"), [(None, "wait"), (99, "wait"), (100, "retrain")])
def test_a_loss_waits_for_labels_from_which_it_can_be_learned(labels: int | None, action: str) -> None:
    policy = replace(RETRAIN, needed_labels=100)
    assert verdict([cause("drift")], policy=policy, new_labels=labels).action == action
    assert verdict([cause("features")], policy=policy, new_labels=labels).action == "retrain"


def test_everything_that_holds_is_said_and_a_person_is_never_held() -> None:
    policy = RetrainPolicy(cooldown=timedelta(days=7), budget=1, cost=500.0, needed_labels=100)
    terms = {"gain": 1.0, "new_labels": 1, "in_progress": "f00d"}
    held = verdict([cause()], NOW - timedelta(days=1), policy, **terms)
    assert [hold.kind for hold in held.holds] == ["run in progress", "cooldown", "budget", "labels", "cost"]
    assert held.reasons[: len(held.holds)] == tuple(hold.sentence for hold in held.holds)
    by_hand = verdict([cause("hand"), cause()], NOW - timedelta(days=1), policy, **terms)
    assert (by_hand.action, len(by_hand.causes)) == ("retrain", 2), "it answers what asks by itself too"


def test_a_data_fault_that_explains_a_cause_is_what_holds_it() -> None:
    fault = "scaled: amount is 100 times"
    held = replace(cause("drift", "alert"), faults=(fault,))
    found = verdict([held, replace(held, kind="performance")])
    assert found.action == "alert"
    assert [(hold.kind, hold.sentence) for hold in found.holds] == [("data fault", fault)]


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"budget": 0}, "budget=0; write retrainings in 90 days"),
        ({"cost": -1.0}, "cost=-1.0; write an amount"),
        ({"max_age": timedelta(days=7)}, "is not above cooldown"),
        ({"new_labels": 0}, "new_labels=0"),
        ({"needed_labels": -1}, "needed_labels=-1"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(terms: dict[str, object], said: str) -> None:
    with pytest.raises(ProductError, match=said):
        RetrainPolicy(**terms)  # type: ignore[arg-type]
