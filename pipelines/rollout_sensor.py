"""The sensor of a product's rollout.

Belongs here: when the steward runs, and the alerts about a rollout. Does not belong here: the steward
(`assets.rollout.steward`), the rollback within seconds (`assets.serving.live.guard`), the other sensors (`sensors.py`).
"""

from collections.abc import Sequence

import dagster as dg

from assets.governance.audit import Audit
from assets.product import Product
from assets.product.names import OUTCOMES, table_name
from assets.rollout.keeper import unrecorded
from assets.rollout.outcomes.results import late_of
from assets.rollout.steward import Look, look
from pipelines.alerting.alerts import rollout_held
from pipelines.jobs import rollout_name
from pipelines.runs.requests import request_rollout
from resources.environments import Environment
from resources.lake import Lake
from resources.notifications import Notifier
from resources.rollout_store.manifest import Move, RolloutManifest
from resources.rollout_store.store import RolloutStore


def rollout_sensor(product: Product, environment: Environment) -> dg.SensorDefinition:
    """Moves the rollout on once the evidence for a step is there, and lets registry and audit log follow the guard.

    A run is requested once for each state and each verdict on it: a tick that is repeated, or made by two daemons, asks
    for the same run, and of two runs one moves the state. Each rollback and each pause is told by an alert.
    """

    @dg.sensor(
        name=f"{product.name}_rollout_sensor",
        job_name=rollout_name(product),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes the next step of a rollout once its evidence is there; records what the guard has done.",
    )
    def stewarding(
        context: dg.SensorEvaluationContext,
        rollout: dg.ResourceParam[RolloutStore],
        audit: dg.ResourceParam[Audit],
        lake: dg.ResourceParam[Lake],
        notifier: dg.ResourceParam[Notifier],
    ) -> dg.RunRequest | dg.SkipReason:
        now = environment.clock.now()
        late = late_of(lake, product, rollout.read_manifest(product.name))
        found = look(rollout, product.name, now, late=late)
        if found.state is None:
            return dg.SkipReason("no version was deployed yet")
        for move in _untold(found.state, context.cursor):
            notifier.send(rollout_held(product, move))
        context.update_cursor(str(found.state.generation))
        why = _why(found, unrecorded(audit, found.state), lake, product)
        if not why:
            return dg.SkipReason("; ".join(found.verdict.reasons))
        return request_rollout(
            context.instance, product, f"rollout:{found.state.generation}:{why}", once="outcomes" in why, moment=now
        )

    return stewarding


def _why(found: Look, unrecorded: Sequence[Move], lake: Lake, product: Product) -> str:
    """Why the steward is asked to look; empty where there is nothing to do."""
    if found.verdict.action != "hold":
        return found.verdict.action
    if unrecorded:
        return "record"
    outcomes = table_name(product.name, OUTCOMES)
    judged = found.state is not None and found.state.plan.get("strategy") in ("ab_test", "bandit")
    return f"outcomes-{lake.version(outcomes)}" if judged and lake.exists(outcomes) else ""


def _untold(state: RolloutManifest, cursor: str | None) -> list[Move]:
    """The rollbacks and pauses since the last tick; at the first tick, the present one."""
    since = int(cursor) if cursor else state.generation - 1
    return [move for move in state.moves if move.generation > since and move.action in ("pause", "roll_back")]
