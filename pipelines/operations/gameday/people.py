"""The people on call: they do what an alert asks for, once the owner of a source has delivered its days again.

Belongs here: a failed day, or a data fault, whose alert names it: the owner of the source delivers again, and the days
are made again. Does not belong here: alerts (`pipelines.alerting.alerts`), anything that no alert asks for. They know
the alerts and not the plan.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

from assets.materialising import asset_key, materialised_days
from assets.product.names import DATA_FAULTS, FEATURES
from pipelines.jobs import DATA, WATCH, daily_name
from pipelines.operations.gameday.stage import Played, Stage
from pipelines.operations.loop.product_jobs import ProductJobs
from pipelines.operations.loop.run_job import RunFailed, run_job
from pipelines.partitions import partitions_of
from resources.sandbox.judge.record import Observation

_REACT = timedelta(days=1)
_STAGES = ("raw_", "validated_")


@dataclass
class OnCall:
    """The people on call of a game day."""

    stage: Stage
    _answered: set[Observation] = field(default_factory=set)

    def react(self, one: Played) -> None:
        """Answers the alerts about days of a product that are a day old, each once."""
        now = self.stage.clock.now()
        for alert in tuple(self.stage.recorder.observations):
            mine = alert.seen == "alert" and alert.product == one.product.name and alert.day is not None
            if not mine or now - alert.at < _REACT or alert in self._answered:
                continue
            self._answered.add(alert)
            if alert.about.startswith(_STAGES):
                self._mend_failed_day(one, alert)
            elif alert.about == DATA_FAULTS:
                self._mend_source(one, alert)

    def _mend_failed_day(self, one: Played, alert: Observation) -> None:
        """The day again, from its sources to its monitoring."""
        if alert.day is not None and alert.day not in self._mended(one):
            self.stage.bank.redeliver(alert.about.split("_", 1)[1], alert.day)
            self._make(one, alert.day, alert.day)

    def _mend_source(self, one: Played, alert: Observation) -> None:
        """The days of the fault again, where the owner of the source finds that they were delivered wrongly."""
        days, day = [], alert.day
        while day is not None and day < self.stage.clock.now().date():
            named = [source.name for source in one.product.sources if source.name in alert.text]
            if [source for source in named if self.stage.bank.redeliver(source, day)]:
                days.append(day)
            day += timedelta(days=1)
        if days:
            self._make(one, days[0], days[-1])

    def _mended(self, one: Played) -> set[date | None]:
        """The days of a product that people have made again."""
        return {
            seen.day
            for seen in self.stage.recorder.observations
            if seen.seen == "repaired" and seen.product == one.product.name
        }

    def _make(self, one: Played, first: date, last: date) -> None:
        """As the remedy of the alert says: the days again, then those that were made from what they were before."""
        product, instance = one.product, self.stage.instance
        partitions = partitions_of(product, self.stage.environment)
        jobs = ProductJobs(product, partitions, instance, self.stage.lake, definitions=one.definitions)
        try:
            run_job(one.definitions, instance, daily_name(product), days=(first, last))
            self.stage.recorder.repaired(product, first, last)
            made = materialised_days(instance, asset_key(product, FEATURES), partitions)
            jobs.run_days((*DATA, *WATCH), (first, max(made)), again=False)
        except RunFailed as failed:
            self.stage.recorder.failed_by_hand(product, first, str(failed))
