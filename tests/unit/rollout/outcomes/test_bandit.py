"""Shares that follow rewards: the posterior, floors, steps, and when nothing moves."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from assets.rollout.outcomes.bandit import BanditError, BanditPolicy, Cohort, next_shares

AGE = timedelta(days=180)
PROFIT = BanditPolicy(reward="profit", maturity=AGE)
BAD_RATE = BanditPolicy(reward="bad_rate", maturity=AGE)
HALVES = {"champion": 0.5, "b": 0.5}
THIRDS = {"champion": 0.4, "b": 0.3, "c": 0.3}


def earning(arm: str, mean: float, *, n: int = 2_000, deviation: float = 10.0) -> Cohort:
    """A cohort with exactly that mean and deviation."""
    return Cohort(arm, n, n * mean, n * (mean**2 + deviation**2), AGE)


def bad(arm: str, count: int, n: int = 2_000) -> Cohort:
    return Cohort(arm, n, count, count, AGE)


def test_a_share_goes_to_the_probability_of_being_best() -> None:
    """As the exact integral gives it: the arms' bad rates are Beta distributed."""
    policy = replace(BAD_RATE, most_change=1.0, draws=200_000)
    found = next_shares([bad("champion", 100), bad("b", 90), bad("c", 115)], THIRDS, policy, seed=1)
    posteriors = {arm: stats.beta(0.5 + count, 2_000.5 - count) for arm, count in
                  {"champion": 100, "b": 90, "c": 115}.items()}  # fmt: skip
    for arm, posterior in posteriors.items():
        others = [other for name, other in posteriors.items() if name != arm]
        exact = integrate.quad(lambda x, p=posterior, o=others: p.pdf(x) * np.prod([q.sf(x) for q in o]), 0.02, 0.1)[0]
        assert found.best[arm] == pytest.approx(exact, abs=0.005)
        assert found.shares[arm] == pytest.approx(0.05 + 0.85 * found.best[arm])


def test_the_posterior_of_a_mean_is_students_t() -> None:
    """With so many decisions that the prior, which is worth one, is not seen."""
    cohorts = [earning("champion", 10.0, n=400), earning("b", 10.6, n=900, deviation=12.0)]
    found = next_shares(cohorts, HALVES, replace(PROFIT, most_change=1.0, draws=400_000), seed=1)
    error = np.hypot(10.0 / np.sqrt(400), 12.0 / np.sqrt(900))
    assert found.best["b"] == pytest.approx(stats.norm.cdf(0.6 / error), abs=0.01)


def test_an_arm_of_which_little_is_known_is_not_written_off() -> None:
    """200 decisions that were a little worse leave it a chance that 20,000 would not."""
    policy = replace(PROFIT, most_change=1.0)
    few = next_shares([earning("champion", 10.0), earning("b", 9.5, n=200)], HALVES, policy, seed=1)
    many = next_shares([earning("champion", 10.0), earning("b", 9.5, n=20_000)], HALVES, policy, seed=1)
    assert few.best["b"] > 0.15
    assert many.best["b"] < 0.05


def test_less_is_better_in_a_bad_rate() -> None:
    found = next_shares([bad("champion", 120), bad("b", 60)], HALVES, BAD_RATE, seed=1)
    assert found.best["b"] > 0.99
    assert found.shares == {"champion": pytest.approx(0.4), "b": pytest.approx(0.6)}


def test_a_share_moves_by_at_most_the_declared_step() -> None:
    cohorts = [earning("champion", 10.0), earning("b", 20.0), earning("c", 0.0)]
    found = next_shares(cohorts, THIRDS, PROFIT, seed=1)
    assert found.action == "move"
    assert found.shares["b"] == pytest.approx(0.4)
    assert max(abs(found.shares[arm] - THIRDS[arm]) for arm in THIRDS) == pytest.approx(0.1)
    assert sum(found.shares.values()) == pytest.approx(1.0)
    assert found.reasons == (
        "b is the best arm with probability 1.000; its share goes from 0.300 to 0.400",
        "a share changes by at most 0.1 a look",
    )
    assert json.loads(json.dumps(found.to_dict()))["shares"]["b"] == pytest.approx(0.4)


def test_looks_lead_to_the_floor_and_stop_there() -> None:
    cohorts, shares = [earning("champion", 10.0), earning("b", 20.0), earning("c", 0.0)], THIRDS
    for look in range(30):
        found = next_shares(cohorts, shares, PROFIT, seed=look)
        shares = dict(found.shares)
        assert min(shares.values()) >= PROFIT.floor - 1e-12
    assert shares == {arm: pytest.approx(share, abs=0.006) for arm, share in
                      {"champion": 0.05, "b": 0.9, "c": 0.05}.items()}  # fmt: skip
    assert (found.action, found.reasons) == (
        "hold", ("b is the best arm with probability 1.000; the shares follow that already",),
    )  # fmt: skip


