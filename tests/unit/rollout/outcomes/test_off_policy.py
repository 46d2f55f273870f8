"""Estimates of a policy's value from logged decisions: the formulas, and when they refuse."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from assets.rollout.outcomes.off_policy import (
    EvaluatedPolicy,
    Logged,
    Method,
    OffPolicyError,
    Sufficiency,
    policy_value,
    value_difference,
)

N = 1_000
LITTLE = Sufficiency(min_groups=2, min_effective=1.0)


def log(seed: int = 1) -> Logged:
    """Of two arms with equal shares, the second of which earns 1 more."""
    random = np.random.default_rng(seed)
    second = np.arange(N) % 2
    return Logged(second + random.normal(0, 1, N), np.full(N, 0.5), predicted=second.astype(float))


FIRST = EvaluatedPolicy("first", (np.arange(N) % 2 == 0).astype(float), np.zeros(N))
SECOND = EvaluatedPolicy("second", (np.arange(N) % 2 == 1).astype(float), np.ones(N))


def test_the_formulas_by_hand() -> None:
    logged = Logged(np.array([1.0, 2.0, 4.0]), np.array([0.5, 0.25, 1.0]), predicted=np.array([1.0, 1.0, 3.0]))
    policy = EvaluatedPolicy("p", np.array([0.5, 0.5, 0.0]), np.array([0.5, 1.5, 2.5]))
    # Weights 1, 2, 0.
    plain = policy_value(logged, policy, "inverse propensity", LITTLE)
    assert plain.value == pytest.approx((1 * 1 + 2 * 2 + 0) / 3)
    assert plain.standard_error == pytest.approx(np.std([1.0, 4.0, 0.0], ddof=1) / np.sqrt(3))
    assert plain.effective == pytest.approx(3**2 / (1 + 4))
    assert plain.mean_weight == pytest.approx(1.0)
    normalised = policy_value(logged, policy, "self-normalised", LITTLE)
    assert normalised.value == pytest.approx((1 * 1 + 2 * 2) / 3)
    robust = policy_value(logged, policy, "doubly robust", LITTLE)
    assert robust.value == pytest.approx(np.mean([0.5 + 1 * 0.0, 1.5 + 2 * 1.0, 2.5]))
    assert robust.low is not None
    assert robust.high is not None
    assert robust.high - robust.low == pytest.approx(2 * 1.959964 * robust.standard_error, rel=1e-6)


def test_the_logged_policy_itself_is_worth_its_mean_reward() -> None:
    """Its weights are all 1: nothing is lost, and no method differs."""
    logged = log()
    itself = EvaluatedPolicy("itself", logged.propensity, np.full(N, 0.5))
    for method in ("inverse propensity", "self-normalised"):
        found = policy_value(logged, itself, method)  # type: ignore[arg-type]
        assert found.value == pytest.approx(logged.reward.mean())
        assert found.standard_error == pytest.approx(logged.reward.std(ddof=1) / np.sqrt(N))
        assert found.effective == pytest.approx(N)


@pytest.mark.parametrize("method", ["inverse propensity", "self-normalised", "doubly robust"])
def test_the_difference_of_two_policies(method: Method) -> None:
    found = value_difference(log(), SECOND, FIRST, method)
    assert (found.state, found.policy) == ("estimated", "second − first")
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1.0 < found.high
    assert found.low > 0.0
    both = [policy_value(log(), policy, method).value for policy in (SECOND, FIRST)]
    assert found.value == pytest.approx(both[0] - both[1])  # type: ignore[operator]


def test_a_policy_does_not_differ_from_itself() -> None:
    found = value_difference(log(), SECOND, SECOND, "inverse propensity")
    assert (found.value, found.standard_error) == (0.0, 0.0)


def test_decisions_of_one_group_count_once() -> None:
    """Each decision ten times over tells no more than once, if it is said that they belong together."""
    logged = log()
    tenfold = Logged(np.repeat(logged.reward, 10), np.repeat(logged.propensity, 10), np.repeat(np.arange(N) + 7, 10))
    policy = EvaluatedPolicy("second", np.repeat(SECOND.probability, 10))
    once, grouped = (
        policy_value(logged, SECOND, "inverse propensity"),
        policy_value(tenfold, policy, "inverse propensity"),
    )
    assert grouped.value == pytest.approx(once.value)
    assert grouped.standard_error == pytest.approx(once.standard_error)
    assert grouped.effective == pytest.approx(once.effective)


def _with(array: np.ndarray, value: float, count: int = 3) -> np.ndarray:
    changed = array.copy()
    changed[:count] = value
    return changed


@pytest.mark.parametrize(
    ("change", "method", "said"),
    [
        (
            {"propensity": _with(np.full(N, 0.5), np.nan)},
            "inverse propensity",
            "3 of 1,000 decisions have no propensity",
        ),
        ({"propensity": _with(np.full(N, 0.5), 0.0)}, "self-normalised", "have a propensity of 0 or below"),
        ({"propensity": _with(np.full(N, 0.5), -0.1)}, "self-normalised", "have a propensity of 0 or below"),
        ({"propensity": _with(np.full(N, 0.5), 1.5)}, "self-normalised", "have a propensity above 1"),
        (
            {"reward": _with(np.ones(N), np.nan)},
            "inverse propensity",
            "have no finite reward; give only decisions with",
        ),
        ({"predicted": _with(np.ones(N), np.nan)}, "doubly robust", "have no finite prediction of the reward model"),
        ({"group": np.arange(N) // 20}, "inverse propensity", "50 independent decisions are fewer than 100"),
    ],
)
def test_a_log_with_gaps_is_inconclusive(change: dict[str, Any], method: Method, said: str) -> None:
    found = policy_value(replace(log(), **change), SECOND, method)
    assert (found.state, found.value, found.standard_error, found.low, found.high) == ("inconclusive", *[None] * 4)
    assert said in found.reasons[0]
    assert json.loads(json.dumps(found.to_dict()))["state"] == "inconclusive"


def test_a_prediction_that_no_method_uses_may_be_missing() -> None:
    logged = replace(log(), predicted=np.full(N, np.nan))
    assert policy_value(logged, SECOND, "inverse propensity").state == "estimated"


def test_too_little_overlap_is_inconclusive() -> None:
    """One decision in fifty weighs 50, the others nothing: 1,000 decisions are worth 20."""
    rare = np.arange(N) % 50 == 0
    logged = Logged(np.ones(N), np.where(rare, 0.02, 0.98))
    found = policy_value(logged, EvaluatedPolicy("rare", rare.astype(float)), "inverse propensity")
    assert (found.state, found.value, found.effective) == ("inconclusive", None, pytest.approx(20.0))
    assert "worth 20.0, fewer than 100" in found.reasons[0]


def test_decisions_that_were_never_made_are_inconclusive() -> None:
    """In half of the requests the policy wants what the logged one never does: those weigh 0, and the mean is 1/2."""
    found = policy_value(
        Logged(np.ones(N), np.ones(N)), EvaluatedPolicy("other", np.arange(N) % 2 * 1.0), "self-normalised"
    )
    assert found.state == "inconclusive"
    assert "the mean weight of policy other is 0.500 and not 1" in found.reasons[0]
    nothing = policy_value(Logged(np.ones(N), np.ones(N)), EvaluatedPolicy("none", np.zeros(N)), "self-normalised")
    assert (nothing.state, nothing.effective) == ("inconclusive", 0.0)


def test_without_decisions_nothing_is_known() -> None:
    none = np.array([])
    assert policy_value(Logged(none, none), EvaluatedPolicy("p", none), "self-normalised").reasons == (
        "there are no decisions",
    )


def test_a_difference_is_inconclusive_if_one_policy_is() -> None:
    rare = np.arange(N) % 50 == 0
    logged = Logged(np.ones(N), np.where(rare, 0.02, 0.98))
    policies = [EvaluatedPolicy(name, chosen.astype(float)) for name, chosen in (("rare", rare), ("usual", ~rare))]
    for one, other in (policies, policies[::-1]):
        found = value_difference(logged, one, other, "inverse propensity")
        assert (found.state, found.effective) == ("inconclusive", pytest.approx(20.0))


@pytest.mark.parametrize(
    ("logged", "policy", "method", "said"),
    [
        (
            Logged(np.ones(2), np.ones(3)),
            EvaluatedPolicy("p", np.ones(2)),
            "self-normalised",
            "each array needs a value",
        ),
        (Logged(np.ones(2), np.ones(2)), EvaluatedPolicy("p", np.array([0.5, 1.2])), "self-normalised", "not between"),
        (
            Logged(np.ones(2), np.ones(2)),
            EvaluatedPolicy("p", np.array([0.5, np.nan])),
            "self-normalised",
            "not between",
        ),
        (
            Logged(np.ones(2), np.ones(2)),
            EvaluatedPolicy("p", np.ones(2)),
            "doubly robust",
            "needs predicted= and expected",
        ),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(
    logged: Logged, policy: EvaluatedPolicy, method: Method, said: str
) -> None:
    with pytest.raises(OffPolicyError, match=said):
        policy_value(logged, policy, method)


@pytest.mark.parametrize("change", [{"confidence": 1.0}, {"min_groups": 1}, {"min_effective": 0.0}])
def test_what_counts_as_sufficient_is_checked(change: dict[str, Any]) -> None:
    with pytest.raises(OffPolicyError):
        Sufficiency(**change)
