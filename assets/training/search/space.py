"""The settings of XGBoost that a search may try.

Belongs here: their ranges, and the settings that are tried first. Does not belong here: the search (`boosters.py`),
parameters that no search changes (`assets.training.fitting.boosting`).
"""

from collections.abc import Mapping

import optuna

from assets.training.fitting.boosting import Settings

DEFAULTS: Settings = {
    "max_depth": 4,
    "learning_rate": 0.1,
    "min_child_weight": 2.0,
    "subsample": 0.9,
    "colsample_bytree": 0.8,
    "reg_lambda": 2.0,
}
# For few rows with many features, which the defaults learn by heart.
CAREFUL: Settings = {
    "max_depth": 2,
    "learning_rate": 0.1,
    "min_child_weight": 5.0,
    "subsample": 0.8,
    "colsample_bytree": 0.4,
    "reg_lambda": 10.0,
}
# Lowest and highest value, and whether the values between are drawn by their logarithm.
SPACE: Mapping[str, tuple[float, float, bool]] = {
    "max_depth": (1, 6, False),
    "learning_rate": (0.05, 0.3, True),
    "min_child_weight": (0.1, 50.0, True),
    "subsample": (0.5, 1.0, False),
    "colsample_bytree": (0.2, 1.0, False),
    "reg_lambda": (0.3, 100.0, True),
}
STARTS = (DEFAULTS, CAREFUL)
"""The settings of the first trials."""


def suggest(trial: optuna.Trial) -> Settings:
    """The settings of a trial, drawn by its sampler."""
    return {
        name: trial.suggest_int(name, int(low), int(high))
        if name == "max_depth"
        else trial.suggest_float(name, low, high, log=by_logarithm)
        for name, (low, high, by_logarithm) in SPACE.items()
    }
