"""The moves of a rollout, and what each state allows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from assets.product import ProductError, Rollout
from assets.rollout.moves import (
    NoSuchMove,
    Who,
    advanced,
    begun,
    frozen,
    paused,
    policy_of,
    promoted,
    reassigned,
    resumed,
    rolled_back,
    taken_out,
    where,
)
from resources.rollout_store.manifest import Release
from tests.unit.rollout.rollout_samples import BEGUN, FIRST, POLICY, SECOND, WHO, under_way

THIRD = Release(version="3", digest="3" * 64)


def test_a_version_goes_from_shadow_through_growing_shares_to_champion() -> None:
    state = under_way()
    stages = [(state.stage, state.shadow, [one.share for one in state.challengers])]
    while state.rollout:
        state = advanced(state, WHO)
        stages.append((state.stage, state.shadow, [one.share for one in state.challengers]))
    assert stages == [("shadow", SECOND, []), ("canary", None, [0.1]), ("canary", None, [0.5]), ("champion", None, [])]
    assert (state.champion, state.former, state.plan) == (SECOND, (FIRST.champion,), {})
    assert [move.action for move in state.moves] == ["promote", "start", "advance", "advance", "promote"]


def test_the_policy_of_the_beginning_counts_until_the_end() -> None:
    state = advanced(under_way(replace(POLICY, latency_ms=7.0)), WHO)
    assert policy_of(state) == replace(POLICY, latency_ms=7.0)
    assert Rollout.from_record(Rollout().to_record()) == Rollout()


def test_a_rollback_during_a_rollout_takes_the_challenger_out() -> None:
    for state in (under_way(), advanced(under_way(), WHO), paused(advanced(under_way(), WHO), WHO)):
        back = rolled_back(state, WHO)
        assert (back.champion, back.challengers, back.shadow, back.rollout, back.hold) == (
            FIRST.champion, (), None, "", "none",
        )  # fmt: skip
        assert (back.move.action, back.move.version, back.move.details["to"]) == ("roll_back", "2", "1")


def test_a_rollback_without_a_rollout_goes_back_to_a_champion_before() -> None:
    third = promoted(promoted(FIRST, WHO, SECOND), WHO, THIRD)
    assert [one.version for one in third.former] == ["2", "1"]
    back = rolled_back(third, WHO)
    assert (back.champion, [one.version for one in back.former]) == (SECOND, ["1"])
    assert (back.move.version, back.move.details["to"]) == ("3", "2")
    further = rolled_back(third, WHO, "1")
    assert (further.champion, [one.version for one in further.former]) == (FIRST.champion, ["2"])
    with pytest.raises(NoSuchMove, match="no champion came before"):
        rolled_back(FIRST, WHO)
    with pytest.raises(
        NoSuchMove, match="version 7 is no champion before this one; champions before: 2, 1; a rollout takes"
    ):
        rolled_back(third, WHO, "7")


def test_what_a_state_does_not_allow_is_refused() -> None:
    with pytest.raises(NoSuchMove, match="version 2 is the shadow of version 1; it ends by promotion or rollback"):
        begun(under_way(), (THIRD,), POLICY, WHO)
    with pytest.raises(NoSuchMove, match="is the champion already"):
        begun(FIRST, (FIRST.champion,), POLICY, WHO)
    with pytest.raises(NoSuchMove, match="is frozen: a test; first: loopline rollout loans resume"):
        begun(frozen(FIRST, WHO), (SECOND,), POLICY, WHO)
    for move in (advanced, promoted, paused):
        with pytest.raises(NoSuchMove, match="no rollout of loans is under way: version 1 decides alone"):
            move(FIRST, WHO)
    with pytest.raises(NoSuchMove, match="is neither paused nor frozen"):
        resumed(under_way(), WHO)


def test_a_pause_keeps_the_share_and_a_resumption_begins_the_step_again() -> None:
    canary = advanced(under_way(), WHO)
    held = paused(canary, WHO)
    assert (held.challengers, held.hold) == (canary.challengers, "paused")
    assert where(held) == "version 2 decides for 10%, version 1 for the rest; paused"
    later = Who("Ada Risk", "looked at it", BEGUN + timedelta(days=2))
    on = resumed(held, later)
    assert (on.hold, on.since, on.step, on.challengers) == ("none", later.at, 1, canary.challengers)


def test_another_rollout_has_another_name() -> None:
    first = under_way()
    second = begun(rolled_back(first, WHO), (SECOND,), POLICY, WHO)
    assert first.rollout != second.rollout


def test_an_a_b_test_has_several_challengers_of_which_one_may_leave() -> None:
    policy = Rollout(strategy="ab_test", hypothesis="more profit", smallest_effect=1.0, share=0.5)
    both = begun(FIRST, (SECOND, THIRD), policy, WHO)
    assert [(one.release.version, one.share) for one in both.challengers] == [("2", 0.25), ("3", 0.25)]
    left = taken_out(both, WHO, "2")
    assert ([one.release.version for one in left.challengers], left.rollout, left.move.version) == (
        ["3"], both.rollout, "2",
    )  # fmt: skip
    assert taken_out(left, WHO, "3").rollout == ""
    moved = reassigned(both, WHO, {"2": 0.1, "3": 0.4})
    assert [one.share for one in moved.challengers] == [0.1, 0.4]
    with pytest.raises(NoSuchMove, match="a canary rollout of loans takes one version, not 2, 3"):
        begun(FIRST, (SECOND, THIRD), POLICY, WHO)


def test_a_bandit_whose_arms_would_begin_below_their_floor_does_not_begin() -> None:
    for share, floor in ((0.97, 0.05), (0.03, 0.05), (0.5, 0.5)):
        with pytest.raises(ProductError, match="a floor below 0.5, and a share that leaves every arm its floor"):
            Rollout(strategy="bandit", share=share, floor=floor)
    enough = Rollout(strategy="bandit", share=0.3, floor=0.15)
    assert [one.share for one in begun(FIRST, (SECOND, THIRD), enough, WHO).challengers] == [0.15, 0.15]
    with pytest.raises(NoSuchMove, match="versions 2, 3 of loans share 0.3, which leaves each less than the floor 0.2"):
        begun(FIRST, (SECOND, THIRD), replace(enough, floor=0.2), WHO)
