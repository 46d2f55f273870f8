"""Provenance of the feature table: the declarations from which its rows were computed.

Belongs here: the record of a commit, and the days computed from other declarations than the present ones. Does not
belong here: computing rows (`feature_table.py`), the table's log (`resources.lake`).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from assets.product import Spine
from assets.vocabulary import FeatureSet
from resources.lake import Lake
from resources.slots import Slot

_COMPUTATION = "computation"


def record_of(features: FeatureSet, spine: Spine, run_id: str, pins: Mapping[str, int]) -> dict[str, Any]:
    """The record of a commit of feature rows: its run (the folder of its files), table versions and declarations."""
    return {
        "run_id": run_id,
        "pins": pins,
        "feature_set": features.digest,
        _COMPUTATION: _computation(features, spine),
    }


def outdated_days(lake: Lake, table: str, features: FeatureSet, spine: Spine) -> tuple[Slot, ...]:
    """The days whose rows were computed from other declarations than these, in order.

    A day whose commit has no such record, or is no longer in the log, counts as computed from these declarations.

    Raises:
        LakeError: The table cannot be read.
    """
    if not lake.exists(table):
        return ()
    by_run = {commit["run_id"]: commit[_COMPUTATION] for commit in lake.history(table) if _COMPUTATION in commit}
    now = _computation(features, spine)
    outdated = {file.day for file in lake.files(table) if by_run.get(file.path.partition("/")[0], now) != now}
    return tuple(sorted(day for day in outdated if day is not None))


def _computation(features: FeatureSet, spine: Spine) -> str:
    """The digest of the declarations that decide which rows are computed, and how."""
    if not spine.after and not spine.filters:
        return features.computation  # as recorded before a spine could have these
    return hashlib.sha256(f"{features.computation} {spine.after!r} {spine.filters!r}".encode()).hexdigest()
