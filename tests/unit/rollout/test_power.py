"""How many requests a step waits for: as many as its tests need to find the smallest effect that the policy names."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from assets.product import Guard, Profit, Rollout, Step
from assets.product.policies.model import ProductError
from assets.product.policies.rollout import GUARDS, STEPS, Signal
from assets.rollout.evidence.means import MeanShift, PairedShift
from assets.rollout.evidence.power import Asked, EffectTest, needed
from assets.rollout.evidence.rates import FlipShare, RateIncrease
from assets.rollout.evidence.rows import ArmRows
from assets.rollout.evidence.wealth import Needed
from assets.rollout.moves import advanced, paused, resumed
from assets.rollout.outcomes.cohorts import Terms, bad_rate_evidence
from assets.rollout.steps import Signals, next_step
from assets.rollout.trial import Outcome, Seen, Trial, read_together
from resources.rollout_store.manifest import RolloutManifest
from tests.unit.rollout.rollout_samples import BEGUN, WHO, under_way

RATE = 0.02
WORLDS = 40
LONG = BEGUN + timedelta(hours=2)
ALPHA = 0.0005
TERMS = Terms(accept="approve", profit=Profit(good=0.1, bad=0.6))
ONE_STEP = Rollout(steps=(Step(0.5, 10, timedelta(0)),), deadline=timedelta(days=7))


def arms(rows: int, share: float, chance: np.random.Generator) -> NDArray[np.bool_]:
    return chance.random(rows) < share


def rates(rows: int, share: float, ratio: float, chance: np.random.Generator) -> ArmRows:
    """Rows of two arms, whose challenger has so many times the champion's rate; every row of another entity."""
    challenger = arms(rows, share, chance)
    adverse = chance.random(rows) < np.where(challenger, RATE * ratio, RATE)
    return ArmRows(challenger, adverse.astype(float), np.full(rows, share), np.ones(rows, np.bool_))


def scores(rows: int, share: float, shift: float, chance: np.random.Generator) -> ArmRows:
    challenger = arms(rows, share, chance)
    value = np.clip(chance.beta(4, 12, rows) + np.where(challenger, shift, 0.0), 0.0, 1.0)
    return ArmRows(challenger, value, np.full(rows, share), np.ones(rows, np.bool_))


def seen_before(test: EffectTest, share: float, chance: np.random.Generator) -> EffectTest:
    """A test that has seen equal arms, as much as tells the champion's rate or variance."""
    match test:
        case RateIncrease():
            return test.update(rates(5_000, share, 1.0, chance))
        case MeanShift():
            return test.update(scores(5_000, share, 0.0, chance))
        case PairedShift():
            one = chance.beta(4, 12, 1_000)
            return test.update(one, np.clip(one + chance.normal(0, 0.05, 1_000), 0, 1))
        case _:
            return test


@pytest.mark.parametrize(
    ("signal", "effect", "share", "multiple"),
    [
        ("errors", 2.0, 0.5, 1.0), ("errors", 2.0, 0.25, 1.0), ("errors", 2.0, 0.05, 2.0), ("errors", 2.0, 0.01, 5.0),
        ("score", 0.05, 0.5, 1.0), ("score", 0.05, 0.25, 1.0), ("score", 0.05, 0.05, 2.0), ("score", 0.05, 0.0, 1.0),
        ("flips", 0.2, 0.0, 1.0),
    ],
)  # fmt: skip
def test_with_the_rows_that_it_needs_a_test_finds_the_smallest_effect_in_four_of_five_cases(
    signal: Signal, effect: float, share: float, multiple: float
) -> None:
    guard, chance, found = Guard(signal, effect), np.random.default_rng(4), 0
    kinds: dict[str, EffectTest] = {
        "errors": RateIncrease(tolerance=guard.tolerated), "flips": FlipShare(tolerance=guard.tolerated),
        "score": MeanShift(bound=guard.tolerated) if share else PairedShift(bound=guard.tolerated),
    }  # fmt: skip
    test = kinds[signal]
    asked = Asked(guard.effect(multiple), ALPHA, share, guard.rare)
    wanted = needed(seen_before(test, share, chance), asked)
    assert wanted is not None
    rows, size = wanted.champion + wanted.challenger, guard.effect(multiple)
    for _ in range(WORLDS):
        match test:
            case RateIncrease():
                after: EffectTest = test.update(rates(rows, share, 1.0 + size, chance))
            case MeanShift():
                after = test.update(scores(rows, share, size, chance))
            case PairedShift():
                one = chance.beta(4, 12, wanted.champion)
                after = test.update(one, np.clip(one + size + chance.normal(0, 0.05, len(one)), 0, 1))
            case FlipShare():
                after = test.update((chance.random(wanted.champion) < size).astype(float))
        found += after.evidence(signal, ALPHA).breached
    assert found >= 0.65 * WORLDS, f"{found} of {WORLDS} with {wanted}"


