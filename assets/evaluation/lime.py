"""A second opinion on the contributions of features: local surrogates (LIME, Ribeiro et al. 2016), and their agreement.

Belongs here: the surrogate of one row, and how far surrogates and SHAP values agree. Does not belong here: SHAP values
(`explain.py`), the reasons of one decision (`assets.serving.reasons`).

Both answer the same question by other means: SHAP values are computed from the trees, a surrogate from the scores of
rows around one row. Where they disagree, neither is to be believed without a look.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge

from assets.bundle.calibration import log_odds
from assets.evaluation.explain import Explanation

ROWS = 40
SAMPLES = 1_000
_BINS = 4
_ALPHA = 1.0
_WIDTH = 0.75
"""The kernel's width is this times the root of the number of features, as in the authors' implementation."""
_COUNTED = 0.9
"""Features that carry this share of a row's SHAP values are asked for their sign; the rest is noise around 0."""

Predict = Callable[[NDArray[np.float32]], NDArray[np.float64]]


Margin = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class LimeAgreement:
    """How far surrogates and SHAP values agree over some rows.

    Attributes:
        rows: Rows compared.
        rank: Mean over rows of Spearman's rank correlation of the contributions of all features; `None` without rows.
        sign: The share of the features that matter whose contributions have the same sign: of each row the largest that
            carry nine tenths of its SHAP values together; `None` without any.
        fit: Mean over rows of the surrogate's R², weighted by nearness: a bad fit is no opinion.
    """

    rows: int
    rank: float | None
    sign: float | None
    fit: float | None

    def to_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON, by the names that a model card shows."""
        return {"lime_rank_agreement": self.rank, "lime_sign_agreement": self.sign, "lime_fit": self.fit}


@dataclass(frozen=True)
class Surrogate:
    """A linear model of the log odds around one row.

    Attributes:
        contributions: Of each feature, in their order: how far the log odds of rows that are like this one in the
            feature lie above those of all rows, float64 [k].
        fit: R² on its samples, weighted by nearness.
    """

    contributions: NDArray[np.float64]
    fit: float


class Lime:
    """Fits surrogates around rows.

    A feature counts as "like this row" where it falls into the same quarter of the background rows, or has the same
    category, or is missing too. Samples take each feature from this row or, in half of the cases, from a background
    row drawn for it; nearness falls with the number of features that are not like this row.

    Args:
        predict: The scores of a matrix.
        background: Encoded rows from which samples are drawn, float32 [n, m].
        places: For each feature the places of its columns.
        margin_of: From scores to what the model adds up: log odds, an amount or its logarithm.
    """

    def __init__(
        self,
        predict: Predict,
        background: NDArray[np.float32],
        places: Mapping[str, slice],
        *,
        seed: int,
        margin_of: Margin = log_odds,
    ) -> None:
        self._predict, self._background, self._places, self._seed = predict, background, places, seed
        self._margin_of = margin_of
        self._edges = {
            name: _quartiles(background[:, place.start])
            for name, place in places.items()
            if place.stop - place.start == 1
        }
        self._cells = self._cells_of(background)

    def surrogate(self, row: NDArray[np.float32], *, samples: int = SAMPLES) -> Surrogate:
        """The surrogate of one row, float32 [m]; the same row and seed give the same one."""
        random = np.random.default_rng(self._seed)
        count, width = len(self._background), len(self._places)
        drawn = random.integers(0, count, (samples, width))
        other = random.random((samples, width)) < 0.5
        other[0] = False
        matrix = np.repeat(row[None, :], samples, axis=0)
        for number, place in enumerate(self._places.values()):
            taken = other[:, number]
            matrix[taken, place] = self._background[drawn[taken, number], place]
        own = self._cells_of(row[None, :])
        alike = self._cells_of(matrix) == own
        distance = np.sqrt((~alike).sum(axis=1))
        weights = np.exp(-((distance / (_WIDTH * np.sqrt(width))) ** 2))
        target = self._margin_of(self._predict(matrix))
        fitted = Ridge(alpha=_ALPHA).fit(alike.astype(np.float64), target, sample_weight=weights)
        # A coefficient compares rows alike with rows not alike; its part is that against all background rows.
        share = (self._cells == own).mean(axis=0)
        return Surrogate(
            contributions=np.asarray(fitted.coef_ * (1.0 - share), dtype=np.float64),
            fit=float(fitted.score(alike.astype(np.float64), target, sample_weight=weights)),
        )

    def _cells_of(self, matrix: NDArray[np.float32]) -> NDArray[np.int64]:
        """For each row and feature the quarter or category that it falls into, -1 where missing: int64 [n, k]."""
        cells = np.empty((len(matrix), len(self._places)), dtype=np.int64)
        for number, (name, place) in enumerate(self._places.items()):
            columns = matrix[:, place]
            if name in self._edges:
                found = np.searchsorted(self._edges[name], columns[:, 0], side="left")
            else:
                found = np.where(columns.any(axis=1), columns.argmax(axis=1), columns.shape[1])
            cells[:, number] = np.where(np.isnan(columns).any(axis=1), -1, found)
        return cells


def agreement(
    predict: Predict,
    matrix: NDArray[np.float32],
    explanation: Explanation,
    sources: Sequence[str],
    *,
    seed: int,
    most_rows: int = ROWS,
    margin_of: Margin = log_odds,
) -> LimeAgreement:
    """How far surrogates and SHAP values agree, over at most `most_rows` of the explained rows, drawn by the seed.

    Args:
        matrix: The matrix that was explained; its explained rows are the background of the surrogates.
        sources: For each column of the matrix the feature that it encodes; the columns of a feature are neighbours.
        margin_of: As for `Lime`: what the SHAP values are parts of.
    """
    matrix, contributions = matrix[explanation.rows], explanation.contributions
    columns = [[at for at, source in enumerate(sources) if source == name] for name in explanation.features]
    places = {name: slice(at[0], at[-1] + 1) for name, at in zip(explanation.features, columns, strict=True)}
    random = np.random.default_rng(seed)
    chosen = np.sort(random.choice(len(matrix), min(most_rows, len(matrix)), replace=False))
    lime = Lime(predict, matrix, places, seed=seed, margin_of=margin_of)
    ranks: list[float] = []
    fits: list[float] = []
    same: list[bool] = []
    for place in chosen:
        shap, surrogate = contributions[place], lime.surrogate(matrix[place])
        fits.append(surrogate.fit)
        if np.ptp(shap) > 0 and np.ptp(surrogate.contributions) > 0:
            ranks.append(float(spearmanr(shap, surrogate.contributions).statistic))
        same += [bool(shap[one] * surrogate.contributions[one] > 0) for one in _counted(shap)]
    return LimeAgreement(
        rows=len(chosen),
        rank=float(np.mean(ranks)) if ranks else None,
        sign=float(np.mean(same)) if same else None,
        fit=float(np.mean(fits)) if fits else None,
    )


def _counted(shap: NDArray[np.float64]) -> Sequence[int]:
    """The largest contributions of a row that together carry a share of all of them."""
    order = np.argsort(-np.abs(shap), kind="stable")
    carried = np.cumsum(np.abs(shap[order]))
    if carried[-1] == 0:
        return []
    found: list[int] = order[: int(np.searchsorted(carried, _COUNTED * carried[-1])) + 1].tolist()
    return found


def _quartiles(values: NDArray[np.float32]) -> NDArray[np.float64]:
    known = values[~np.isnan(values)].astype(np.float64)
    if len(known) == 0:
        return np.empty(0)
    return np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1]))
