"""The verdict on the next step: what is missing never advances, what is breached always rolls back."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from assets.product import Rollout
from assets.rollout.moves import advanced, frozen, paused, resumed
from assets.rollout.steps import ASSIGNMENT, Signals, next_step
from assets.rollout.trial import Trial, read_together
from tests.unit.rollout.rollout_samples import BEGUN, FIRST, POLICY, WHO, seen, under_way

SOON, LATE = BEGUN + timedelta(minutes=2), BEGUN + timedelta(hours=2)


def signals(state: object = None, requests: int = 400, **faults: float) -> Signals:
    found = state or under_way()
    rows = list(seen(found, requests, np.random.default_rng(7), **faults))  # type: ignore[arg-type]
    trial = Trial.none("rollout-2", POLICY, BEGUN).after(rows, SOON)
    return read_together([trial], POLICY, found.stage)  # type: ignore[attr-defined]


def test_a_shadow_with_its_requests_time_and_readings_advances() -> None:
    verdict = next_step(under_way(), signals(), POLICY, SOON)
    assert (verdict.action, verdict.reasons[0]) == ("advance", "400 requests in 120 s, and no guard was breached")
    assert verdict.reasons[1].startswith("the policy asks for fewer than the tests need: errors: 400 of ")


def test_the_last_step_promotes() -> None:
    last = advanced(advanced(under_way(), WHO), WHO)
    assert next_step(last, signals(last, 900), POLICY, SOON).action == "promote"


@pytest.mark.parametrize(
    ("known", "now", "said"),
    [
        (Signals(requests={}, evidence={}), SOON, "0 of 200 requests"),
        (signals(requests=150), SOON, "150 of 200 requests"),
        (signals(), BEGUN + timedelta(seconds=20), "20 of 60 seconds"),
        (replace(signals(), evidence={}), SOON, "no reading of errors for both arms"),
    ],
)
def test_what_is_missing_holds_and_after_the_deadline_asks(known: Signals, now: object, said: str) -> None:
    held = next_step(under_way(), known, POLICY, now)  # type: ignore[arg-type]
    assert held.action == "hold"
    assert said in held.reasons
    asked = next_step(under_way(), replace(known, requests={}), POLICY, LATE)
    assert asked.action == "pause"
    assert asked.reasons[0] == "inconclusive at the deadline of 1:00:00"


def test_a_breach_rolls_back_whatever_holds_the_rollout() -> None:
    bad = signals(errors=0.2)
    for state in (under_way(), paused(under_way(), WHO), frozen(under_way(), WHO)):
        verdict = next_step(state, bad, POLICY, SOON)
        assert verdict.action == "roll_back"
        assert any(reason.startswith("errors: 0.18 against") for reason in verdict.reasons), verdict.reasons


def test_arms_that_are_not_assigned_as_declared_ask_a_person() -> None:
    canary = advanced(under_way(), WHO)
    rows = [row for row in seen(canary, 4000, np.random.default_rng(1)) if row.challenger is None or row.place < 0.5]
    trial = Trial.none("rollout-2", POLICY, BEGUN).after(rows, SOON)
    verdict = next_step(canary, read_together([trial], POLICY, "canary"), POLICY, SOON)
    assert verdict.action == "pause"
    assert verdict.reasons[0].startswith(f"{ASSIGNMENT}:")


def test_a_held_rollout_holds_and_says_by_whom() -> None:
    verdict = next_step(paused(under_way(), WHO), signals(), POLICY, SOON)
    assert (verdict.action, verdict.reasons) == ("hold", ("paused by Ada Risk: a test",))
    assert next_step(FIRST, signals(), POLICY, SOON).reasons == ("no rollout is under way",)


def test_a_large_step_asks_a_person_once() -> None:
    policy = replace(POLICY, ask_from=0.5)
    canary = advanced(under_way(policy), WHO)
    known = signals(canary, 2000)
    asked = next_step(canary, known, policy, SOON)
    assert (asked.action, asked.reasons) == ("pause", ("the next step is 50%, which a person must approve",))
    approved = resumed(paused(canary, WHO), WHO)
    assert next_step(approved, known, policy, SOON).action == "advance"


def test_a_test_of_fixed_length_ends_by_asking() -> None:
    policy = Rollout(
        strategy="ab_test", hypothesis="more profit", smallest_effect=1.0, horizon=timedelta(days=3), share=0.5
    )
    state = under_way(policy)
    assert state.challengers[0].share == 0.5
    none = Signals(requests={}, evidence={})
    assert next_step(state, none, policy, BEGUN + timedelta(days=2)).action == "hold"
    assert next_step(state, none, policy, BEGUN + timedelta(days=3)).action == "pause"
