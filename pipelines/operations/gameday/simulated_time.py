"""The simulated time: one clock for this process, for Dagster's records and for the decision service.

Belongs here: giving the clock to Dagster. Does not belong here: the clock itself (`resources.clock`), what happens at a
moment (`day.py`).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest import mock

from dagster._core.log_manager import DagsterLogManager

from resources.clock import SimulatedClock


@contextmanager
def dagster_on(clock: SimulatedClock) -> Iterator[None]:
    """Within the block Dagster's partitions, runs and events are of the simulated time.

    Dagster has one seam for this, which its own tests use; without it a day that failed would be tried again after
    quarters of an hour of this machine, within which months go by.
    """

    class OnClock(DagsterLogManager):
        """Its records, of which events are made, are of the simulated time."""

        def makeRecord(  # noqa: N802 - the name is logging's
            self, *args: Any, **kwargs: Any
        ) -> logging.LogRecord:
            record = super().makeRecord(*args, **kwargs)
            record.created = clock.now().timestamp()
            return record

    def now() -> datetime:
        return clock.now()

    def timestamp() -> float:
        return clock.now().timestamp()

    with (
        mock.patch("dagster._time._mockable_get_current_datetime", now),
        mock.patch("dagster._time._mockable_get_current_timestamp", timestamp),
        mock.patch("dagster._core.log_manager.DagsterLogManager", OnClock),
    ):
        yield
