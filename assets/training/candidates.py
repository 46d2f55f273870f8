"""The candidates: a gradient-boosted model and a scorecard, each with calibrated probabilities.

Belongs here: the final fit of both on the training rows, their calibration on the calibration rows, and the frozen
values that hold them. Does not belong here: the search (`search.py`), the export to ONNX (`export.py`), evaluating them
(`assets.evaluation`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from assets.bundle.calibration import Calibration
from assets.bundle.scorecard import Scorecard, bin_indices
from assets.product import ModelSpec
from assets.training.calibrate import fit_calibration, fit_platt
from assets.training.rows import TrainingRows
from assets.training.search import (
    MOST_ROUNDS,
    PATIENCE,
    THREADS,
    SearchResult,
    Settings,
    fixed_parameters,
    search_settings,
)
from assets.training.split import Split

_QUANTILES = (0.02, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.95, 0.99, 0.998)
_LEAST_OF_BIN = 50
# Inverse strength of the scorecard's L2 penalty.
_STRENGTH = 0.3


@dataclass(frozen=True, eq=False)
class BoostedModel:
    """The trained booster with its calibration.

    Attributes:
        booster: Cut after its best round, without feature names.
        calibration: The map from raw score to probability.
        columns, sources: Names of the matrix's columns, and the feature that each encodes.
        settings: The settings that the search chose.
        rounds: Number of trees in the booster.
    """

    booster: xgb.Booster
    calibration: Calibration
    columns: tuple[str, ...]
    sources: tuple[str, ...]
    settings: Settings
    rounds: int

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The booster's own score of each row of the matrix [n, m], as float64 [n]."""
        if len(matrix) == 0:
            return np.empty(0, dtype=np.float64)
        return np.asarray(self.booster.inplace_predict(matrix), dtype=np.float64)

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probability of the bad outcome for each row of the matrix [n, m], as float64 [n]."""
        return self.calibration.apply(self.raw(matrix))


@dataclass(frozen=True)
class Fit:
    """Figures on the calibration rows, on which the calibration was fitted: only for comparing candidates."""

    log_loss: float
    auc: float


@dataclass(frozen=True, eq=False)
class Candidates:
    """The fitted candidates.

    The boosted model is proposed for promotion; the scorecard is its baseline and its fallback.

    Attributes:
        boosted, scorecard: Both calibrated.
        boosted_fit, scorecard_fit: Their figures on the calibration rows.
        search: Every trial of the boosted model's settings.
    """

    boosted: BoostedModel
    scorecard: Scorecard
    boosted_fit: Fit
    scorecard_fit: Fit
    search: SearchResult

    @property
    def better(self) -> Literal["boosted", "scorecard"]:
        """The candidate with the lower log loss on the calibration rows: for the report only."""
        return "boosted" if self.boosted_fit.log_loss <= self.scorecard_fit.log_loss else "scorecard"


def train_candidates(rows: TrainingRows, split: Split, spec: ModelSpec) -> Candidates:
    """Searches settings, then fits and calibrates both candidates. The test rows are not touched.

    The same rows and spec give the same predictions, bit by bit, on the same machine and library versions.

    Args:
        rows: All labelled rows.
        split: The positions of the training and of the calibration rows.
        spec: Trials, seed, monotone constraints.

    Raises:
        TrainingError: The rows do not allow the search, or a monotone constraint does not fit.
    """
    train, calibrate = rows.take(split.train), rows.take(split.calibrate)
    search = search_settings(train, spec)
    boosted = fit_boosted(train, calibrate, spec, search.best.settings)
    scorecard = fit_scorecard(train, calibrate)
    return Candidates(
        boosted=boosted,
        scorecard=scorecard,
        boosted_fit=_fit(boosted.predict(calibrate.matrix), calibrate.y),
        scorecard_fit=_fit(scorecard.apply(calibrate.matrix), calibrate.y),
        search=search,
    )


def fit_boosted(train: TrainingRows, calibrate: TrainingRows, spec: ModelSpec, settings: Settings) -> BoostedModel:
    """A booster with these settings over the training rows; the calibration rows stop it early and calibrate it."""
    learn = xgb.QuantileDMatrix(train.matrix, train.y, nthread=THREADS)
    watch = xgb.QuantileDMatrix(calibrate.matrix, calibrate.y, ref=learn, nthread=THREADS)
    booster = xgb.train(
        {**fixed_parameters(train, spec), **settings},
        learn,
        num_boost_round=MOST_ROUNDS,
        evals=[(watch, "calibrate")],
        early_stopping_rounds=PATIENCE,
        verbose_eval=False,
    )
    # Rounds after the best one are cut off here, once, so that score, contributions and ONNX agree.
    rounds = int(booster.best_iteration) + 1
    plain = BoostedModel(
        booster=booster[:rounds],
        calibration=Calibration(),
        columns=train.columns,
        sources=train.sources,
        settings=dict(settings),
        rounds=rounds,
    )
    return replace(plain, calibration=fit_calibration(plain.raw(calibrate.matrix), calibrate.y))


def fit_scorecard(train: TrainingRows, calibrate: TrainingRows) -> Scorecard:
    """A scorecard fitted on the training rows, with points rescaled to be calibrated on the calibration rows."""
    edges = bin_edges(train.matrix)
    card = scorecard_of(scorecard_pipeline(train, edges), train, edges)
    platt = fit_platt(card.log_odds(calibrate.matrix), calibrate.y)
    return card.recalibrated(platt.slope, platt.intercept)


def bin_edges(matrix: NDArray[np.float32]) -> tuple[tuple[float, ...], ...]:
    """For each column, the inner edges of its bins: at most 14, each bin with 50 rows or more.

    Edges lie at quantiles, closer together at the ends, where values are rare and informative. A value that more than
    half of the rows have (the zero of a count) has a bin of its own; the quantiles are then those of the other rows. An
    edge lies half-way between two neighbouring values, so that rounding in the last digit moves no row.
    """
    return tuple(_edges_of(matrix[:, column]) for column in range(matrix.shape[1]))


def _edges_of(column: NDArray[np.float32]) -> tuple[float, ...]:
    values = np.sort(column[~np.isnan(column)].astype(np.float64))
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) < 2:
        return ()
    last = len(distinct) - 2
    main = int(np.argmax(counts))
    cuts = set()
    if counts[main] > len(values) / 2:
        cuts = {min(main, last), max(main - 1, 0)}
        values = values[values != distinct[main]]
    wanted = np.quantile(values, _QUANTILES, method="lower")
    cuts |= set(np.minimum(np.searchsorted(distinct, wanted), last).tolist())
    upto = np.cumsum(counts)
    edges: list[float] = []
    placed = 0
    for cut in sorted(cuts):
        if upto[cut] - placed >= _LEAST_OF_BIN and upto[-1] - upto[cut] >= _LEAST_OF_BIN:
            edges.append(float((distinct[cut] + distinct[cut + 1]) / 2.0))
            placed = upto[cut]
    return tuple(edges)


def scorecard_pipeline(train: TrainingRows, edges: Sequence[Sequence[float]]) -> Pipeline:
    """The scikit-learn pipeline behind the scorecard: bins, one column per bin, logistic regression."""
    categories = [np.arange(len(bounds) + 2) for bounds in edges]
    pipeline = Pipeline(
        [
            ("bins", FunctionTransformer(bin_indices, kw_args={"edges": edges})),
            ("columns", OneHotEncoder(categories=categories)),
            ("model", LogisticRegression(C=_STRENGTH, max_iter=500)),
        ]
    )
    return pipeline.fit(train.matrix, train.y)


def scorecard_of(pipeline: Pipeline, train: TrainingRows, edges: Sequence[Sequence[float]]) -> Scorecard:
    """The pipeline as a scorecard with the same probabilities."""
    model = pipeline.named_steps["model"]
    sizes = [len(bounds) + 2 for bounds in edges]
    points_by_column = np.split(model.coef_[0], np.cumsum(sizes)[:-1])
    indices = bin_indices(train.matrix, edges)
    centre = [float(points[indices[:, column]].mean()) for column, points in enumerate(points_by_column)]
    return Scorecard(
        columns=train.columns,
        edges=tuple(tuple(float(edge) for edge in bounds) for bounds in edges),
        points=tuple(tuple(float(point) for point in points) for points in points_by_column),
        centre=tuple(centre),
        intercept=float(model.intercept_[0]),
    )


def _fit(probability: NDArray[np.float64], y: NDArray[np.int8]) -> Fit:
    return Fit(log_loss=float(log_loss(y, probability)), auc=float(roc_auc_score(y, probability)))
