"""Fitting XGBoost.

Belongs here: the parameters that no search changes, the objectives for rare outcomes, and one fit, with or without rows
that stop it. Does not belong here: the search for settings (`assets.training.search.boosters`), calibration
(`assets.training.calibrate`).

Categories come as the encoder's columns and not as XGBoost's own categories: the conversion to ONNX has no splits by
sets of values, and the encoder is what training and serving share.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from assets.bundle.calibration import sigmoid
from assets.metrics.amounts import best_constant
from assets.product import Binary, Device, Direction, Imbalance, ModelSpec, Target
from assets.training.rows.folds import Fold, TrainingError
from assets.training.rows.learning import TrainingRows
from resources.errors import listed

# One thread: the order of sums is then the same on every machine, and on a busy machine two threads that wait for each
# other at every tree level are far slower (measured on 49,000 rows beside other work: 75 s against 5 s).
THREADS = 1
MOST_ROUNDS = 400
PATIENCE = 20
# The focus of the focal loss in the paper (Lin et al. 2017).
_FOCUS = 2.0
_LEAST_HESSIAN = 1e-6

Settings = Mapping[str, float | int]


@dataclass(frozen=True, eq=False)
class Judged:
    """A fit whose judged rows stopped it.

    Attributes:
        booster: Cut after its best round.
        rounds: The best round.
        curve: The judged loss after each round, those after the best one included.
        raw: float64, the scores of the judged rows.
    """

    booster: xgb.Booster
    rounds: int
    curve: tuple[float, ...]
    raw: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FoldMatrices:
    """The learned and the judged rows of a fold, binned once for all fits."""

    learn: xgb.QuantileDMatrix
    judge: xgb.QuantileDMatrix
    judged_rows: NDArray[np.float32]

    @classmethod
    def of(cls, rows: TrainingRows, fold: Fold, ignored: Sequence[int] = ()) -> "FoldMatrices":
        """The fold's rows; ignored columns are constant, so that no tree asks for them."""
        matrix = masked(rows.matrix, ignored)
        learned = rows.learned
        learn = xgb.QuantileDMatrix(matrix[fold.learn], learned[fold.learn], nthread=THREADS)
        judge = xgb.QuantileDMatrix(matrix[fold.judge], learned[fold.judge], ref=learn, nthread=THREADS)
        return cls(learn, judge, matrix[fold.judge])

    def fit(self, parameters: Mapping[str, object], way: Imbalance = "none") -> Judged:
        """A booster of the learned rows, stopped when the judged loss has not fallen for `PATIENCE` rounds."""
        learning = _learning(way, self.learn.get_label())
        curves: dict[str, dict[str, list[float]]] = {}
        booster = xgb.train(
            {**parameters, **learning.parameters},
            self.learn,
            num_boost_round=MOST_ROUNDS,
            evals=[(self.judge, "judge")],
            obj=learning.objective,
            custom_metric=learning.metric,
            early_stopping_rounds=PATIENCE,
            evals_result=curves,
            verbose_eval=False,
        )
        rounds = int(booster.best_iteration) + 1
        cut = booster[:rounds]
        raw = np.asarray(cut.inplace_predict(self.judged_rows), dtype=np.float64)
        return Judged(cut, rounds, tuple(list(curves["judge"].values())[-1]), raw)


def fit_booster(
    rows: TrainingRows,
    spec: ModelSpec,
    settings: Settings,
    rounds: int,
    *,
    way: Imbalance = "none",
    ignored: Sequence[int] = (),
    fitter: "Fitter | None" = None,
) -> xgb.Booster:
    """A booster of so many rounds over all rows; `fitter` makes it otherwise than by one call in this process."""
    learning = _learning(way, rows.y)
    parameters = {**fixed_parameters(rows, spec), **settings, **learning.parameters}
    if fitter is not None:
        return fitter(parameters, masked(rows.matrix, ignored), rows.learned, rounds, learning.objective)
    matrix = xgb.QuantileDMatrix(masked(rows.matrix, ignored), rows.learned, nthread=THREADS)
    return xgb.train(parameters, matrix, num_boost_round=rounds, obj=learning.objective)


def masked(matrix: NDArray[np.float32], ignored: Sequence[int]) -> NDArray[np.float32]:
    """The matrix with zeros in the ignored columns; itself where there are none."""
    if not ignored:
        return matrix
    copy = matrix.copy()
    copy[:, list(ignored)] = 0.0
    return copy


def fixed_parameters(rows: TrainingRows, spec: ModelSpec) -> dict[str, object]:
    """The parameters that no trial changes.

    Boosting starts from even odds and not from the share of bad rows: from a rare class's share every row's second
    derivative is tiny at first, so that `min_child_weight` and `reg_lambda` forbid the splits that tell the few bad
    rows apart.
    """
    return {
        **_objective(rows, spec.target),
        "tree_method": "hist",
        "device": spec.device,
        "nthread": THREADS,
        "seed": spec.seed,
        "monotone_constraints": "(" + ",".join(str(sign) for sign in monotone_signs(rows, spec.monotone)) + ")",
    }


