"""The check of monitoring: whether days look like the days before.

Belongs here: the spec and the result of the check `looks_like_before` of `anomalies`. Does not belong here: the flags
(`anomalies.py`).
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from resources.errors import listed

if TYPE_CHECKING:  # scikit-learn takes seconds to load
    from assets.monitoring.anomalies import DayAnomalies

NAME = "looks_like_before"
_TOO_MANY = 3
"""A day with more than so many times the policy's share of flagged rows is told."""
_LEAST_FLAGS = 10
"""Fewer flagged rows than this may be chance, whatever their share."""
_LISTED = 20


def anomaly_check(key: dg.AssetKey, share: float) -> dg.AssetCheckSpec:
    """The check that days, and most of their rows, look like those before; it does not block."""
    return dg.AssetCheckSpec(
        NAME,
        asset=key,
        blocking=False,
        description=(
            f"No day is odd as a whole, and at most {_TOO_MANY * share:.1%} of its rows are; an isolation forest takes "
            f"{share:.1%} of the rows before for odd. Flags only: no row is removed."
        ),
    )


def anomaly_result(found: Sequence["DayAnomalies"], share: float) -> dg.AssetCheckResult:
    """The result of the check, from the days of a run. A last day that could not be judged is no pass."""
    odd = [day for day in found if day.is_odd]
    many = [day for day in found if len(day.flags) >= _LEAST_FLAGS and day.share > _TOO_MANY * share]
    told = [f"{day.day} looks like no day before: {listed(day.day_columns) or 'many figures'}" for day in odd]
    told += [f"{day.day}: {day.share:.1%} of {day.judged:,} rows are odd: {listed(list(day.columns))}" for day in many]
    last = found[-1]
    if not last.judged:
        told.append(f"{last.day} is not judged: {last.earlier:,} rows of earlier days")
    judged, flagged = sum(day.judged for day in found), sum(len(day.flags) for day in found)
    columns = Counter[str]()
    for day in found:
        columns.update(day.columns)
    return dg.AssetCheckResult(
        check_name=NAME,
        passed=not told,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(told[:_LISTED]) or f"{flagged:,} of {judged:,} rows are odd, and no day is",
        metadata={
            "judged": judged,
            "flagged": flagged,
            "flagged_share": flagged / judged if judged else 0.0,
            "odd_days": dg.MetadataValue.json([str(day.day) for day in odd]),
            "columns": dg.MetadataValue.json(dict(columns.most_common())),
        },
    )
