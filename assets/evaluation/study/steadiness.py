"""Whether a model's explanations would be the same on other rows.

Belongs here: the agreement of importance ranks between random halves of the rows. Does not belong here: the SHAP values
(`assets.evaluation.explain`), the agreement between earlier and later rows (`assets.evaluation.stability`).
"""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import rankdata

from assets.evaluation.study.parts import Floats

_HALVES = 50
_TOP = 5


@dataclass(frozen=True)
class Steadiness:
    """The agreement over fifty random halvings.

    Attributes:
        agreement: The median of Spearman's rank correlation of importances between the halves.
        low: Its 5th percentile.
        top: How many of the five most important features both halves name, on average, as a share.
    """

    agreement: float
    low: float
    top: float

    def to_dict(self) -> dict[str, float]:
        """Ready for JSON."""
        return asdict(self)


def steadiness(contributions: Floats, seed: int) -> Steadiness | None:
    """The agreement of these SHAP values, float64 [n, k].

    Returns:
        `None` where there are fewer than three features or twenty rows, or every importance is the same.
    """
    rows, features = contributions.shape
    if rows < 20 or features < 3 or np.ptp(np.abs(contributions).mean(axis=0)) == 0.0:
        return None
    size = np.abs(contributions)
    generator = np.random.default_rng(seed)
    chosen = np.zeros((_HALVES, rows))
    for half in chosen:
        half[generator.permutation(rows)[: rows // 2]] = 1.0
    first = chosen @ size / (rows // 2)
    second = (1.0 - chosen) @ size / (rows - rows // 2)
    ranks = [rankdata(side, axis=1) for side in (first, second)]
    centred = [side - side.mean(axis=1, keepdims=True) for side in ranks]
    norms = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    agreement = (centred[0] * centred[1]).sum(axis=1) / np.maximum(norms, 1e-300)
    count = min(_TOP, features)
    named = [np.argsort(-side, axis=1, kind="stable")[:, :count] for side in (first, second)]
    shared = [len(set(a) & set(b)) / count for a, b in zip(named[0].tolist(), named[1].tolist(), strict=True)]
    return Steadiness(float(np.median(agreement)), float(np.percentile(agreement, 5)), float(np.mean(shared)))
