"""The value of a policy, from decisions that another policy made.

Belongs here: estimates from logged decisions with propensities, with their errors, and when they say nothing. Does not
belong here: reading the decision log, joining labels, what follows from an estimate (`steps.py`, the steward).

A policy chooses a decision, or an arm, for each request. The logged policy chose at random, with known probabilities:
the propensities. A decision that the evaluated policy would have made more often has a larger weight, which is the
evaluated policy's probability divided by the propensity:

- inverse propensity: the mean of weight times reward (Horvitz and Thompson, 1952);
- self-normalised: the same divided by the mean weight; slightly biased, and steadier where weights differ much;
- doubly robust: a reward model's prediction for the evaluated policy, corrected by the weighted errors of the model on
  the logged decisions. It is right if the propensities are right, whatever the model, and the better the model, the
  smaller its error (Dudík, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011).

The effective sample size is Kong's (1992; Owen, "Monte Carlo theory, methods and examples", section 9.3): the number of
equally weighted decisions that would be as informative as the weights.
"""

from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from resources.errors import LooplineError

Method = Literal["inverse propensity", "self-normalised", "doubly robust"]
State = Literal["estimated", "inconclusive"]
_Floats = NDArray[np.float64]

_MOST_DEVIATION = 4.0
"""Standard errors by which the mean weight may miss 1. By chance it does so once in some ten thousand estimates."""


class OffPolicyError(LooplineError):
    """The arrays of an estimate do not belong together; the message names them."""


@dataclass(frozen=True, eq=False)
class Logged:
    """Decisions as they were logged, with their rewards.

    Attributes:
        reward: float64 [n], what each decision earned; NaN where it is not known.
        propensity: float64 [n], the probability with which the decision was chosen; NaN where it was not logged.
        group: int64 [n], equal for decisions that were not chosen independently of each other, as those of an entity,
            whose arm is the same each time; `None` where each was chosen by itself.
        predicted: float64 [n], a reward model's prediction for the decision; `None` without a model.
    """

    reward: _Floats
    propensity: _Floats
    group: NDArray[np.int64] | None = None
    predicted: _Floats | None = None


@dataclass(frozen=True, eq=False)
class EvaluatedPolicy:
    """A policy on the logged requests.

    Attributes:
        probability: float64 [n], with which it chooses the logged decision; 0 or 1 for a policy without chance.
        expected: float64 [n], the reward model's prediction for what it chooses, averaged over its choices; `None`
            without a model.
    """

    name: str
    probability: _Floats
    expected: _Floats | None = None


@dataclass(frozen=True)
class Sufficiency:
    """How much evidence an estimate needs.

    Attributes:
        confidence: Of the interval.
        min_groups: The fewest decisions that were chosen independently.
        min_effective: The smallest effective sample size.
    """

    confidence: float = 0.95
    min_groups: int = 100
    min_effective: float = 100.0

    def __post_init__(self) -> None:
        if not 0.0 < self.confidence < 1.0:
            raise OffPolicyError(f"confidence={self.confidence!r}: write a share between 0 and 1, as 0.95")
        if self.min_groups < 2 or not self.min_effective > 0.0:
            raise OffPolicyError(
                f"min_groups={self.min_groups!r}, min_effective={self.min_effective!r}: write at least 2, and above 0"
            )


@dataclass(frozen=True)
class Estimate:
    """The value of a policy, or of the difference between two, a decision.

    Attributes:
        state: `inconclusive` where the log cannot say it: there are then no figures of value.
        reasons: Why the estimate is inconclusive; empty otherwise.
        value: Mean reward of a decision.
        standard_error: Of the value.
        low, high: The interval of the wanted confidence.
        decisions: How many decisions were given.
        effective: The effective sample size; `None` where weights cannot be computed. Of a difference, that of the
            policy with less overlap.
        mean_weight: About 1 where the logged policy makes every decision that the evaluated one would make; of a
            difference, the one further from 1.
    """

    policy: str
    method: Method
    state: State
    reasons: tuple[str, ...]
    value: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    decisions: int
    effective: float | None
    mean_weight: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "reasons": list(self.reasons)}


def policy_value(
    logged: Logged, policy: EvaluatedPolicy, method: Method, sufficiency: Sufficiency | None = None
) -> Estimate:
    """The value of a policy.

    Raises:
        OffPolicyError: The arrays differ in length, a probability is outside 0 and 1, or the doubly robust method lacks
            predictions.
    """
    return _estimate(policy.name, logged, (policy,), method, sufficiency or Sufficiency())


def value_difference(
    logged: Logged,
    policy: EvaluatedPolicy,
    other: EvaluatedPolicy,
    method: Method,
    sufficiency: Sufficiency | None = None,
) -> Estimate:
    """How much more a decision of the policy is worth than one of the other policy, on the same requests.

    Raises:
        OffPolicyError: As for `policy_value`.
    """
    name = f"{policy.name} − {other.name}"
    return _estimate(name, logged, (policy, other), method, sufficiency or Sufficiency())


@dataclass(frozen=True, eq=False)
class _Value:
    """A value, and how far each decision moves it: `influence`, float64 [n], of mean 0."""

    value: float
    influence: _Floats
    effective: float
    mean_weight: float


