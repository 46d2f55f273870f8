"""The people on call: they do what an alert asks for, once the owner of a source has delivered a day again.

Belongs here: a failed day whose alert names it: its owner delivers it again, and it is made again. Does not belong
here: alerts (`pipelines.alerts`), anything that no alert asks for. They know the alerts and not the plan.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

from pipelines.jobs import daily_name
from pipelines.operations.gameday.stage import Played, Stage
from pipelines.operations.loop.run_job import RunFailed, run_job

_REACT = timedelta(days=1)
_STAGES = ("raw_", "validated_")


@dataclass
class OnCall:
    """The people on call of a game day."""

    stage: Stage
    _answered: set[tuple[str, date]] = field(default_factory=set)

    def react(self, one: Played) -> None:
        """Answers the alerts about days of a product that are a day old, each day once."""
        now = self.stage.clock.now()
        for alert in tuple(self.stage.recorder.observations):
            mine = alert.seen == "alert" and alert.product == one.product.name and alert.day is not None
            if not mine or alert.day is None or now - alert.at < _REACT or not alert.about.startswith(_STAGES):
                continue
            if (alert.product, alert.day) in self._answered:
                continue
            self._answered.add((alert.product, alert.day))
            self.stage.bank.redeliver(alert.about.split("_", 1)[1], alert.day)
            self._make(one, alert.day)

    def _make(self, one: Played, day: date) -> None:
        """What the alert's remedy says, `loopline backfill`: the day again, from its sources to its monitoring."""
        try:
            run_job(one.definitions, self.stage.instance, daily_name(one.product), days=(day, day))
        except RunFailed as failed:
            self.stage.recorder.failed_by_hand(one.product, day, str(failed))
        else:
            self.stage.recorder.repaired(one.product, day)
