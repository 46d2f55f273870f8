"""Automation conditions, each with its reason.

Belongs here: declarative conditions under which Dagster itself materialises an asset. Does not belong here: schedules
(`schedules.py`), sensors (`sensors.py`).
"""

import dagster as dg

FOLLOW_THE_LAKE = (
    dg.AutomationCondition.any_deps_updated().since(dg.AutomationCondition.newly_requested())
    & ~dg.AutomationCondition.in_progress()
)
"""For the online store: a backfill of validated days must reach the decision process.

The daily job loads the store. A backfill of some days from the UI does not select the store, and decisions would
continue with the events from before the fix. The condition waits while a load is in progress and then loads again,
since that load may have read the tables before the backfill.
"""
