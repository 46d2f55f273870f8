"""Intervals of off-policy estimates cover the truth, and a bandit's regret falls, over many simulated experiments.

20 runs in the everyday suite, 1,000 with `LOOPLINE_CAMPAIGN=1`. Every run has its own seed, so a failure is repeatable.
"""

from datetime import timedelta

import numpy as np
import pytest

from assets.rollout.outcomes.bandit import BanditPolicy, Cohort, Reward, next_shares
from assets.rollout.outcomes.off_policy import EvaluatedPolicy, Logged, Method, policy_value, value_difference
from tests.support.data.simulated_policies import MANY, Applicants, Experiment, Threshold, applicants, experiment
from tests.support.processes.killing import CAMPAIGN

RUNS = 1_000 if CAMPAIGN else 20
# 90 of 100 intervals of confidence 0.95 at least; of 20, fewer by chance.
COVERED = 0.9 if CAMPAIGN else 0.85
CHAMPION, CHALLENGER, STRICT = Threshold(0.15), Threshold(0.25), Threshold(0.05)
SHARE = 0.2
AGE = timedelta(days=180)

pytestmark = pytest.mark.timeout(3600 if CAMPAIGN else 120)


@pytest.fixture(scope="module")
def bank() -> Applicants:
    """So many applicants that the mean over them is the truth."""
    return applicants(MANY, np.random.default_rng(0))


def experiments(customers: int, applications: int = 1) -> list[Experiment]:
    """One for each run; their reward model errs by half and by a constant."""
    found = []
    for run in range(RUNS):
        random = np.random.default_rng(run)
        of = applicants(customers, random, applications=applications)
        found.append(experiment(of, CHAMPION, CHALLENGER, SHARE, random, model_error=lambda right: 0.5 * right + 50.0))
    return found


def coverage(truth: float, intervals: list[tuple[float | None, float | None]]) -> float:
    """The share of intervals that hold the truth; one that is not there holds nothing."""
    return sum(low is not None and high is not None and low <= truth <= high for low, high in intervals) / len(
        intervals
    )


@pytest.mark.parametrize("method", ["inverse propensity", "self-normalised", "doubly robust"])
def test_intervals_cover_the_truth(bank: Applicants, method: Method) -> None:
    """Of both arms, of a policy that neither of them is, and of the difference between the arms."""
    runs = experiments(4_000)
    for name, policy in (("champion", CHAMPION), ("challenger", CHALLENGER), ("strict", STRICT)):
        estimates = [policy_value(run.logged, run.policy(name, policy), method) for run in runs]
        assert coverage(policy.value(bank), [(e.low, e.high) for e in estimates]) >= COVERED, name
    differences = [
        value_difference(run.logged, run.policy("b", CHALLENGER), run.policy("a", CHAMPION), method) for run in runs
    ]
    truth = CHALLENGER.value(bank) - CHAMPION.value(bank)
    assert coverage(truth, [(e.low, e.high) for e in differences]) >= COVERED


def test_intervals_cover_the_truth_where_a_customer_keeps_the_arm(bank: Applicants) -> None:
    """Five applications a customer, all in one arm: taken for independent, they promise more than they hold."""
    runs = experiments(2_000, applications=5)
    truth = CHALLENGER.value(bank)
    grouped = [policy_value(run.by_arm, run.arm("challenger"), "inverse propensity") for run in runs]
    assert coverage(truth, [(e.low, e.high) for e in grouped]) >= COVERED
    single = [
        policy_value(Logged(run.by_arm.reward, run.by_arm.propensity), run.arm("challenger"), "inverse propensity")
        for run in runs
    ]
    assert coverage(truth, [(e.low, e.high) for e in single]) < COVERED - 0.1


def test_a_good_reward_model_makes_the_interval_narrower() -> None:
    """And a wrong one does not make it miss, as the first test says."""
    narrower = 0
    for run in range(RUNS):
        random = np.random.default_rng(run)
        given = experiment(applicants(4_000, random), CHAMPION, CHALLENGER, SHARE, random)
        # The outcome itself, blurred: a model that knows more than the risk.
        known = given.of.earned + random.normal(0.0, 200.0, len(given.of.earned))
        approves = CHALLENGER.approves(given.of)
        logged = Logged(given.logged.reward, given.logged.propensity, None, np.where(given.approved, known, 0.0))
        probability = np.where(given.approved, approves, 1.0 - approves)
        policy = EvaluatedPolicy("challenger", probability, approves * known)
        plain, robust = (policy_value(logged, policy, m) for m in ("inverse propensity", "doubly robust"))
        assert plain.standard_error is not None
        assert robust.standard_error is not None
        narrower += robust.standard_error < plain.standard_error
    assert narrower == RUNS


# For each arm the mean and the deviation of a reward; the second arm is the best.
ARMS: dict[Reward, dict[str, tuple[float, float]]] = {
    "profit": {"champion": (97.0, 900.0), "b": (135.0, 900.0), "c": (81.0, 900.0)},
    "bad_rate": {"champion": (0.06, 0.0), "b": (0.04, 0.0), "c": (0.07, 0.0)},
}


@pytest.mark.parametrize("reward", ["profit", "bad_rate"])
def test_regret_falls_and_floors_are_kept(reward: Reward) -> None:
    """Three arms, 25 looks, 2,000 decisions between two; the last five looks lose a third of what the first loses.

    Times change from look to look, for all arms alike.
    """
    policy = BanditPolicy(reward=reward, maturity=AGE, draws=500)
    runs = [_regret(np.random.default_rng(run), ARMS[reward], policy) for run in range(RUNS)]
    first, last = np.mean([run[0] for run in runs]), np.mean([run[-5:] for run in runs])
    assert last < 0.35 * first


def _regret(random: np.random.Generator, arms: dict[str, tuple[float, float]], policy: BanditPolicy) -> list[float]:
    """What each look loses a decision, beside giving everything to the best arm."""
    sign = 1.0 if policy.reward == "profit" else -1.0
    shares = {arm: 1.0 / len(arms) for arm in arms}
    best, regret, cohorts = max(sign * mean for mean, _ in arms.values()), list[float](), list[Cohort]()
    for look in range(25):
        regret.append(best - sum(share * sign * arms[arm][0] for arm, share in shares.items()))
        counts, times = random.multinomial(2_000, list(shares.values())), random.normal()
        for (arm, (mean, deviation)), count in zip(arms.items(), counts, strict=True):
            if deviation:
                drawn = random.normal(mean + 200.0 * times, deviation, count)
            else:
                drawn = (random.random(count) < mean + 0.005 * times).astype(np.float64)
            cohorts.append(Cohort(arm, int(count), float(drawn.sum()), float((drawn**2).sum()), AGE, f"{look:02}"))
        moved = next_shares(cohorts, shares, policy, seed=look).shares
        assert min(moved.values()) >= policy.floor - 1e-12
        assert abs(sum(moved.values()) - 1.0) < 1e-9
        assert max(abs(moved[arm] - shares[arm]) for arm in arms) <= policy.most_change + 1e-12
        shares = dict(moved)
    return regret
