"""The times of a cron expression, in UTC.

Belongs here: the last time and the next one beside a moment. Does not belong here: schedules (`pipelines.schedules`).
"""

from datetime import UTC, datetime

import dagster as dg

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def last_time(cron: str, now: datetime) -> datetime:
    """The last time of the expression that is not after the moment.

    Raises:
        dagster.DagsterInvalidDefinitionError: It is no cron expression.
    """
    window = _windows(cron).get_prev_partition_window(now, respect_bounds=False)
    if window is None:
        raise ValueError(f"the cron expression '{cron}' has no time before {now.isoformat()}")
    return window.end.astimezone(UTC)


def next_time(cron: str, now: datetime) -> datetime:
    """The first time of the expression after the moment; raises as `last_time`."""
    window = _windows(cron).get_next_partition_window(now, respect_bounds=False)
    if window is None:
        raise ValueError(f"the cron expression '{cron}' has no time after {now.isoformat()}")
    found = window.start if window.start > now else window.end
    return found.astimezone(UTC)


def _windows(cron: str) -> dg.TimeWindowPartitionsDefinition:
    """The windows between the times; Dagster's own schedules are computed by the same code."""
    return dg.TimeWindowPartitionsDefinition(start=_BEGINNING, cron_schedule=cron, fmt="%Y-%m-%dT%H:%M")
