"""What each process of ours sets before it works, whatever started it.

Belongs here: the list of these settings. Does not belong here: the settings themselves that take more than a line
(`collecting.py`, `threads.py`). Nothing heavy is imported: every command begins with it.
"""

import os
import warnings

from resources.processes.collecting import collect_rarely
from resources.processes.threads import wait_asleep


def begin_process() -> None:
    """Sets how threads wait, how often Python collects garbage, and how many of Dagster's events are written at once.

    Dagster's warning that `backfill_policy` may change is not shown: its version is pinned.
    """
    # Materialisations of a range are written in batches (resources/dagster/event_log.py).
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
    wait_asleep()
    collect_rarely()
    warnings.filterwarnings("ignore", message=".*backfill_policy.*", category=Warning)