def test_what_a_test_needs_is_not_far_more_than_that() -> None:
    """With a quarter of the rows hardly any case is found: the calculation is no mere bound."""
    guard, chance = Guard("errors", 2.0), np.random.default_rng(5)
    test = RateIncrease(tolerance=guard.tolerated)
    wanted = needed(seen_before(test, 0.5, chance), Asked(1.0, ALPHA, 0.5, guard.rare))
    assert wanted is not None
    few = (wanted.champion + wanted.challenger) // 4
    found = sum(test.update(rates(few, 0.5, 2.0, chance)).evidence("errors", ALPHA).breached for _ in range(WORLDS))
    assert found <= 0.15 * WORLDS


def test_a_rarer_rate_a_smaller_effect_and_fewer_false_alarms_need_more_rows() -> None:
    test, asked = RateIncrease(tolerance=0.5), Asked(1.0, ALPHA, 0.5, 0.01)
    usual = needed(test, asked)
    assert usual is not None
    for harder in (replace(asked, rare=0.005), replace(asked, effect=0.8), replace(asked, alpha=ALPHA / 100)):
        more = needed(test, harder)
        assert more is not None
        assert more.challenger > usual.challenger
    assert needed(test, replace(asked, effect=0.52)) is None, "no bet is so small that it gains by that"
    always = test.update(ArmRows(np.tile([False, True], 500), np.ones(1000), np.full(1000, 0.5), np.ones(1000, bool)))
    assert needed(always, asked) == Needed(0, 0), "no rate is twice as high as one that is nearly 1"


FINE = Outcome(False, False, False, False, 0.3)


def clean(state: RolloutManifest, requests: int, policy: Rollout) -> Signals:
    """What is known after so many requests of as many entities, of which none fails, to two equal models."""
    rows, places = [], np.linspace(0.0, 1.0, requests, endpoint=False)
    share = state.challengers[0].share if state.challengers else 0.0
    chance = np.random.default_rng(6).random(requests)
    for at, drawn in zip(places.tolist(), chance.tolist(), strict=True):
        if not share:
            rows.append(Seen(state.step, at, 0.0, FINE, FINE))
        elif drawn < share:
            rows.append(Seen(state.step, at, share, None, FINE))
        else:
            rows.append(Seen(state.step, at, share, FINE, None))
    trial = Trial.none(state.rollout, policy, BEGUN).after(rows, LONG)
    return read_together([trial], policy, state.stage)


def test_a_step_of_the_default_policy_waits_until_its_tests_could_have_spoken() -> None:
    policy = Rollout()
    shadow = under_way(policy)
    early = next_step(shadow, clean(shadow, 600, policy), policy, LONG)
    assert early.action == "hold"
    told = [reason for reason in early.reasons if reason.startswith("errors: 600 of ")]
    assert len(told) == 1, early.reasons
    assert told[0].endswith(" requests needed")
    wanted = clean(shadow, 600, policy).needed[0]["errors"]
    assert wanted is not None
    assert next_step(shadow, clean(shadow, wanted.challenger + 10, policy), policy, LONG).action == "advance"
    assert next_step(shadow, clean(shadow, 600, policy), policy, BEGUN + timedelta(days=8)).action == "pause"


def test_a_canary_waits_for_both_arms() -> None:
    policy = Rollout()
    first = advanced(under_way(policy), WHO)
    found = next_step(first, clean(first, 1_500, policy), policy, LONG)
    assert found.action == "hold"
    assert any("requests of the champion needed" in reason or "requests needed" in reason for reason in found.reasons)
    assert not any("flips" in reason for reason in found.reasons), "flips are of the shadow alone"


def test_a_number_of_the_policy_stands_in_place_of_the_calculation_and_the_verdict_says_so() -> None:
    policy = Rollout(steps=(Step(0.0, 100, timedelta(0)), Step(0.5, 100, timedelta(0))))
    shadow = under_way(policy)
    found = next_step(shadow, clean(shadow, 120, policy), policy, LONG)
    assert found.action == "advance"
    assert "fewer than the tests need: errors: 120 of " in found.reasons[1]


