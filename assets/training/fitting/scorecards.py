"""Fitting the scorecard.

Belongs here: its bins, its points by logistic regression, the declared directions of its points. Does not belong here:
its arithmetic (`assets.bundle.scorecard`), its form as trees (`trees.py`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from assets.bundle.scorecard import Scorecard, bin_indices
from assets.training.calibrate import fit_platt
from assets.training.rows.learning import TrainingRows

_QUANTILES = (0.02, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.95, 0.99, 0.998)
_LEAST_OF_BIN = 50
# The length of the slope over all bins beside a step's 1: the penalty on it is a sixteenth.
_SLOPE = 4.0
# 240 MB of numbers; a scorecard of more rows is fitted on evenly spread ones.
_MOST_CELLS = 30_000_000
STRENGTHS = (0.3, 0.1, 0.03, 0.01)
"""Inverse strengths of the L2 penalty that are tried: with few rows and many bins, steps must be held back more."""


def fit_scorecard(train: TrainingRows, strength: float, signs: Sequence[int]) -> Scorecard:
    """A scorecard of the training rows, not yet calibrated.

    Args:
        train: The training rows.
        strength: Inverse strength of the L2 penalty.
        signs: For each column 1, -1 or 0; points of a column with a sign only rise or only fall from bin to bin.
    """
    edges = bin_edges(train.matrix)
    return directed(scorecard_of(scorecard_pipeline(train, edges, strength), train, edges), train, signs)


def calibrated_scorecard(card: Scorecard, calibrate: TrainingRows) -> Scorecard:
    """The scorecard with points rescaled to be calibrated on the calibration rows."""
    platt = fit_platt(card.log_odds(calibrate.matrix), calibrate.y)
    return card.recalibrated(platt.slope, platt.intercept)


def directed(card: Scorecard, train: TrainingRows, signs: Sequence[int]) -> Scorecard:
    """The scorecard whose points keep the declared directions: neighbours that break one share their mean points.

    The points of missing values have no direction.
    """
    if not any(signs):
        return card
    indices = bin_indices(train.matrix, card.edges)
    points = [
        _ordered(values, np.bincount(indices[:, column], minlength=len(values)), sign)
        for column, (values, sign) in enumerate(zip(card.points, signs, strict=True))
    ]
    centre = tuple(float(np.asarray(values)[indices[:, column]].mean()) for column, values in enumerate(points))
    return replace(card, points=tuple(points), centre=centre)


def _ordered(values: Sequence[float], rows: NDArray[np.int64], sign: int) -> tuple[float, ...]:
    if sign == 0:
        return tuple(values)
    # A bin without rows follows its neighbours.
    ordered = isotonic_regression(values[:-1], sample_weight=np.maximum(rows[:-1], 1e-6), increasing=sign > 0)
    return (*(float(value) for value in ordered), values[-1])


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


def scorecard_pipeline(train: TrainingRows, edges: Sequence[Sequence[float]], strength: float) -> Pipeline:
    """The scikit-learn pipeline behind the scorecard: bins, a slope and one column per step between bins, and logistic
    regression.

    The penalty is on the steps from a bin to the next, and not on the points of each bin by itself: neighbouring bins
    then lend each other rows. The slope over all bins is held back less than the steps: what a few rows a bin do not
    show is then a straight line through the bins, and not the absence of one.
    """
    pipeline = Pipeline(
        [
            ("bins", FunctionTransformer(bin_indices, kw_args={"edges": edges})),
            ("columns", FunctionTransformer(step_columns, kw_args={"edges": edges})),
            ("model", LogisticRegression(C=strength, max_iter=500)),
        ]
    )
    some = evenly(len(train), most_rows(edges))
    return pipeline.fit(train.matrix[some], train.y[some])


def step_columns(indices: NDArray[np.int64], edges: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """For each column its place among the bins, whether it is above each edge, and whether it is missing: float64."""
    columns = []
    for place, bounds in enumerate(edges):
        bins, missing = indices[:, place], len(bounds) + 1
        columns.append(np.where(bins == missing, 0.0, slope_of(len(bounds))[np.minimum(bins, len(bounds))]))
        columns += [(bins > edge) & (bins != missing) for edge in range(len(bounds))]
        columns.append(bins == missing)
    return np.column_stack(columns).astype(np.float64)


def slope_of(edges: int) -> NDArray[np.float64]:
    """For each bin of a column with so many edges its place on the straight line over all of them: float64."""
    return _SLOPE * (np.arange(edges + 1) / max(edges, 1) - 0.5 * (edges > 0))


def most_rows(edges: Sequence[Sequence[float]]) -> int:
    """As many rows as the columns that `step_columns` makes of them fit into memory for."""
    width = sum(len(bounds) + 2 for bounds in edges)
    return max(_MOST_CELLS // max(width, 1), 1)


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """All positions, or so many of them, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def scorecard_of(pipeline: Pipeline, train: TrainingRows, edges: Sequence[Sequence[float]]) -> Scorecard:
    """The pipeline as a scorecard with the same probabilities."""
    model = pipeline.named_steps["model"]
    points_by_column = points_of(model.coef_[0], edges)
    indices = bin_indices(train.matrix, edges)
    centre = [float(np.asarray(points)[indices[:, column]].mean()) for column, points in enumerate(points_by_column)]
    return Scorecard(
        columns=train.columns,
        edges=tuple(tuple(float(edge) for edge in bounds) for bounds in edges),
        points=points_by_column,
        centre=tuple(centre),
        intercept=float(model.intercept_[0]),
    )


def points_of(found: NDArray[np.float64], edges: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    """The points of each bin of each column, from the coefficients of the columns that `step_columns` makes."""
    by_column = np.split(found, np.cumsum([len(bounds) + 2 for bounds in edges])[:-1])
    return tuple(
        tuple(float(point) for point in (*(slope * slope_of(len(bounds)) + np.cumsum([0.0, *steps])), missing))
        for bounds, (slope, *steps, missing) in zip(edges, by_column, strict=True)
    )