def test_the_same_arguments_give_the_same_shares() -> None:
    """In whichever order the arms come."""
    cohorts = [earning("champion", 10.0), earning("b", 10.2), earning("c", 10.1)]
    once = next_shares(cohorts, THIRDS, PROFIT, seed=7)
    assert next_shares(cohorts, THIRDS, PROFIT, seed=7) == once
    turned = dict(reversed(THIRDS.items()))
    assert next_shares(cohorts[::-1], turned, PROFIT, seed=7).shares == once.shares
    assert next_shares(cohorts, THIRDS, PROFIT, seed=8) != once


def test_cohorts_of_an_arm_add_up() -> None:
    whole = [earning("champion", 10.0, n=2_000), earning("b", 10.5, n=2_000)]
    parts = [earning("champion", 10.0, n=1_000)] * 2 + [earning("b", 10.5, n=500)] * 4
    assert next_shares(parts, HALVES, PROFIT, seed=1) == next_shares(whole, HALVES, PROFIT, seed=1)


def test_an_arm_with_more_traffic_in_a_good_month_is_not_taken_for_better() -> None:
    """`b` earns 2 less in both months; most of its decisions are of the month in which everybody earns 20 more."""
    months = [
        replace(earning("champion", 10.0, n=9_000), period="May"), replace(earning("b", 8.0, n=1_000), period="May"),
        replace(earning("champion", 30.0, n=2_000), period="June"), replace(earning("b", 28.0, n=8_000), period="June"),
    ]  # fmt: skip
    assert next_shares(months, HALVES, PROFIT, seed=1).best["b"] < 0.01
    pooled = [replace(cohort, period="") for cohort in months]
    assert next_shares(pooled, HALVES, PROFIT, seed=1).best["b"] > 0.99


def test_an_arm_that_a_period_lacks_is_not_compared_over_it() -> None:
    cohorts = [replace(earning(arm, 10.0), period="June") for arm in HALVES]
    cohorts.append(replace(earning("champion", 10.0), period="May"))
    found = next_shares(cohorts, HALVES, PROFIT, seed=1)
    assert (found.action, found.reasons) == (
        "hold", ("fewer than 2 mature decisions: b in 'May'; leave the period out",),
    )  # fmt: skip


def test_arms_that_earn_exactly_the_same_are_equally_good() -> None:
    cohorts = [earning("champion", 0.0, deviation=0.0), earning("b", 0.0, deviation=0.0)]
    assert next_shares(cohorts, HALVES, PROFIT, seed=1).best == {"champion": 0.5, "b": 0.5}


@pytest.mark.parametrize(
    ("cohorts", "said"),
    [
        ([earning("champion", 10.0)], "fewer than 200 mature decisions: b (0)"),
        ([earning("champion", 10.0), earning("b", 10.0, n=199)], "fewer than 200 mature decisions: b (199)"),
        (
            [earning("champion", 10.0), replace(earning("b", 20.0), label_age=timedelta(days=30))],
            "the labels are of unequal age, from 30 days, 0:00:00 to 180 days, 0:00:00: arms cannot be compared",
        ),
        (
            [replace(earning(arm, 10.0), label_age=timedelta(days=90)) for arm in HALVES],
            "the labels are 90 days, 0:00:00 old, and mature after 180 days, 0:00:00",
        ),
        ([], "fewer than 200 mature decisions: b (0), champion (0)"),
    ],
)
def test_cohorts_that_say_too_little_hold_the_shares(cohorts: list[Cohort], said: str) -> None:
    found = next_shares(cohorts, HALVES, PROFIT, seed=1)
    assert (found.action, found.reasons, found.shares, found.best) == ("hold", (said,), HALVES, {})


@pytest.mark.parametrize(
    ("cohorts", "shares", "policy", "said"),
    [
        ([], {"champion": 0.5, "b": 0.4}, PROFIT, "must sum to 1"),
        ([], {"champion": 0.99, "b": 0.01}, PROFIT, "each at least the floor 0.05"),
        ([], {"champion": 1.0}, PROFIT, "give 2 or more"),
        ([], {f"{n}": 0.25 for n in range(4)}, replace(PROFIT, floor=0.3), "whose floors fit into 1"),
        ([earning("d", 1.0)], HALVES, PROFIT, "a cohort is of arm 'd', which has no share; arms: champion, b"),
        ([Cohort("b", 10, 100.0, 10.0, AGE)], HALVES, PROFIT, "contradict each other"),
        ([Cohort("b", 10, float("nan"), 10.0, AGE)], HALVES, PROFIT, "contradict each other"),
        ([Cohort("b", -1, 0.0, 0.0, AGE)], HALVES, PROFIT, "contradict each other"),
        ([bad("b", 11, n=10)], HALVES, BAD_RATE, "contradict each other"),
        ([Cohort("b", 10, 3.0, 5.0, AGE)], HALVES, BAD_RATE, "contradict each other"),
    ],
)
def test_contradictions_are_refused(
    cohorts: list[Cohort], shares: Mapping[str, float], policy: BanditPolicy, said: str
) -> None:
    with pytest.raises(BanditError, match=said):
        next_shares(cohorts, shares, policy, seed=1)


@pytest.mark.parametrize(
    "change", [{"floor": 0.0}, {"floor": 0.5}, {"most_change": 0.0}, {"min_decisions": 1}, {"draws": 10}]
)
def test_a_policy_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BanditError):
        replace(PROFIT, **change)
