"""The cause of a failed run.

Belongs here: finding the first failure and the gates in the events that Dagster recorded for a run, for alerts and the
command line. Does not belong here: the alert (`pipelines.alerting.alerts`), starting runs (`pipelines.operations`).
"""

import re
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.events import JobFailureData

from assets.materialising import DAYS_AT_FAULT
from assets.product.names import EVALUATION
from resources.errors import listed
from resources.outages import outage_in
from resources.slots import Slot, checked_slot

_NAMED_SLOT = re.compile(r"\b(?:day|hour) (\d{4}-\d{2}-\d{2}(?:-\d{2}:00)?)\b")
_OURS = ("assets.", "pipelines.", "resources.")


@dataclass(frozen=True)
class RunFailure:
    """The first failure of a run.

    Attributes:
        asset: Name of the asset that failed, without its product; empty when the run failed before its first step.
        message: The description of the failure, the failed blocking checks, or the message of the error.
        complete: Whether the message already names the asset.
        at_fault: The days, or hours, that the failure recorded as those at fault.
        refused: Whether blocking checks refused what the asset made; of `evaluation`, gates that refused a model.
    """

    asset: str
    message: str
    complete: bool
    at_fault: tuple[Slot, ...] = ()
    refused: bool = False

    @property
    def days(self) -> tuple[Slot, ...]:
        """The days, or hours, at fault: those recorded, or the one that the message names as `day YYYY-MM-DD`."""
        named = _NAMED_SLOT.search(self.message)
        return self.at_fault or ((checked_slot(named[1]),) if named else ())

    @property
    def sentence(self) -> str:
        """The message, preceded by the asset unless the message is complete."""
        return f"{self.asset}: {self.message}" if self.asset and not self.complete else self.message


@dataclass(frozen=True)
class GateTable:
    """The gates of the model that a run evaluated.

    Attributes:
        results: For each gate `name`, `value` (`None` if it could not be computed), `comparison`, `threshold`,
            `passed` (`None` if the gate was not asked).
        report: Address of the evaluation's report for people; empty if it is not recorded.
    """

    results: tuple[dict[str, Any], ...] = ()
    report: str = ""


def gate_table(instance: dg.DagsterInstance, run_id: str) -> GateTable:
    """The gates of a run; empty if it evaluated no model."""
    found = []
    for event in run_events(instance, run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        check = event.asset_check_evaluation_data
        if check.asset_key.path[-1] == EVALUATION:
            terms = {name: value.value for name, value in check.metadata.items()}
            known = {name: terms.get(name) for name in ("value", "comparison", "threshold")}
            found.append({"name": check.check_name, **known, "passed": None if "not_asked" in terms else check.passed})
    for event in run_events(instance, run_id, dg.DagsterEventType.ASSET_MATERIALIZATION):
        page = event.step_materialization_data.materialization.metadata.get("mlflow_run")
        if event.asset_key is not None and event.asset_key.path[-1] == EVALUATION and page is not None:
            return GateTable(tuple(found), str(page.value))
    return GateTable(tuple(found))


def first_failure(instance: dg.DagsterInstance, run_id: str, product: str) -> RunFailure:
    """The first failure of a failed run.

    Args:
        product: Name of the product whose assets the run materialises.
    """
    failed = next(iter(run_events(instance, run_id, dg.DagsterEventType.STEP_FAILURE)), None)
    if failed is None:
        ended = run_events(instance, run_id, dg.DagsterEventType.RUN_FAILURE)
        message = next((_ending(event) for event in ended), "") or "the run failed before its first step"
        return RunFailure("", message, complete=False)
    # The key of an asset's step is `<product>__<asset>`.
    asset = (failed.step_key or "").removeprefix(f"{product}__")
    failure = failed.step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        recorded = failure.user_failure_data.metadata.get(DAYS_AT_FAULT)
        days = recorded.value if isinstance(recorded, dg.JsonMetadataValue) and isinstance(recorded.value, list) else []
        at_fault = tuple(checked_slot(str(day)) for day in days)
        return RunFailure(asset, failure.user_failure_data.description, complete=True, at_fault=at_fault)
    refused_by = refusals(instance, run_id)
    if refused_by:
        return RunFailure(asset, f"refused by {listed(refused_by, separator='; ')}", complete=False, refused=True)
    error = failure.error
    if error is not None and error.cause is not None:  # the outer error is Dagster's own
        error = error.cause
    if error is None:
        return RunFailure(asset, "the step failed", complete=False)
    return RunFailure(asset, _lost_server(error) or error.message.strip(), complete=False)


def _ending(event: dg.DagsterEvent) -> str:
    """Why a run failed outside its steps."""
    data = event.event_specific_data
    error = data.error if isinstance(data, JobFailureData) else None
    return (_lost_server(error) if error is not None else None) or event.message or ""


def _lost_server(error: Any) -> str | None:
    """The sentence for a recorded error, or for one that caused it, about a lost server.

    An error of our own names its server and the remedy itself.
    """
    found = error
    while found is not None:
        kind, _, text = found.message.partition(": ")  # as a traceback ends
        if kind.startswith(_OURS):
            return None
        sentence = outage_in(kind if "." in kind else f"builtins.{kind}", text)
        if sentence is not None:
            return sentence
        found = found.cause or found.context
    return None


def planned_partitions(instance: dg.DagsterInstance, run_id: str) -> tuple[str, ...]:
    """The partitions that a run meant to materialise, of all its assets; empty for a run without partitions."""
    found: set[str] = set()
    for event in run_events(instance, run_id, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED):
        planned = event.asset_materialization_planned_data
        if planned.partition is not None:
            found.add(planned.partition)
        if planned.partitions_subset is not None:
            found.update(planned.partitions_subset.get_partition_keys())
    return tuple(sorted(found))


def refusals(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """The descriptions of the blocking checks that failed."""
    events = run_events(instance, run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [event.asset_check_evaluation_data for event in events]
    return [str(check.description) for check in checks if check.blocking and not check.passed]


def run_events(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
    """The events of a kind that are recorded for a run, in their order."""
    records = instance.get_records_for_run(run_id, of_type=kind).records
    events = [record.event_log_entry.dagster_event for record in records]
    return [event for event in events if event is not None]
