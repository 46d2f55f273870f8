"""Runs within a run: the trials of a search.

Belongs here: recording many small runs that are over, with few requests. Does not belong here: the run that holds them
(`run.py`).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resources.tracking.run import TrackedRun
from resources.tracking.tracking import DAGSTER_TAG

_MOST_POINTS = 40
_PARENT_TAG = "mlflow.parentRunId"


@dataclass(frozen=True)
class NestedRun:
    """A run that is over.

    Attributes:
        name: Its name on MLflow's pages.
        params: Its parameters, recorded as text.
        metrics: Its figures, all finite.
        curves: Values step by step, all finite; of a long curve some evenly spread ones are recorded, and the last.
    """

    name: str
    params: Mapping[str, float | int | str]
    metrics: Mapping[str, float]
    curves: Mapping[str, Sequence[float]]


def record_nested(parent: TrackedRun, runs: Sequence[NestedRun]) -> None:
    """Records runs within another; each takes three requests, however many values it has."""
    from mlflow.entities import Metric, Param

    within = parent.client.get_run(parent.run_id)
    # A run whose process is killed half-way is ended with its parent, by the same tag.
    tags = {name: value for name, value in within.data.tags.items() if name == DAGSTER_TAG}
    for run in runs:
        made = parent.client.create_run(
            within.info.experiment_id, run_name=run.name, tags={**tags, _PARENT_TAG: parent.run_id}
        )
        now = time.time_ns() // 1_000_000
        values = [Metric(name, float(value), now, 0) for name, value in run.metrics.items()]
        for name, curve in run.curves.items():
            values += [Metric(name, float(curve[step]), now, step) for step in _steps(len(curve))]
        params = [Param(name, str(value)) for name, value in run.params.items()]
        parent.client.log_batch(made.info.run_id, metrics=values, params=params)
        parent.client.set_terminated(made.info.run_id, "FINISHED")


def _steps(length: int) -> Sequence[int]:
    """At most `_MOST_POINTS` steps of a curve, the first and the last among them."""
    if length <= _MOST_POINTS:
        return range(length)
    return sorted({round(place * (length - 1) / (_MOST_POINTS - 1)) for place in range(_MOST_POINTS)})
