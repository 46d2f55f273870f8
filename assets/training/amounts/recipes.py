"""What competes to state an amount, beside XGBoost: histogram boosting and the scorecard, with their settings.

Belongs here: these recipes, and finding their settings on folds. Does not belong here: the search for XGBoost's
settings (`assets.training.search.boosters`), the contest (`assets.training.contest.choice`).

Every recipe ends in a booster (`assets.training.fitting.trees`). Monotone constraints hold for all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import QuantileRegressor, Ridge, TweedieRegressor

from assets.bundle.scorecard import Scorecard, bin_indices
from assets.metrics.amounts import row_losses
from assets.product import Amount, ModelSpec
from assets.training.contest.recipes import HISTOGRAMS, MOST_STAGES, SIMPLICITY, with_values
from assets.training.fitting.boosting import PATIENCE, Settings, monotone_signs
from assets.training.fitting.scorecards import bin_edges, directed, evenly, most_rows, points_of, step_columns
from assets.training.fitting.trees import histogram_booster, scorecard_booster
from assets.training.rows.folds import Fold
from assets.training.rows.learning import TrainingRows

STRENGTHS = (0.001, 0.01, 0.1)
"""Strengths of the penalty that are tried, by row: the amounts are divided by their mean before the fit."""
# A quantile is fitted as a linear programme, whose time grows fast with the rows.
_MOST_ROWS_OF_QUANTILE = 4_000


@dataclass(frozen=True)
class AmountHistogramRecipe:
    """Scikit-learn's histogram boosting; its trees become a booster of the same amounts."""

    spec: ModelSpec
    target: Amount
    chosen: Settings
    rounds: int
    name: str = "histogram"
    simplicity: int = SIMPLICITY["histogram"]

    @property
    def settings(self) -> Mapping[str, float | int | str]:
        return {**self.chosen, "rounds": self.rounds, "objective": self.target.objective}

    def fit(self, rows: TrainingRows) -> xgb.Booster:
        model = _histogram(rows, self.spec, self.target, self.chosen, self.rounds)
        model.fit(with_values(rows.matrix), rows.amounts)
        return histogram_booster(model, rows.matrix, self.target.link)


@dataclass(frozen=True)
class AmountScorecardRecipe:
    """The scorecard, as trees."""

    spec: ModelSpec
    target: Amount
    strength: float
    name: str = "scorecard"
    simplicity: int = SIMPLICITY["scorecard"]

    @property
    def settings(self) -> Mapping[str, float | int | str]:
        return {"strength": self.strength, "objective": self.target.objective}

    def fit(self, rows: TrainingRows) -> xgb.Booster:
        return scorecard_booster(self.card(rows), rows.matrix)

    def card(self, rows: TrainingRows) -> Scorecard:
        """The scorecard of these rows."""
        return fit_amount_scorecard(rows, self.target, self.strength, monotone_signs(rows, self.spec.monotone))


def fit_amount_scorecard(rows: TrainingRows, target: Amount, strength: float, signs: Sequence[int]) -> Scorecard:
    """A scorecard whose points add up to the amount, or to its logarithm (`Amount.link`).

    As in a scorecard of log odds, the penalty is on the steps from a bin to the next.

    Args:
        strength: Of the penalty.
        signs: For each column 1, -1 or 0; points of a column with a sign only rise or only fall from bin to bin.
    """
    edges = bin_edges(rows.matrix)
    most = _MOST_ROWS_OF_QUANTILE if target.objective == "pinball" else most_rows(edges)
    some = evenly(len(rows), most)
    steps = step_columns(bin_indices(rows.matrix[some], edges), edges)
    # Divided by their mean, one penalty fits amounts of any unit; identity points are multiplied again.
    unit = float(np.abs(rows.amounts).mean()) or 1.0
    model = _linear(target, strength, len(some)).fit(steps, rows.amounts[some] / unit)
    times = unit if target.link == "identity" else 1.0
    intercept = float(np.ravel(model.intercept_)[0])
    card = Scorecard(
        columns=rows.columns,
        edges=edges,
        points=points_of(np.ravel(model.coef_) * times, edges),
        centre=tuple(0.0 for _ in edges),
        intercept=intercept * times if target.link == "identity" else intercept + float(np.log(unit)),
        link=target.link,
    )
    indices = bin_indices(rows.matrix, edges)
    centre = tuple(float(np.asarray(points)[indices[:, column]].mean()) for column, points in enumerate(card.points))
    return directed(replace(card, centre=centre), rows, signs)