def _estimate(
    name: str, logged: Logged, policies: tuple[EvaluatedPolicy, ...], method: Method, sufficiency: Sufficiency
) -> Estimate:
    for policy in policies:
        _check(logged, policy, method)
    n = len(logged.reward)
    faults = _faults(logged, policies, method)
    if faults:
        return Estimate(name, method, "inconclusive", faults, None, None, None, None, n, None, None)
    group = np.arange(n) if logged.group is None else np.unique(logged.group, return_inverse=True)[1]
    found = [_value(logged, policy, method, group) for policy in policies]
    effective = min(one.effective for one in found)
    mean_weight = max((one.mean_weight for one in found), key=lambda weight: abs(weight - 1.0))
    faults = _too_little(group, effective, sufficiency)
    for policy in policies:
        faults += _without_support(logged, policy, group)
    if faults:
        return Estimate(name, method, "inconclusive", faults, None, None, None, None, n, effective, mean_weight)
    value, influence = found[0].value, found[0].influence
    if len(found) == 2:
        value, influence = value - found[1].value, influence - found[1].influence
    error = _standard_error(influence, group)
    reach = NormalDist().inv_cdf(0.5 + sufficiency.confidence / 2.0) * error
    return Estimate(
        name, method, "estimated", (), value, error, value - reach, value + reach, n, effective, mean_weight
    )


def _check(logged: Logged, policy: EvaluatedPolicy, method: Method) -> None:
    arrays = {
        "reward": logged.reward, "propensity": logged.propensity, "group": logged.group, "predicted": logged.predicted,
        "probability": policy.probability, "expected": policy.expected,
    }  # fmt: skip
    lengths = {name: array.shape for name, array in arrays.items() if array is not None}
    if len(set(lengths.values())) > 1 or len(logged.reward.shape) != 1:
        raise OffPolicyError(f"policy {policy.name}: each array needs a value a decision; their shapes are {lengths}")
    if not np.all((policy.probability >= 0.0) & (policy.probability <= 1.0)):
        raise OffPolicyError(f"policy {policy.name}: a probability is not between 0 and 1")
    if method == "doubly robust" and (logged.predicted is None or policy.expected is None):
        raise OffPolicyError(f"policy {policy.name}: the doubly robust method needs predicted= and expected=")


def _faults(logged: Logged, policies: tuple[EvaluatedPolicy, ...], method: Method) -> tuple[str, ...]:
    """What the log lacks."""
    n, propensity = len(logged.reward), logged.propensity
    if not n:
        return ("there are no decisions",)
    missing = np.isnan(propensity)
    lacking = {
        "have no propensity": missing,
        "have a propensity of 0 or below, though they were made": ~missing & (propensity <= 0.0),
        "have a propensity above 1": propensity > 1.0,
        "have no finite reward; give only decisions with mature labels": ~np.isfinite(logged.reward),
    }
    if method == "doubly robust":
        predictions = [logged.predicted, *(policy.expected for policy in policies)]
        finite = np.all([np.isfinite(found) for found in predictions if found is not None], axis=0)
        lacking["have no finite prediction of the reward model"] = ~finite
    return tuple(f"{int(rows.sum()):,} of {n:,} decisions {what}" for what, rows in lacking.items() if rows.any())


def _too_little(group: NDArray[np.int64], effective: float, sufficiency: Sufficiency) -> tuple[str, ...]:
    groups = int(group.max()) + 1
    if groups < sufficiency.min_groups:
        return (f"{groups:,} independent decisions are fewer than {sufficiency.min_groups:,}",)
    if effective < sufficiency.min_effective:
        return (
            f"the policies overlap too little: {groups:,} independent decisions are worth {effective:.1f}, fewer than "
            f"{sufficiency.min_effective:g}",
        )
    return ()


def _without_support(logged: Logged, policy: EvaluatedPolicy, group: NDArray[np.int64]) -> tuple[str, ...]:
    """Whether the mean weight contradicts 1, which it is on average if every wanted decision could have been made."""
    weight = policy.probability / logged.propensity
    mean = float(weight.mean())
    if abs(mean - 1.0) <= _MOST_DEVIATION * _standard_error(weight - mean, group) + 1e-9:
        return ()
    return (
        f"the mean weight of policy {policy.name} is {mean:.3f} and not 1: it would make decisions that the logged "
        "policy never makes, or the propensities are wrong",
    )


def _value(logged: Logged, policy: EvaluatedPolicy, method: Method, group: NDArray[np.int64]) -> _Value:
    weight = policy.probability / logged.propensity
    mean_weight = float(weight.mean())
    sums = np.bincount(group, weight)
    effective = float(sums.sum() ** 2 / (sums**2).sum()) if mean_weight > 0.0 else 0.0
    if method == "self-normalised":
        value = float((weight * logged.reward).sum() / weight.sum()) if mean_weight > 0.0 else 0.0
        influence = weight * (logged.reward - value) / (mean_weight or 1.0)
        return _Value(value, influence, effective, mean_weight)
    scores = weight * logged.reward
    if method == "doubly robust" and policy.expected is not None and logged.predicted is not None:
        scores = policy.expected + weight * (logged.reward - logged.predicted)
    value = float(scores.mean())
    return _Value(value, scores - value, effective, mean_weight)


def _standard_error(influence: _Floats, group: NDArray[np.int64]) -> float:
    """Of a mean whose terms are independent between groups alone."""
    sums = np.bincount(group, influence)
    groups = len(sums)
    return float(np.sqrt(groups / max(groups - 1, 1) * (sums**2).sum()) / len(influence))
