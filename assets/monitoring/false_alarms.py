"""How the one number of the policy, its false alarms a year, is shared among the judges.

Belongs here: the share of each judge. Does not belong here: how a judge makes limits of its share
(`distributions.limits`, `distributions.explained`, `performance.expectations`).

The shares are less than one together: what is left is for judges whose tests have fixed levels, far rarer than a false
alarm a year, and for what no history shows.
"""

from typing import Literal

from assets.product import MonitoringPolicy

Judge = Literal["days", "windows", "labels", "business", "performance"]
_SHARES: dict[Judge, float] = {"days": 0.2, "windows": 0.2, "labels": 0.1, "business": 0.2, "performance": 0.2}


def allowed(policy: MonitoringPolicy, judge: Judge) -> float:
    """The false alarms a year of one judge: of drift by day or window, of labels, business figures or performance.

    Where answered decisions are what is judged, drift is judged twice: of all rows, and of the answered ones.
    """
    judged = 2 if policy.judged == "answered" and judge in ("days", "windows") else 1
    return policy.false_alarms_a_year * _SHARES[judge] / judged
