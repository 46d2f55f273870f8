"""What each group of features gives to the ranking.

Belongs here: the AUC that is lost when a group's values come from other rows, with its interval. Does not belong here:
the importance of one feature (`assets.evaluation.explain`), a model that was trained without the group.

All features of a group are permuted together, so that within the group each row's values still belong to one row:
single features of a group stand in for each other, and permuted one by one they all look useless (Breiman, 2001; Strobl
and others, 2008).
"""

from dataclasses import asdict, dataclass

import numpy as np

from assets.evaluation.study.parts import Floats, Studied
from assets.metrics.resampling import Sorted, entity_draws, interval_of

_PERMUTATIONS = 3
_RESAMPLES = 100


@dataclass(frozen=True)
class GroupWorth:
    """One group.

    Attributes:
        group: Its name; `features` are those that it has.
        auc_lost: AUC as it is, less the AUC with the group permuted; the mean of three permutations.
        low, high: Its 95% interval over resampled entities; `None` where there are too few.
    """

    group: str
    features: tuple[str, ...]
    auc_lost: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)


def ablation(studied: Studied) -> tuple[GroupWorth, ...]:
    """Every group, the most worth first."""
    generator = np.random.default_rng(studied.seed)
    draws = entity_draws(studied.entity, studied.test.y, seed=studied.seed, resamples=_RESAMPLES)
    ones = np.ones(len(studied.test))
    as_is = Sorted.of(studied.test.y, studied.scores)
    whole = as_is.figures(ones)["auc"]
    resampled = np.array([as_is.figures(weight)["auc"] for weight in draws])
    found = []
    for group, columns in studied.group_columns.items():
        permuted = []
        for _ in range(_PERMUTATIONS):
            matrix = studied.test.matrix.copy()
            matrix[:, columns] = matrix[generator.permutation(len(matrix))][:, columns]
            permuted.append(Sorted.of(studied.test.y, studied.predict(matrix)))
        lost = whole - _mean_auc(permuted, ones)
        each = resampled - np.array([_mean_auc(permuted, weight) for weight in draws])
        interval = interval_of(lost, each.tolist())
        features = tuple(feature for feature, of in studied.groups.items() if of == group)
        found.append(GroupWorth(group, features, interval.value, interval.low, interval.high))
    return tuple(sorted(found, key=lambda one: -one.auc_lost))


def _mean_auc(permuted: list[Sorted], weight: Floats) -> float:
    return float(np.mean([one.figures(weight)["auc"] for one in permuted]))
