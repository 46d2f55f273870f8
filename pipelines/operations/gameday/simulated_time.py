"""The simulated time: one clock for this process, for Dagster's records and for the decision service.

Belongs here: moving the clock, giving it to Dagster. Does not belong here: the clock that other processes read
(`resources.clock`), what happens at a moment (`day.py`).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unittest import mock

from dagster._core.log_manager import DagsterLogManager

from resources.clock import SimulatedClock


@dataclass
class Hands:
    """The hands of a simulated clock: who moves it need not read its file, as Dagster would for each of its records."""

    clock: SimulatedClock
    moment: datetime

    def __post_init__(self) -> None:
        self.set(self.moment)

    def now(self) -> datetime:
        """The simulation's present moment."""
        return self.moment

    def set(self, moment: datetime) -> None:
        """Moves the clock, for every process of the simulation."""
        self.clock.set(moment)
        self.moment = moment


@contextmanager
def dagster_on(clock: Hands) -> Iterator[None]:
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