def _objective(rows: TrainingRows, target: Target) -> Mapping[str, object]:
    """What is minimised, by what rows are judged, and from where boosting starts."""
    if isinstance(target, Binary):
        return {"objective": "binary:logistic", "eval_metric": "logloss", "base_score": 0.5}
    start = {"base_score": best_constant(target, rows.amounts)}
    match target.objective:
        case "squared_error":
            return {"objective": "reg:squarederror", "eval_metric": "rmse", **start}
        case "gamma":
            return {"objective": "reg:gamma", "eval_metric": "gamma-deviance", **start}
        case "tweedie":
            power = {"tweedie_variance_power": target.power}
            return {"objective": "reg:tweedie", "eval_metric": f"tweedie-nloglik@{target.power}", **power, **start}
        case "pinball":
            quantile = {"quantile_alpha": target.quantile}
            return {"objective": "reg:quantileerror", "eval_metric": "quantile", **quantile, **start}


def monotone_signs(rows: TrainingRows, monotone: Mapping[str, Direction]) -> tuple[int, ...]:
    """1, -1 or 0 for each encoded column, from the directions declared for features.

    Raises:
        TrainingError: A feature has no column, or is a category (its columns have no order).
    """
    unknown = sorted(set(monotone) - set(rows.sources))
    if unknown:
        raise TrainingError(f"monotone {listed(unknown)}: no such feature among {listed(sorted(set(rows.sources)))}")
    for column, source in zip(rows.columns, rows.sources, strict=True):
        if source in monotone and column != source:
            raise TrainingError(f"monotone '{source}': it is a category ({column}), which has no direction; remove it")
    sign = {"increasing": 1, "decreasing": -1}
    return tuple(sign[monotone[source]] if source in monotone else 0 for source in rows.sources)


def check_device(device: Device) -> None:
    """Checks that XGBoost finds the device; by itself it would learn on the CPU instead, with a warning.

    Raises:
        TrainingError: There is no GPU that XGBoost can use.
    """
    if device == "cpu":
        return
    few = xgb.QuantileDMatrix(np.array([[0.0], [1.0]], dtype=np.float32), np.array([0, 1]), nthread=THREADS)
    with xgb.config_context(verbosity=0):
        booster = xgb.train({"device": device, "nthread": THREADS, "objective": "binary:logistic"}, few, 1)
    used = xgb_device(booster)
    if not used.startswith(device):
        raise TrainingError(
            f"device '{device}': XGBoost {xgb.__version__} finds no GPU on this machine and would use '{used}'; "
            "write device='cpu', or train where a GPU and its driver are"
        )


def xgb_device(booster: xgb.Booster) -> str:
    """The device on which a booster was made."""
    import json

    return str(json.loads(booster.save_config())["learner"]["generic_param"]["device"])


Gradient = Callable[[NDArray[np.float32], xgb.DMatrix], tuple[NDArray[np.float64], NDArray[np.float64]]]
_Metric = Callable[[NDArray[np.float32], xgb.DMatrix], tuple[str, float]]


class Fitter(Protocol):
    """Fits a booster of so many rounds, as `xgb.train` does, to a matrix and what is learned of its rows."""

    def __call__(
        self,
        parameters: Mapping[str, Any],
        matrix: NDArray[np.float32],
        learned: NDArray[Any],
        rounds: int,
        objective: Gradient | None,
    ) -> xgb.Booster: ...


@dataclass(frozen=True)
class _Learning:
    """What differs between the ways to weigh rare outcomes."""

    parameters: Mapping[str, Any]
    objective: Gradient | None = None
    metric: _Metric | None = None


def _learning(way: Imbalance, y: NDArray[Any]) -> _Learning:
    positives = float(y.sum())
    match way:
        case "none":
            return _Learning({})
        case "weights":
            weight = (len(y) - positives) / positives
            # Weights shift the log odds by their logarithm; the loss is judged after the shift is taken back.
            return _Learning({"scale_pos_weight": weight}, metric=_shifted_loss(float(np.log(weight))))
        case "focal":
            return _Learning({"disable_default_eval_metric": 1}, objective=_focal_gradient, metric=_focal_loss)


def _shifted_loss(shift: float) -> _Metric:
    def loss(probability: NDArray[np.float32], rows: xgb.DMatrix) -> tuple[str, float]:
        bounded = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
        z = np.log(bounded) - np.log1p(-bounded) - shift
        return "shifted_loss", float(np.mean(np.logaddexp(0.0, z) - rows.get_label() * z))

    return loss


def _focal_gradient(margin: NDArray[np.float32], rows: xgb.DMatrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sign = 2.0 * rows.get_label() - 1.0
    told = np.clip(sigmoid(sign * margin.astype(np.float64)), 1e-12, 1 - 1e-12)
    missed, log_told = 1.0 - told, np.log(told)
    gradient = sign * missed**_FOCUS * (_FOCUS * told * log_told - missed)
    hessian = (
        told
        * missed**_FOCUS
        * (_FOCUS * missed * (log_told + 1.0) - _FOCUS**2 * told * log_told + (_FOCUS + 1.0) * missed)
    )
    return gradient, np.maximum(hessian, _LEAST_HESSIAN)


def _focal_loss(margin: NDArray[np.float32], rows: xgb.DMatrix) -> tuple[str, float]:
    told = sigmoid((2.0 * rows.get_label() - 1.0) * margin.astype(np.float64))
    return "focal_loss", float(np.mean((1.0 - told) ** _FOCUS * -np.log(np.maximum(told, 1e-12))))
