"""The best times to retrain, in hindsight: dynamic programming over retrain-or-keep.

Belongs here: plans of trainings over periods, their value, the best of them. Does not belong here: what a model earns
(`regret.py`).

Retraining every day is no optimum: a training costs, and a model of too few new labels can be worse than the old one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TrainingPlan:
    """In which periods a model is trained, and what that earns.

    Attributes:
        trained: Ascending; a model that is trained in a period decides from that period on. Period 0 always has one,
            which costs nothing: it was there.
        value: What the models earn, less the cost of the trainings after the first.
    """

    trained: tuple[int, ...]
    value: float


def best_plan(earned: np.ndarray, cost: float) -> TrainingPlan:
    """The plan of the highest value.

    Args:
        earned: float64 [n, n]; `earned[i, t]` is what the model trained in period i earns in period t >= i.
        cost: Of one training.
    """
    n = len(earned)
    # The best value of the periods from `start` on, if a model is trained in `start`; then where the next one follows.
    best, follows = np.full(n + 1, -np.inf), np.zeros(n + 1, np.int64)
    best[n] = 0.0
    for start in range(n - 1, -1, -1):
        kept = np.cumsum(earned[start, start:])
        for end in range(start + 1, n + 1):
            value = kept[end - start - 1] + (best[end] - cost if end < n else 0.0)
            if value > best[start]:
                best[start], follows[start] = value, end
    trained, at = [], 0
    while at < n:
        trained.append(at)
        at = int(follows[at])
    return TrainingPlan(tuple(trained), float(best[0]))


def value_of(earned: np.ndarray, trained: Sequence[int], cost: float) -> TrainingPlan:
    """The value of a given plan; period 0 is added to it."""
    periods = sorted({0, *trained})
    ends = [*periods[1:], len(earned)]
    value = sum(float(earned[start, start:end].sum()) for start, end in zip(periods, ends, strict=True))
    return TrainingPlan(tuple(periods), value - cost * (len(periods) - 1))
