"""How the final fit of XGBoost is made, by the product's policy.

Belongs here: the choice between a local fit, one with checkpoints and one in Spark tasks. Does not belong here: the
fits (`spark_fit.py`, `checkpoints.py`, `assets.training.fitting.boosting`), the policy (`assets.product.Scale`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from assets.product import Scale
from assets.training.contest.recipes import BoosterRecipe, Recipe
from assets.training.fitting.boosting import Gradient
from assets.training.large.checkpoints import checkpointed_fit
from assets.training.large.spark_fit import spark_fit
from assets.training.rows.folds import TrainingError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class LargeFits:
    """What large fits need of the process around them.

    Attributes:
        session: The Spark session, started on first use.
        checkpoints: The folder of the checkpoints of one product.
    """

    session: "Callable[[], SparkSession]"
    checkpoints: Path


def for_all_rows(recipe: Recipe, scale: Scale, rows: int, large: LargeFits | None) -> Recipe:
    """The recipe as it is fitted to so many training rows, once it has won.

    Without `large` (a model that is rebuilt) nothing is written down and no session is started: with checkpoints the
    model is the same, bit by bit; one that was fitted in Spark tasks is the same up to rounding.
    """
    if not isinstance(recipe, BoosterRecipe):
        return recipe
    if scale.spark_rows is not None and rows >= scale.spark_rows and large is not None:
        return replace(recipe, fitter=partial(_in_spark, large, scale.spark_workers))
    if scale.checkpoint_rounds is not None:
        folder = None if large is None else large.checkpoints
        return replace(recipe, fitter=partial(checkpointed_fit, folder, scale.checkpoint_rounds))
    return recipe


def _in_spark(
    large: LargeFits,
    workers: int,
    parameters: Mapping[str, Any],
    matrix: NDArray[np.float32],
    learned: NDArray[Any],
    rounds: int,
    objective: Gradient | None,
) -> xgb.Booster:
    if objective is not None:
        raise TrainingError(
            "the focal loss is no objective of Spark tasks; write SearchPolicy(imbalance=('none', 'weights')), or "
            "Scale(spark_rows=None)"
        )
    return spark_fit(large.session(), parameters, matrix, learned, rounds, workers=workers)
