"""How well predicted amounts fit the actual ones.

Belongs here: the loss of each row by the objective of the target, the figures over many rows, and the mean of actual
amounts by predicted ones. Does not belong here: figures of a binary target (`ranking.py`, `calibration.py`), what a
decision earns (`amount_answers.py`), whether a figure suffices (`assets.evaluation.amounts.gates`).
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from assets.metrics.ranking import EvaluationError
from assets.product.target import Amount

Floats = NDArray[np.float64]
BINS = 10


@dataclass(frozen=True)
class AmountMetrics:
    """Figures over some rows.

    Attributes:
        rows: How many.
        mean_actual, mean_predicted: Mean amounts.
        mae, rmse: Mean absolute and root mean squared error, in the unit of the amount.
        bias: Mean of predicted less actual.
        mean_error: `bias` as a share of the mean actual amount; of a quantile, the share of rows below the prediction
            less the quantile. `None` where the mean amount is 0.
        r2: Share of the variance explained; `None` where all amounts are the same.
        loss: Mean loss by the objective of the target.
        skill: Share of the loss of the best constant of these rows that the model saves; `None` where that is 0.
    """

    rows: int
    mean_actual: float
    mean_predicted: float
    mae: float
    rmse: float
    bias: float
    mean_error: float | None
    r2: float | None
    loss: float
    skill: float | None

    def to_dict(self) -> dict[str, float | int | None]:
        """Ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Deciles:
    """Rows in bins of about equal size by their predicted amount, ascending; float64 [bins], counts int64 [bins]."""

    rows: NDArray[np.int64]
    predicted: Floats
    actual: Floats

    def to_dict(self) -> dict[str, list[float]]:
        """Ready for JSON."""
        return {name: values.tolist() for name, values in vars(self).items()}


def row_losses(target: Amount, actual: Floats, predicted: Floats) -> Floats:
    """The loss of each row by the objective: squared error, deviance, or pinball loss: float64 [n].

    Predictions of a deviance are kept above 0, where it is finite.
    """
    match target.objective:
        case "squared_error":
            return np.asarray((actual - predicted) ** 2, dtype=np.float64)
        case "pinball":
            over = actual - predicted
            return np.asarray(np.maximum(target.quantile * over, (target.quantile - 1.0) * over), dtype=np.float64)
        case "gamma":
            ratio = actual / _positive(predicted)
            return np.asarray(2.0 * (ratio - 1.0 - np.log(ratio)), dtype=np.float64)
        case "tweedie":
            p, mean = target.power, _positive(predicted)
            terms = (
                actual ** (2.0 - p) / ((1.0 - p) * (2.0 - p)),
                actual * mean ** (1.0 - p) / (1.0 - p),
                mean ** (2.0 - p) / (2.0 - p),
            )
            return np.asarray(2.0 * (terms[0] - terms[1] + terms[2]), dtype=np.float64)


def best_constant(target: Amount, actual: Floats) -> float:
    """The constant of lowest loss: the mean, or of `pinball` the quantile."""
    return float(np.quantile(actual, target.quantile) if target.objective == "pinball" else actual.mean())


def check_amounts(target: Amount, actual: Floats) -> None:
    """Checks that the objective has a loss for these amounts.

    Raises:
        EvaluationError: There are none, one is not finite, or it lies where the objective has no loss.
    """
    if not len(actual) or not np.all(np.isfinite(actual)):
        raise EvaluationError(f"{len(actual)} amounts, of which {int((~np.isfinite(actual)).sum())} are not finite")
    lowest = float(actual.min())
    if target.objective == "gamma" and lowest <= 0.0:
        raise EvaluationError(
            f"the objective 'gamma' is of amounts above 0, and {int((actual <= 0.0).sum())} of {len(actual)} rows are "
            f"not ({lowest:g}); write Amount(objective='tweedie') where many are 0, else 'squared_error'"
        )
    if target.objective == "tweedie" and (lowest < 0.0 or float(actual.sum()) == 0.0):
        raise EvaluationError(
            f"the objective 'tweedie' is of amounts of 0 and more that are not all 0; the lowest of {len(actual)} is "
            f"{lowest:g}; write Amount(objective='squared_error')"
        )


def measure_amounts(target: Amount, actual: Floats, predicted: Floats) -> AmountMetrics:
    """The figures of predictions of the same rows in the same order.

    Raises:
        EvaluationError: As `check_amounts`, or a prediction is missing.
    """
    check_amounts(target, actual)
    if predicted.shape != actual.shape or not np.all(np.isfinite(predicted)):
        raise EvaluationError(f"figures need a finite prediction for each of {len(actual)} amounts")
    error = predicted - actual
    spread, loss = float(((actual - actual.mean()) ** 2).sum()), float(row_losses(target, actual, predicted).mean())
    constant = np.full(len(actual), best_constant(target, actual))
    base = float(row_losses(target, actual, constant).mean())
    return AmountMetrics(
        rows=len(actual),
        mean_actual=float(actual.mean()),
        mean_predicted=float(predicted.mean()),
        mae=float(np.abs(error).mean()),
        rmse=float(np.sqrt((error**2).mean())),
        bias=float(error.mean()),
        mean_error=mean_error(target, actual, predicted),
        r2=None if spread == 0.0 else 1.0 - float((error**2).sum()) / spread,
        loss=loss,
        skill=None if base == 0.0 else 1.0 - loss / base,
    )


def mean_error(target: Amount, actual: Floats, predicted: Floats) -> float | None:
    """How far predictions are wrong in the mean, as a share; see `AmountMetrics.mean_error`."""
    if target.objective == "pinball":
        return float((actual <= predicted).mean()) - target.quantile
    total = float(actual.sum())
    return None if total == 0.0 else float(predicted.sum() - total) / abs(total)


def deciles(actual: Floats, predicted: Floats, bins: int = BINS) -> Deciles:
    """The mean actual amount by predicted amount."""
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return Deciles(
        rows=np.array([len(part) for part in parts], dtype=np.int64),
        predicted=np.array([predicted[part].mean() for part in parts]),
        actual=np.array([actual[part].mean() for part in parts]),
    )


def decile_error(target: Amount, actual: Floats, predicted: Floats) -> float | None:
    """The largest mean error of a tenth of the rows by prediction, as a share of the mean amount; of a quantile the
    largest distance of the share of rows below their prediction from it; `None` where the mean amount is 0.
    """
    if target.objective == "pinball":
        order = np.array_split(np.argsort(predicted, kind="stable"), BINS)
        below = [float((actual[part] <= predicted[part]).mean()) for part in order if len(part)]
        return max(abs(share - target.quantile) for share in below)
    found, mean = deciles(actual, predicted), abs(float(actual.mean()))
    return None if mean == 0.0 else float(np.abs(found.predicted - found.actual).max()) / mean


def larger_half(amounts: Floats) -> NDArray[np.int8]:
    """Whether each amount is above the median: int8 [n], for what tells two classes apart.

    Where more than half of the amounts are the same lowest one, whether it is above that.
    """
    return np.asarray(amounts > np.median(amounts), dtype=np.int8)


def _positive(predicted: Floats) -> Floats:
    return np.maximum(predicted, np.finfo(np.float32).tiny)
