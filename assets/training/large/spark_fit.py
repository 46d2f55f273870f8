"""One fit of XGBoost in Spark tasks.

Belongs here: handing the rows to `xgboost.spark`, and the booster that comes back. Does not belong here: when a fit is
distributed (`fits.py`), sessions (`resources.spark`).

Every task holds a stretch of the rows in their order, so that the same rows and tasks give the same model; with one
task it is that of a local fit. The rows pass through this process: it is the fit that one machine need not carry alone.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import xgboost as xgb
from numpy.typing import NDArray

from assets.training.rows.folds import TrainingError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_ROW, _LEARNED, _TASK = "row", "learned", "task"
_KEYS_EACH = 64
"""So many numbers a task are tried as its key: that none of them is sent to it does not happen."""
_BATCH = "spark.sql.execution.arrow.maxRecordsPerBatch"
_OWN = ("nthread", "device")
"""Parameters that `xgboost.spark` sets itself: a task computes with the threads that Spark gives it."""


def spark_fit(
    session: "SparkSession",
    parameters: Mapping[str, Any],
    matrix: NDArray[np.float32],
    learned: NDArray[Any],
    rounds: int,
    *,
    workers: int,
) -> xgb.Booster:
    """A booster of so many rounds over all rows.

    Args:
        parameters: As for `xgb.train`.
        matrix: float32 [n, m], NaN where missing.
        learned: Labels or amounts [n].
        workers: How many tasks fit together.

    Raises:
        TrainingError: The session has fewer cores than tasks.
    """
    from xgboost.spark import SparkXGBRegressor

    cores = session.sparkContext.defaultParallelism
    if cores < workers:
        raise TrainingError(
            f"scale spark_workers is {workers}, but Spark ({session.sparkContext.master}) runs {cores} tasks at once; "
            "write fewer, or give the cluster more cores"
        )
    names = [f"f{column}" for column in range(matrix.shape[1])]
    columns = {name: pa.array(matrix[:, place]) for place, name in enumerate(names)}
    row = np.arange(len(matrix))
    task = _keys(session, workers)[row * workers // len(matrix)]
    table = pa.table(
        {**columns, _LEARNED: pa.array(learned.astype(np.float64)), _ROW: pa.array(row), _TASK: pa.array(task)}
    )
    before = session.conf.get(_BATCH)
    session.conf.set(_BATCH, "10000")  # rows of one fit, and not the blocks of many rows that other jobs pass on
    try:
        rows = session.createDataFrame(table).repartition(workers, _TASK).sortWithinPartitions(_ROW)
        # A regressor of any objective: a classifier would choose its own from the labels.
        estimator = SparkXGBRegressor(
            features_col=names, label_col=_LEARNED, num_workers=workers, n_estimators=rounds, missing=float("nan"),
            device=str(parameters.get("device", "cpu")),
            **{name: value for name, value in parameters.items() if name not in _OWN},
        )  # fmt: skip
        booster = estimator.fit(rows).get_booster()
    finally:
        session.conf.set(_BATCH, before or "10000")
    return _plain(booster)


def _keys(session: "SparkSession", workers: int) -> NDArray[np.int64]:
    """For each task a number that Spark's hash sends to it alone, int64 [workers].

    Spark divides by ranges only after drawing a sample, whose bounds are others each time.
    """
    hashed = session.range(_KEYS_EACH * workers).selectExpr("id", f"pmod(hash(id), {workers}) AS task").collect()
    first: dict[int, int] = {}
    for row in hashed:
        first.setdefault(row.task, row.id)
    return np.array([first[task] for task in range(workers)], dtype=np.int64)


def _plain(booster: xgb.Booster) -> xgb.Booster:
    """The booster as one of `xgb.train`: without names of features and without notes of the library around it."""
    for name in booster.attributes():
        booster.set_attr(**{name: None})
    booster.feature_names = None
    return xgb.Booster({"nthread": 1}, model_file=booster.save_raw("ubj"))
