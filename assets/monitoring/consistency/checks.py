"""The check of consistency.

Belongs here: the spec and the result of the check `logged_features_are_the_lakes`. Does not belong here: the
comparison (`comparison.py`).
"""

from collections.abc import Mapping
from datetime import date

import dagster as dg
import pyarrow.compute as pc

from assets.monitoring.consistency.deciding import DayConsistency
from resources.errors import listed

NAME = "logged_features_are_the_lakes"
_LISTED = 10


def consistency_check(key: dg.AssetKey, limit: float) -> dg.AssetCheckSpec:
    """The check that features of decisions are those that the lake gives, or differ for a known cause."""
    return dg.AssetCheckSpec(
        NAME,
        asset=key,
        blocking=False,
        description=(
            f"At most {limit:.2%} of a day's decisions have a logged feature that differs from the one computed from "
            "the lake as of the decision, without a known cause."
        ),
    )


def consistency_result(found: Mapping[date, DayConsistency], limit: float) -> dg.AssetCheckResult:
    """The result of the check, from the days of a run; days without decisions differ in nothing."""
    told = [_told(day, one) for day, one in found.items() if one.unexplained > limit * one.compared]
    compared, differing = (sum(getattr(one, name) for one in found.values()) for name in ("compared", "differing"))
    return dg.AssetCheckResult(
        check_name=NAME,
        passed=not told,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(told[:_LISTED])
        or f"{differing:,} of {compared:,} decisions differ, each for a known cause",
        metadata={"compared": compared, "differing": differing},
    )


def _told(day: date, one: DayConsistency) -> str:
    rows = one.table.filter(pc.greater(one.table["unexplained"], 0)).to_pylist()
    features = [f"{row['feature']} ({row['unexplained']}, as in {row['example']})" for row in rows]
    return f"{day}: {one.unexplained:,} of {one.compared:,} decisions differ without a known cause: {listed(features)}"
