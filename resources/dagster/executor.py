"""The executor of every run: all steps in one process, with a patient wait for pools.

Belongs here: how a run is executed in its process, and how a step waits for a slot of its pool. Does not belong here:
which process executes which run (`run_owners.py`), starting runs (`pipelines.operations`).

Dagster's own executor waits for a pool without a pause, and hears neither SIGTERM nor SIGINT meanwhile. It also starts
a step again that a signal has ended, where the step has a retry policy.
"""

import logging
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError, raise_execution_interrupts
from dagster._core.events import DagsterEvent, EngineEventData
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.context.system import PlanExecutionContext, PlanOrchestrationContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.execute_plan import inner_plan_execution_iterator
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor

from resources.dagster.run_owners import end_dead_runs, holders_of, owned

_PROGRESS = logging.getLogger("loopline.progress")
_PAUSE_SECONDS = 1.0
_TELL_SECONDS = 30.0


class PatientPools(InstanceConcurrencyContext):
    """The slots of a run's steps; a wait says for whom, ends dead holders, and is ended by SIGTERM and SIGINT."""

    def __init__(self, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
        super().__init__(instance, run)
        self._instance = instance
        self._waits: dict[str, tuple[str, datetime]] = {}
        self._told = -_TELL_SECONDS

    def claim(self, concurrency_key: str, step_key: str, step_priority: int = 0) -> bool:
        """Whether the step has its slot now; called again until it has."""
        # Dagster would ask again after up to 15 s, and a slot that is free meanwhile would stay unused.
        self._pending_timeouts[step_key] = 0.0
        claimed: bool = super().claim(concurrency_key, step_key, step_priority)
        if claimed:
            self._waits.pop(step_key, None)
        else:
            self._waits.setdefault(step_key, (concurrency_key, datetime.now(UTC)))
        return claimed

    def interval_to_next_pending_claim_check(self) -> float:
        """Waits here, where a signal can end the wait, and returns that no further wait is needed."""
        now = datetime.now(UTC)
        end_dead_runs(self._instance, now)
        if time.monotonic() - self._told >= _TELL_SECONDS:
            self._told = time.monotonic()
            for pool, since in dict.fromkeys(self._waits.values()):
                holders = "; ".join(holders_of(self._instance, pool)) or "another run that is before it"
                _PROGRESS.info("waiting for %s since %s UTC: %s", pool, f"{since:%H:%M:%S}", holders)
        with raise_execution_interrupts():
            time.sleep(_PAUSE_SECONDS)
        return 0.0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives back every slot: the steps of an interrupted run have ended with it."""
        super().__exit__(kind, error, trace)
        for step_key in list(self._claims):
            self.free_step(step_key)


class PatientExecutor(InProcessExecutor):
    """Executes a run's steps in this process, which the run's tags name meanwhile."""

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """The events of the run's steps."""
        steps = EngineEventData.in_process(os.getpid(), execution_plan.step_keys_to_execute)
        yield DagsterEvent.engine_event(plan_context, f"Executing steps in process (pid: {os.getpid()})", steps)
        context_manager = PlanExecutionContextManager(
            job=plan_context.job,
            retry_mode=plan_context.retry_mode,
            execution_plan=plan_context.execution_plan,
            run_config=plan_context.run_config,
            dagster_run=plan_context.dagster_run,
            instance=plan_context.instance,
            raise_on_error=plan_context.raise_on_error,
            output_capture=plan_context.output_capture,
            step_dependency_config=self.step_dependency_config,
        )
        with owned(plan_context.instance, plan_context.run_id):
            yield from ExecuteRunWithPlanIterable(
                execution_plan=plan_context.execution_plan,
                iterator=_steps,
                execution_context_manager=context_manager,
            )


@dg.executor(name="patient_in_process", config_schema={})
def patient_executor(_context: dg.InitExecutorContext) -> PatientExecutor:
    """All steps in one process; see the module."""
    return PatientExecutor(retries=RetryMode.ENABLED)


def _steps(job_context: PlanExecutionContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
    with PatientPools(job_context.instance, job_context.dagster_run) as pools:
        for event in inner_plan_execution_iterator(job_context, execution_plan, pools):
            yield event
            if event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY and is_interruption(
                event.step_retry_data.error
            ):
                # Dagster counts a signal as a failure of a step with a retry policy, and the run would go on.
                raise DagsterExecutionInterruptedError


def is_interruption(error: Any) -> bool:
    """Whether the recorded error of a step, or one that caused it, is a signal to the process."""
    while error is not None:
        if error.cls_name in ("DagsterExecutionInterruptedError", "KeyboardInterrupt"):
            return True
        error = error.cause or error.context
    return False
