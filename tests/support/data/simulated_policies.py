"""A simulated bank in which the value of every policy is known, since what every decision would have earned is drawn.

Belongs here: applicants with all potential outcomes, policies on them, logs of decisions. Does not belong here: the
estimates (`assets.rollout`), assertions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.rollout.outcomes.off_policy import EvaluatedPolicy, Logged

Floats = NDArray[np.float64]
MANY = 1_000_000
_EXPLORED = 0.1
"""The share of decisions that are made by chance, half approved, whatever the arm says."""


@dataclass(frozen=True)
class Applicants:
    """Applicants with what each would do.

    Attributes:
        risk: float64 [n], the true probability of default.
        amount: float64 [n].
        earned: float64 [n], what an approval earns; a decline earns 0.
        customer: int64 [n]; a customer's applications turn out alike.
    """

    risk: Floats
    amount: Floats
    earned: Floats
    customer: NDArray[np.int64]


def applicants(customers: int, random: np.random.Generator, *, applications: int = 1) -> Applicants:
    """Customers with an equal number of applications each, all of which turn out as the first does."""
    customer = np.repeat(np.arange(customers), applications)
    risk = random.beta(1.2, 7.0, customers)[customer]
    amount = np.exp(random.normal(8.5, 0.5, customers))[customer]
    bad = (random.random(customers) < risk[: customers * applications : applications])[customer]
    return Applicants(risk, amount, amount * np.where(bad, -0.55, 0.09), customer)


@dataclass(frozen=True)
class Threshold:
    """A policy: it approves below a risk, with a tenth of its decisions left to chance."""

    limit: float

    def approves(self, of: Applicants) -> Floats:
        """float64 [n]: the probability of an approval."""
        return (1.0 - _EXPLORED) * (of.risk < self.limit) + _EXPLORED / 2.0

    def value(self, of: Applicants) -> float:
        """What it earns a decision, by what every decision would have earned."""
        return float((self.approves(of) * of.earned).mean())


@dataclass(frozen=True)
class Experiment:
    """Decisions of two arms, each customer's arm drawn once.

    Attributes:
        logged: With propensities of the decisions, over both arms: for independent customers.
        by_arm: With propensities of the arms, customers as groups.
        in_challenger: bool [n], whether the challenger decided.
    """

    logged: Logged
    by_arm: Logged
    in_challenger: NDArray[np.bool_]
    of: Applicants
    approved: NDArray[np.bool_]
    predicted: Floats

    def policy(self, name: str, policy: Threshold) -> EvaluatedPolicy:
        """The policy on the logged requests, with the reward model's prediction for it."""
        approves = policy.approves(self.of)
        return EvaluatedPolicy(name, np.where(self.approved, approves, 1.0 - approves), approves * self.predicted)

    def arm(self, name: str) -> EvaluatedPolicy:
        """The policy that has one of the arms decide everything."""
        chosen = self.in_challenger if name == "challenger" else ~self.in_challenger
        return EvaluatedPolicy(name, chosen.astype(np.float64))


def experiment(
    of: Applicants,
    champion: Threshold,
    challenger: Threshold,
    share: float,
    random: np.random.Generator,
    *,
    model_error: Callable[[Floats], Floats] = lambda predicted: predicted,
) -> Experiment:
    """Has two arms decide; the reward model knows each risk, and errs as told."""
    arms = random.random(int(of.customer.max()) + 1) < share
    in_challenger = arms[of.customer]
    chances = np.where(in_challenger, challenger.approves(of), champion.approves(of))
    approved = random.random(len(chances)) < chances
    reward = np.where(approved, of.earned, 0.0)
    both = share * challenger.approves(of) + (1.0 - share) * champion.approves(of)
    predicted = model_error(of.amount * (0.09 - 0.64 * of.risk))
    return Experiment(
        Logged(reward, np.where(approved, both, 1.0 - both), None, np.where(approved, predicted, 0.0)),
        Logged(reward, np.where(in_challenger, share, 1.0 - share), of.customer),
        in_challenger, of, approved, predicted,
    )  # fmt: skip
