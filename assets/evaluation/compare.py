"""The champion against the challenger, on the same rows.

Belongs here: the paired comparison and its interval. Does not belong here: the difference that is allowed (`gates.py`).
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from assets.metrics.ranking import RESAMPLES, Ranking, check_scores, percentile_interval, resampled


@dataclass(frozen=True)
class Comparison:
    """The AUC that the challenger loses against the champion.

    Attributes:
        champion_auc, challenger_auc: AUC of each on the same rows.
        difference: champion - challenger; above 0 the champion ranks better.
        low, high: The 95% percentile interval of the difference, by paired stratified bootstrap.
    """

    champion_auc: float
    challenger_auc: float
    difference: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Ready for JSON."""
        return asdict(self)


def compare(
    y: NDArray[np.int8],
    *,
    champion: NDArray[np.float64],
    challenger: NDArray[np.float64],
    seed: int,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compares two sets of scores row by row: each resample draws the same rows for both.

    Args:
        y: int8 [n].
        champion, challenger: float64 [n], scores of the same rows in the same order.
        seed: Seed of the bootstrap.
        resamples: Number of bootstrap resamples.

    Raises:
        EvaluationError: The arrays differ in length, a score is not finite, or there is one class only.
    """
    check_scores(y, champion)
    check_scores(y, challenger)
    rankings = (Ranking.of(y, champion), Ranking.of(y, challenger))
    champion_auc, challenger_auc = (ranking.auc for ranking in rankings)
    generator = np.random.default_rng(seed)
    differences = np.empty(resamples, dtype=np.float64)
    for number in range(resamples):
        weights = resampled(y, generator)
        differences[number] = rankings[0].weighted_auc(*weights) - rankings[1].weighted_auc(*weights)
    low, high = percentile_interval(differences)
    return Comparison(champion_auc, challenger_auc, champion_auc - challenger_auc, low, high)
