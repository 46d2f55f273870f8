"""Which declarations the rows of the feature table were computed by.

Belongs here: what a commit records of them, and which days are of others than those that are declared now. Does not
belong here: computing rows (`feature_table.py`), the table's log (`resources.lake`).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from assets.vocabulary import FeatureSet
from resources.lake import Lake

_COMPUTATION = "computation"


def record_of(features: FeatureSet, run_id: str, pins: Mapping[str, int]) -> dict[str, Any]:
    """What a commit of feature rows records: the run whose folder the files are in, what it read, what it computed."""
    return {
        "run_id": run_id,
        "pins": pins,
        "feature_set": features.digest,
        _COMPUTATION: features.computation,
    }


def outdated_days(lake: Lake, table: str, features: FeatureSet) -> tuple[date, ...]:
    """The days whose rows were computed by other declarations than these, in order.

    A day whose commit says nothing of them, or is no longer in the log, is taken for one of these.

    Raises:
        LakeError: The table cannot be read.
    """
    if not lake.exists(table):
        return ()
    made = {commit["run_id"]: commit[_COMPUTATION] for commit in lake.history(table) if _COMPUTATION in commit}
    now = features.computation
    other = {file.day for file in lake.files(table) if made.get(file.path.partition("/")[0], now) != now}
    return tuple(sorted(day for day in other if day is not None))
