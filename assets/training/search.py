"""The search for a booster's settings.

Belongs here: the space, the time-ordered validation inside the training rows, and the seeded search. Does not belong
here: calibration and test rows (the search never sees them), the final fit (`candidates.py`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import optuna
import xgboost as xgb
from numpy.typing import NDArray

from assets.product import Direction, ModelSpec
from assets.training.rows import TrainingRows
from resources.errors import LooplineError

# One thread: the order of sums is then the same on every machine, and on a busy machine two threads that wait for each
# other at every tree level are far slower (measured on 49,000 rows beside other work: 75 s against 5 s).
THREADS = 1
MOST_ROUNDS = 400
PATIENCE = 20
# With few rows the loss on a single validation fold is mostly luck; with many, one fold is enough and a second is slow.
_FEW_ROWS = 12_000
_FOLDS_OF_FEW = 2

Settings = Mapping[str, float | int]


class TrainingError(LooplineError):
    """A model cannot be trained on these rows with this spec; the message names the column or the counts."""


@dataclass(frozen=True)
class Trial:
    """One setting that was tried: its mean validation log loss, and the rounds until early stopping."""

    settings: Settings
    loss: float
    rounds: int


@dataclass(frozen=True)
class SearchResult:
    """Every trial, in order, and the best (lowest loss; of equal losses the earliest)."""

    trials: tuple[Trial, ...]
    best: Trial


def search_settings(rows: TrainingRows, spec: ModelSpec) -> SearchResult:
    """The best of `spec.trials` settings, by log loss on rows later than those of the fit.

    The first trial is a sound default; the others are drawn by a seeded TPE sampler, kept in memory.

    Args:
        rows: Training rows, in any order.
        spec: Trials, seed and monotone constraints.

    Raises:
        TrainingError: A monotone constraint does not fit, a fold has one class only, or `trials` is below 1.
    """
    if spec.trials < 1:
        raise TrainingError(f"trials {spec.trials}: the search must try at least one setting")
    fixed = fixed_parameters(rows, spec)
    folds = [_Fold.of(rows, learn, judge) for learn, judge in time_folds(rows.as_of)]
    trials: list[Trial] = []

    def objective(trial: optuna.Trial) -> float:
        settings = _suggest(trial)
        losses, rounds = zip(*(fold.run({**fixed, **settings}) for fold in folds), strict=True)
        trials.append(Trial(settings, float(np.mean(losses)), int(np.median(rounds))))
        return trials[-1].loss

    with _quiet_optuna():
        study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=spec.seed))
        study.enqueue_trial(DEFAULTS)
        study.optimize(objective, n_trials=spec.trials)
    return SearchResult(trials=tuple(trials), best=min(trials, key=lambda trial: trial.loss))


def time_folds(as_of: NDArray[np.datetime64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of positions (learn, judge): the rows to judge are always later than the rows to learn from.

    Many rows have one fold, which judges the last quarter; few rows have two folds that walk forward.
    """
    order = np.argsort(as_of, kind="stable").astype(np.int64)
    count = 1 if len(order) > _FEW_ROWS else _FOLDS_OF_FEW
    borders = np.linspace(0.75 if count == 1 else 0.5, 1.0, count + 1) * len(order)
    cuts = np.rint(borders).astype(np.int64)
    return [(order[:first], order[first:last]) for first, last in pairwise(cuts)]


def fixed_parameters(rows: TrainingRows, spec: ModelSpec) -> dict[str, object]:
    """The parameters that no trial changes.

    Rare positives are not weighted up (no `scale_pos_weight`): weights hardly change the ranking but distort the
    probabilities, on which the threshold is chosen.
    """
    return {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "nthread": THREADS,
        "seed": spec.seed,
        "monotone_constraints": "(" + ",".join(str(sign) for sign in monotone_signs(rows, spec.monotone)) + ")",
    }


def monotone_signs(rows: TrainingRows, monotone: Mapping[str, Direction]) -> tuple[int, ...]:
    """1, -1 or 0 for each encoded column, from the directions declared for features.

    Raises:
        TrainingError: A feature has no column, or is a category (its columns have no order).
    """
    unknown = sorted(set(monotone) - set(rows.sources))
    if unknown:
        raise TrainingError(f"monotone {unknown}: no such feature among {sorted(set(rows.sources))}")
    for column, source in zip(rows.columns, rows.sources, strict=True):
        if source in monotone and column != source:
            raise TrainingError(f"monotone '{source}': it is a category ({column}), which has no direction; remove it")
    sign = {"increasing": 1, "decreasing": -1}
    return tuple(sign[monotone[source]] if source in monotone else 0 for source in rows.sources)


DEFAULTS: dict[str, float | int] = {
    "max_depth": 4,
    "learning_rate": 0.1,
    "min_child_weight": 2.0,
    "subsample": 0.9,
    "colsample_bytree": 0.8,
    "reg_lambda": 2.0,
}


def _suggest(trial: optuna.Trial) -> dict[str, float | int]:
    return {
        "max_depth": trial.suggest_int("max_depth", 2, 6),
        "learning_rate": trial.suggest_float("learning_rate", 0.05, 0.3, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.1, 20.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.6, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.3, 30.0, log=True),
    }


@dataclass(frozen=True, eq=False)
class _Fold:
    """A training and a validation matrix, binned once for all trials."""

    learn: xgb.QuantileDMatrix
    judge: xgb.QuantileDMatrix

    @classmethod
    def of(cls, rows: TrainingRows, learn: NDArray[np.int64], judge: NDArray[np.int64]) -> "_Fold":
        for name, part in (("learned", learn), ("judged", judge)):
            positives = int(rows.y[part].sum())
            if positives in (0, len(part)):
                raise TrainingError(
                    f"the search's {name} rows are {len(part)}, {positives} of them positive; it needs both classes: "
                    "give the training window more days"
                )
        matrix = xgb.QuantileDMatrix(rows.matrix[learn], rows.y[learn], nthread=THREADS)
        return cls(matrix, xgb.QuantileDMatrix(rows.matrix[judge], rows.y[judge], ref=matrix, nthread=THREADS))

    def run(self, parameters: Mapping[str, object]) -> tuple[float, int]:
        """The lowest validation log loss and the number of rounds that reached it."""
        booster = xgb.train(
            dict(parameters),
            self.learn,
            num_boost_round=MOST_ROUNDS,
            evals=[(self.judge, "judge")],
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        return float(booster.best_score), int(booster.best_iteration) + 1


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Keeps Optuna from logging each trial; the level is restored afterwards."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
