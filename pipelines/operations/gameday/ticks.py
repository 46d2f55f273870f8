"""One tick of the daemon in this process: sensors and schedules are evaluated, and what they ask for is run.

Belongs here: evaluating a product's real sensors and schedules, their cursors, and the runs that they request. Does not
belong here: what sensors and schedules decide (`pipelines.sensors`, `pipelines.schedules`), one run (`loop.run_job`).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.errors import SensorExecutionError, user_code_error_boundary
from dagster._core.remote_origin import RegisteredCodeLocationOrigin
from dagster._utils.schedules import cron_string_iterator

from assets.product import Product
from pipelines.operations.loop.run_job import RunFailed, run_job

_PARTITION, _RUN_KEY = "dagster/partition", "dagster/run_key"
_MOST_ROUNDS = 6


@dataclass(frozen=True)
class Started:
    """A run that a tick started.

    Attributes:
        by: The sensor or schedule.
        job: The job.
        error: Why it failed; empty if it did not.
    """

    by: str
    job: str
    run_id: str
    partition: str
    tags: dict[str, str]
    error: str


@dataclass
class Ticker:
    """The daemon of one product in this process; runs are executed one after the other, at once.

    Attributes:
        skipped: For each sensor and schedule the reason of its last skip.
        failed: For each sensor whose last tick failed, why. The daemon goes on with the others, and asks it again.
    """

    product: Product
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    _cursors: dict[str, str | None] = field(default_factory=dict)
    _answered: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._repository = self.definitions.get_repository_def()

    def sensors(self, *, only: str = "") -> list[Started]:
        """Evaluates every sensor, runs what it asks for, and again until none asks for anything new.

        Args:
            only: The end of the names of the sensors that are evaluated; all by default.
        """
        started: list[Started] = []
        for _ in range(_MOST_ROUNDS):
            found = [one for sensor in self._repository.sensor_defs if sensor.name.endswith(only)
                     for one in self._sensor(sensor)]  # fmt: skip
            started += found
            if not found:
                break
        return started

    def schedules(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
        """The times from `since` to before `until` at which a schedule is due, with its name, in the order of time."""
        due = []
        for schedule in self._repository.schedule_defs:
            for moment in cron_string_iterator(since.timestamp(), str(schedule.cron_schedule), "UTC"):
                if moment >= until:
                    break
                due.append((moment, schedule.name))
        return iter(sorted(due))

    def schedule(self, name: str, moment: datetime) -> list[Started]:
        """Evaluates a schedule that is due, and runs what it asks for."""
        schedule = self._repository.get_schedule_def(name)
        with dg.build_schedule_context(
            self.instance, scheduled_execution_time=moment, repository_def=self._repository,
            resources=self._resources(schedule.required_resource_keys),
        ) as context:  # fmt: skip
            found = schedule.evaluate_tick(context)
        self.skipped[name] = found.skip_message or ""
        return [self._run(name, schedule.job_name, request) for request in found.run_requests or ()]

    def _sensor(self, sensor: dg.SensorDefinition) -> list[Started]:
        # As the daemon's code server makes it: the alert for failed runs asks of which code location a run is.
        with dg.SensorEvaluationContext(
            None, instance=self.instance, cursor=self._cursors.get(sensor.name), repository_def=self._repository,
            repository_name=SINGLETON_REPOSITORY_NAME, sensor_name=sensor.name,
            resources=self._resources(sensor.required_resource_keys),
            code_location_origin=RegisteredCodeLocationOrigin(self.product.name),
        ) as context:  # fmt: skip
            try:
                with user_code_error_boundary(SensorExecutionError, lambda: f"sensor {sensor.name}"):
                    found = sensor.evaluate_tick(context)
            except dg.DagsterError as error:
                self.failed[sensor.name] = _first_line(error.__cause__ or error)
                return []
        self.failed.pop(sensor.name, None)
        self._cursors[sensor.name] = found.cursor
        self.skipped[sensor.name] = found.skip_message or ""
        started = []
        for request in found.run_requests or ():
            # The daemon starts nothing for a run key that this sensor has used before.
            key = (sensor.name, request.run_key or "")
            if request.run_key and key in self._answered:
                continue
            self._answered.add(key)
            started.append(self._run(sensor.name, str(sensor.job_name), request))
        return started

    def _resources(self, keys: Collection[str]) -> dict[str, Any]:
        return {key: self._repository.get_top_level_resources()[key] for key in keys}

    def _run(self, by: str, job: str, request: dg.RunRequest) -> Started:
        tags = {**request.tags}
        if request.partition_key:
            tags[_PARTITION] = request.partition_key
        if request.run_key:
            tags[_RUN_KEY] = request.run_key
        run_id, error = "", ""
        try:
            run_id = run_job(self.definitions, self.instance, job, tags=tags)
        except RunFailed as failed:
            error = str(failed)
        return Started(by, job, run_id, request.partition_key or "", tags, error)


def _first_line(error: BaseException) -> str:
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}: {str(error).strip().partition(chr(10))[0]}"
