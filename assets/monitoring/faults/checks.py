"""The check of data faults.

Belongs here: the spec and the result of the check `no_data_fault` of `data_faults`. Does not belong here: recognising
faults (`recognition.py`).
"""

from collections.abc import Sequence
from datetime import date

import dagster as dg

from assets.monitoring.faults.finding import FAULT_KINDS, Finding
from assets.monitoring.faults.recognition import DayFaults
from resources.errors import listed

NAME = "no_data_fault"
_LISTED = 20


def faults_check(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check that no day has a data fault; it does not block."""
    return dg.AssetCheckSpec(
        NAME,
        asset=key,
        blocking=False,
        description=(
            f"No column and no feed of a day has a fault ({', '.join(FAULT_KINDS)}) by the fingerprints of the weeks "
            "before. A fault asks for people; while it explains drift, no model is trained."
        ),
    )


def faults_result(
    found: Sequence[DayFaults], findings: Sequence[Finding], product: str, last_day: date
) -> dg.AssetCheckResult:
    """The result of the check, from the days of a run. A last day that could not be judged is no pass.

    Args:
        found: The days that were judged; none where only hours of a day that is not over were made.
    """
    roots = [one for one in findings if not one.follows_from]
    told = [f"{one.sentence}; {one.remedy(product)}" for one in roots]
    if found and found[-1].unjudged:
        told.append(f"{last_day} is not judged for {listed(list(found[-1].unjudged))}: too few days before it")
    return dg.AssetCheckResult(
        check_name=NAME,
        passed=not told,
        severity=dg.AssetCheckSeverity.ERROR if roots else dg.AssetCheckSeverity.WARN,
        description="; ".join(told[:_LISTED])
        or (f"{len(found):,} days have no data fault" if found else f"{last_day} is judged when it is over"),
        metadata={
            "root_causes": len(roots),
            "consequences": len(findings) - len(roots),
            "faults": dg.MetadataValue.json([f"{one.place} {one.kind}" for one in roots]),
        },
    )
