"""Shares of several arms that follow what the arms earn.

Belongs here: Thompson sampling on cohorts of decisions with mature labels, as a pure function. Does not belong here:
counting cohorts, assigning entities to arms (`assignment.py`), the state of a rollout (`resources.rollout_store`).

Thompson sampling gives each arm the probability with which it is the best one, by what is known (Thompson, 1933). Here
the probability is not a choice for each request but a share until the next look, so that every decision has a known
propensity: the share of its arm. A floor keeps every arm observed, and propensities away from 0 (`off_policy.py`).

The mean and the variance of an arm's profit are unknown. Their prior is normal-inverse-gamma, worth one decision, with
the mean and the variance of all arms together: an arm of which little is known is taken for like the others. The prior
of a bad rate is Beta(1/2, 1/2).

Shares change, and so do times: an arm that had more traffic in a good month would look better for it. So arms are
compared within each period of equal shares, and the periods are added up with the same weights for every arm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assets.product import Verdict
from resources.errors import LooplineError

BanditAction = Literal["move", "hold"]
Reward = Literal["profit", "bad_rate"]

_PRIOR_DECISIONS = 1.0
_SMALLEST_MOVE = 0.005
"""Smaller changes are within the error of the draws."""
_ROUNDING = 1e-9


class BanditError(LooplineError):
    """Cohorts, shares or policy contradict each other; the message names what and the remedy."""


@dataclass(frozen=True)
class Cohort:
    """Decisions of an arm in a period, and what they earned.

    Attributes:
        decisions: How many have a mature label, or need none.
        total: Sum of their rewards; of a bad rate, how many turned out bad.
        squares: Sum of the squares of their rewards.
        label_age: The time after the decision within which a label counts. A young label makes an arm look better, as
            defaults take months.
        period: Days on which no share changed, as the date of the look before them; equal for all arms.
    """

    arm: str
    decisions: int
    total: float
    squares: float
    label_age: timedelta
    period: str = ""


@dataclass(frozen=True, kw_only=True)
class BanditPolicy:
    """How shares follow rewards.

    Attributes:
        reward: `profit`, where more is better, or `bad_rate`, where less is.
        maturity: The smallest label age that is acted on.
        floor: The smallest share of an arm.
        most_change: The most by which a share changes from one look to the next.
        min_decisions: The fewest decisions of each arm that are acted on.
        draws: From each posterior. With 20,000 a share is within 0.01 of the exact probability.
    """

    reward: Reward
    maturity: timedelta
    floor: float = 0.05
    most_change: float = 0.1
    min_decisions: int = 200
    draws: int = 20_000

    def __post_init__(self) -> None:
        if not 0.0 < self.floor < 0.5:
            raise BanditError(f"floor={self.floor!r}: write a share above 0 and below 0.5")
        if not 0.0 < self.most_change <= 1.0:
            raise BanditError(f"most_change={self.most_change!r}: write a share above 0 and at most 1")
        if self.min_decisions < 2 or self.draws < 100:
            raise BanditError(f"min_decisions={self.min_decisions!r}, draws={self.draws!r}: write at least 2 and 100")


@dataclass(frozen=True)
class Allocation(Verdict[BanditAction]):
    """The shares until the next look.

    Attributes:
        shares: Of every arm; they sum to 1. With `hold` they are the present ones.
        best: The probability with which each arm is the best one; empty where the cohorts say nothing.
    """

    shares: Mapping[str, float]
    best: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**super().to_dict(), "shares": dict(self.shares), "best": dict(self.best)}


def next_shares(
    cohorts: Sequence[Cohort], shares: Mapping[str, float], policy: BanditPolicy, *, seed: int
) -> Allocation:
    """The shares that follow from the cohorts; the same for the same arguments.

    Cohorts that lack an arm, are too small, immature or of unequal label age hold the present shares.

    Args:
        cohorts: One or several of each arm and period.
        shares: The present share of each arm: champion and challengers.

    Raises:
        BanditError: The shares do not sum to 1 or are below the floor, a cohort is of no arm, or its sums contradict
            its number of decisions.
    """
    _check(cohorts, shares, policy)
    periods = {
        period: {arm: _together([c for c in cohorts if (c.arm, c.period) == (arm, period)]) for arm in sorted(shares)}
        for period in sorted({cohort.period for cohort in cohorts})
    }
    faults = _faults(cohorts, sorted(shares), periods, policy)
    if faults:
        return Allocation("hold", faults, dict(shares), {})
    best = _probability_best(periods, policy, np.random.default_rng(seed))
    # The floors come first; what is left is divided by the probabilities.
    wanted = {arm: policy.floor + (1.0 - policy.floor * len(best)) * best[arm] for arm in best}
    furthest = max(abs(wanted[arm] - shares[arm]) for arm in best)
    leader = max(best, key=lambda arm: best[arm])
    known = f"{leader} is the best arm with probability {best[leader]:.3f}"
    if furthest < _SMALLEST_MOVE:
        return Allocation("hold", (f"{known}; the shares follow that already",), dict(shares), best)
    # All shares go the same part of their way, so their sum stays 1, and none falls below its floor.
    part = min(1.0, policy.most_change / furthest)
    moved = {arm: shares[arm] + part * (wanted[arm] - shares[arm]) for arm in shares}
    reason = f"{known}; its share goes from {shares[leader]:.3f} to {moved[leader]:.3f}"
    bound = () if part == 1.0 else (f"a share changes by at most {policy.most_change:g} a look",)
    return Allocation("move", (reason, *bound), moved, best)


@dataclass(frozen=True)
class _Sums:
    decisions: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.decisions

    @property
    def scatter(self) -> float:
        """Sum of squared distances from the mean."""
        return max(0.0, self.squares - self.total**2 / self.decisions)


def _together(cohorts: Sequence[Cohort]) -> _Sums:
    return _Sums(
        sum(cohort.decisions for cohort in cohorts),
        sum(cohort.total for cohort in cohorts),
        sum(cohort.squares for cohort in cohorts),
    )


def _check(cohorts: Sequence[Cohort], shares: Mapping[str, float], policy: BanditPolicy) -> None:
    if len(shares) < 2 or policy.floor * len(shares) > 1.0:
        raise BanditError(
            f"{len(shares)} arms with a floor of {policy.floor:g}: give 2 or more, whose floors fit into 1"
        )
    if not abs(sum(shares.values()) - 1.0) < _ROUNDING or min(shares.values()) < policy.floor - _ROUNDING:
        raise BanditError(f"shares {dict(shares)} must sum to 1, each at least the floor {policy.floor:g}")
    for cohort in cohorts:
        if cohort.arm not in shares:
            raise BanditError(f"a cohort is of arm '{cohort.arm}', which has no share; arms: {', '.join(shares)}")
        sums = (cohort.decisions, cohort.total, cohort.squares)
        # By Cauchy and Schwarz, for any rewards.
        valid = cohort.decisions >= 0 and cohort.total**2 <= cohort.decisions * cohort.squares * (1 + 1e-6) + _ROUNDING
        if policy.reward == "bad_rate":
            valid = valid and 0 <= cohort.total <= cohort.decisions and cohort.squares == cohort.total
        if not (np.all(np.isfinite(sums)) and valid):
            raise BanditError(
                f"cohort of arm '{cohort.arm}': decisions, total and squares {sums} contradict each other"
            )


def _faults(
    cohorts: Sequence[Cohort], arms: Sequence[str], periods: Mapping[str, Mapping[str, _Sums]], policy: BanditPolicy
) -> tuple[str, ...]:
    """Why the cohorts are not acted on."""
    counts = {arm: sum(of[arm].decisions for of in periods.values()) for arm in arms}
    few = [f"{arm} ({count:,})" for arm, count in counts.items() if count < policy.min_decisions]
    if few:
        return (f"fewer than {policy.min_decisions:,} mature decisions: {', '.join(few)}",)
    ages = sorted({cohort.label_age for cohort in cohorts})
    if len(ages) > 1:
        return (f"the labels are of unequal age, from {ages[0]} to {ages[-1]}: arms cannot be compared",)
    if ages[0] < policy.maturity:
        return (f"the labels are {ages[0]} old, and mature after {policy.maturity}",)
    absent = [f"{arm} in '{period}'" for period, of in periods.items() for arm in arms if of[arm].decisions < 2]
    return (f"fewer than 2 mature decisions: {', '.join(absent)}; leave the period out",) if absent else ()


def _probability_best(
    periods: Mapping[str, Mapping[str, _Sums]], policy: BanditPolicy, random: np.random.Generator
) -> dict[str, float]:
    """By draws from the posterior of each arm; arms that are equally good in a draw share it."""
    sizes = {period: sum(sums.decisions for sums in of.values()) for period, of in periods.items()}
    drawn = sum(
        sizes[period] / sum(sizes.values()) * _draws(list(of.values()), policy, random)
        for period, of in periods.items()
    )
    is_best = drawn == np.max(drawn, axis=0)
    chances = (is_best / is_best.sum(axis=0)).mean(axis=1)
    arms = next(iter(periods.values()))
    return {arm: float(chance) for arm, chance in zip(arms, chances, strict=True)}


def _draws(arms: Sequence[_Sums], policy: BanditPolicy, random: np.random.Generator) -> NDArray[np.float64]:
    """float64 [arms, draws]: each arm's mean reward, more being better."""
    if policy.reward == "bad_rate":
        return np.stack([-random.beta(0.5 + a.total, 0.5 + a.decisions - a.total, policy.draws) for a in arms])
    everything = _Sums(
        sum(arm.decisions for arm in arms), sum(arm.total for arm in arms), sum(arm.squares for arm in arms)
    )
    prior_scatter = _PRIOR_DECISIONS * everything.scatter / everything.decisions
    found = []
    for arm in arms:
        # The posterior of a mean is Student's t.
        weight = _PRIOR_DECISIONS + arm.decisions
        mean = (_PRIOR_DECISIONS * everything.mean + arm.total) / weight
        between = _PRIOR_DECISIONS * arm.decisions * (arm.mean - everything.mean) ** 2 / weight
        spread = np.sqrt((prior_scatter + arm.scatter + between) / weight / weight)
        found.append(mean + spread * random.standard_t(weight, policy.draws))
    return np.stack(found)
