"""Named automation policies, each with the reason it exists.

Belongs here: declarative conditions under which an asset is materialised without a schedule or a sensor. Does not
belong here: schedules and sensors.
"""

import dagster as dg

FOLLOW_THE_LAKE = (
    dg.AutomationCondition.any_deps_updated().since(dg.AutomationCondition.newly_requested())
    & ~dg.AutomationCondition.in_progress()
)
"""For the online store: a backfill of validated days must reach the decision process.

The daily job loads the store itself. A backfill of some days from the UI does not select it, and decisions would go
on with the events that were there before the bad day was mended. It waits while a load is in progress, and then loads
once more what was mended meanwhile: that load may have read the table before.
"""