def find_amount_scorecard(
    rows: TrainingRows, folds: Sequence[Fold], spec: ModelSpec, target: Amount
) -> AmountScorecardRecipe:
    """The scorecard with the penalty of lowest mean loss over the folds."""
    losses = []
    for strength in STRENGTHS:
        recipe, of_folds = AmountScorecardRecipe(spec, target, strength), []
        for fold in folds:
            judged = rows.take(fold.judge)
            predicted = recipe.card(rows.take(fold.learn)).apply(judged.matrix)
            of_folds.append(row_losses(target, judged.amounts, predicted).mean())
        losses.append(float(np.mean(of_folds)))
    return AmountScorecardRecipe(spec, target, STRENGTHS[int(np.argmin(losses))])


def find_amount_histogram(
    rows: TrainingRows, folds: Sequence[Fold], spec: ModelSpec, target: Amount
) -> AmountHistogramRecipe:
    """Histogram boosting with the declared setting of lowest mean loss over the folds, each stopped by its fold."""
    found: list[tuple[float, int, Settings]] = []
    for settings in HISTOGRAMS:
        losses, stages = [], []
        for fold in folds:
            learn, judged = rows.take(fold.learn), rows.take(fold.judge)
            model = _histogram(rows, spec, target, settings, None).fit(
                with_values(learn.matrix), learn.amounts, X_val=judged.matrix, y_val=judged.amounts
            )
            # Scores are the negative losses, the first before any tree.
            curve = -np.asarray(model.validation_score_)
            losses.append(float(row_losses(target, judged.amounts, _predicted(model, judged.matrix)).mean()))
            stages.append(max(int(curve.argmin()), 1))
        found.append((float(np.mean(losses)), int(np.median(stages)), settings))
    _, rounds, settings = min(found, key=lambda entry: entry[0])
    return AmountHistogramRecipe(spec, target, settings, rounds)


def _predicted(model: HistGradientBoostingRegressor, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(model.predict(matrix), dtype=np.float64)


def _histogram(
    rows: TrainingRows, spec: ModelSpec, target: Amount, settings: Settings, rounds: int | None
) -> HistGradientBoostingRegressor:
    """The regressor with so many trees, or one that its validation rows stop.

    Scikit-learn has no Tweedie loss: its Poisson loss too is of amounts that may be 0, whose mean it fits.
    """
    of_objective: Mapping[str, dict[str, Any]] = {
        "squared_error": {"loss": "squared_error"}, "gamma": {"loss": "gamma"}, "tweedie": {"loss": "poisson"},
        "pinball": {"loss": "quantile", "quantile": target.quantile},
    }  # fmt: skip
    return HistGradientBoostingRegressor(
        max_iter=MOST_STAGES if rounds is None else rounds,
        early_stopping=rounds is None,
        n_iter_no_change=PATIENCE,
        scoring="loss",
        monotonic_cst=list(monotone_signs(rows, spec.monotone)),
        random_state=spec.seed,
        **of_objective[target.objective],
        **settings,
    )


def _linear(target: Amount, strength: float, rows: int) -> Ridge | TweedieRegressor | QuantileRegressor:
    """The linear model of the objective, whose penalty grows with the strength and not with the rows."""
    match target.objective:
        case "squared_error":
            return Ridge(alpha=strength * rows)
        case "gamma":
            return TweedieRegressor(power=2.0, link="log", alpha=strength, max_iter=1000, solver="newton-cholesky")
        case "tweedie":
            return TweedieRegressor(
                power=target.power, link="log", alpha=strength, max_iter=1000, solver="newton-cholesky"
            )
        case "pinball":
            return QuantileRegressor(quantile=target.quantile, alpha=strength / 10.0, solver="highs")