def test_the_default_policy_declares_what_its_small_steps_look_for() -> None:
    assert [(step.share, step.finds) for step in STEPS] == [
        (0.0, 1.0), (0.01, 5.0), (0.05, 2.0), (0.25, 1.0), (0.5, 1.0),
    ]  # fmt: skip
    assert all(step.requests is None for step in STEPS)
    with pytest.raises(ProductError, match="the last step has finds"):
        Rollout(steps=(Step(0.5, finds=2.0),))
    with pytest.raises(ProductError, match="rare="):
        Guard("errors", 2.0, rare=0.0)
    assert Rollout.from_record(Rollout().to_record()) == Rollout()
    sandbox = Rollout().in_sandbox()
    assert (sandbox.outcomes, [step.requests for step in sandbox.steps]) == ("watched", [60, 15, 60])
    by_signal = {guard.signal: guard.smallest_effect for guard in GUARDS}
    assert all(guard.smallest_effect >= by_signal[guard.signal] for guard in sandbox.guards)


# ---------------------------------------------------------------- outcomes


def labelled(rows: int, bad: float = 0.2, seed: int = 1) -> pa.Table:
    """Accepted decisions of both arms with mature labels, at share 0.5."""
    chance = np.random.default_rng(seed)
    challenger = chance.random(rows) < 0.5
    return pa.table(
        {
            "row_id": [f"A{number}" for number in range(rows)],
            "bundle": np.where(challenger, "2", "1").tolist(),
            "role": np.where(challenger, "challenger", "champion").tolist(),
            "share": np.full(rows, 0.5),
            "decided_at": [BEGUN + timedelta(seconds=number) for number in range(rows)],
            "outcome": ["approve"] * rows,
            "label": pa.array((chance.random(rows) < bad).astype(int), pa.int8()),
        }
    )


def with_labels(rows: int, policy: Rollout, maturity: timedelta) -> tuple[RolloutManifest, Signals]:
    state = under_way(policy)
    found = clean(state, 60, policy)
    late = bad_rate_evidence(labelled(rows), "2", policy, TERMS) if rows else {}
    return state, replace(found, evidence={**found.evidence, **late}, maturity=maturity)


def test_a_promotion_waits_for_the_outcomes_that_the_policy_requires_and_asks_at_the_deadline() -> None:
    policy = replace(ONE_STEP, guards=(*ONE_STEP.guards[:-1], Guard("bad_rate", 2.0)))
    for rows, said in ((0, "no reading of bad_rate for both arms"), (200, "decisions with mature labels needed")):
        state, known = with_labels(rows, policy, timedelta(days=1))
        held = next_step(state, known, policy, LONG)
        assert (held.action, said in "; ".join(held.reasons)) == ("hold", True), held
        # Nobody has asked for a request for days: the deadline comes first all the same.
        late = BEGUN + timedelta(days=7, minutes=1)
        asked = next_step(state, replace(known, read_at=late), policy, late)
        assert asked.action == "pause"
        assert asked.reasons[0].startswith("inconclusive at the deadline")
    state, known = with_labels(12_000, policy, timedelta(days=1))
    assert next_step(state, known, policy, LONG).action == "promote"


def test_outcomes_that_are_watched_hold_nothing_and_the_verdict_says_that_they_did_not_speak() -> None:
    policy = replace(ONE_STEP, outcomes="watched")
    state, known = with_labels(0, policy, timedelta(days=1))
    found = next_step(state, known, policy, LONG)
    assert found.action == "promote"
    assert found.reasons[-1] == "no reading of bad_rate for both arms; the policy asks for none"


def test_labels_that_mature_after_the_deadline_could_not_speak_and_a_person_decides() -> None:
    state, known = with_labels(0, ONE_STEP, timedelta(days=90))
    asked = next_step(state, known, ONE_STEP, LONG)
    assert asked.action == "pause"
    assert asked.reasons == (
        "outcomes could not speak: labels mature after 90 days, after the deadline of 7 days; "
        "no reading of bad_rate for both arms; a person decides",
    )
    approved = resumed(paused(state, WHO), WHO)
    promoted = next_step(approved, known, ONE_STEP, LONG)
    assert promoted.action == "promote"
    assert promoted.reasons[-1].endswith("; Ada Risk decided without them")
    watched = replace(ONE_STEP, outcomes="watched")
    found = next_step(under_way(watched), known, watched, LONG)
    assert (found.action, "outcomes could not speak" in found.reasons[-1]) == ("promote", True)


def test_a_policy_without_a_guard_on_outcomes_waits_for_none() -> None:
    policy = replace(ONE_STEP, guards=ONE_STEP.guards[:-1])
    state, known = with_labels(0, policy, timedelta(days=90))
    assert next_step(state, known, policy, LONG).action == "promote"
