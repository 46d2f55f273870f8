"""Retraining of several products, for `loopline status`: what was recorded last, and whether the last one helped.

Belongs here: the question over several products. Does not belong here: the verdicts (`assets.monitoring.retraining`), a
retraining by hand (`loop/retrain.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assets.monitoring.retraining.assets import champion_of
from assets.monitoring.retraining.helped import HelpAction, help_verdict
from assets.monitoring.retraining.table import RecordedDay, recorded_verdict
from assets.product import Verdict
from pipelines.operations.loop.run_job import dagster_instance
from pipelines.products import load_product
from pipelines.runs.retrainings import last_retraining
from resources.dependencies import require
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore


@dataclass(frozen=True)
class RetrainState:
    """Where the retraining of a product stands.

    Attributes:
        recorded: The verdict of the newest day; `None` where none is recorded.
        helped: Whether the last retraining helped; `None` where there was none.
    """

    recorded: RecordedDay | None
    helped: Verdict[HelpAction] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "verdict": None if self.recorded is None else self.recorded.to_dict(),
            "last": None if self.helped is None else self.helped.to_dict(),
        }


def retrain_states(environment: Environment, names: Sequence[str]) -> dict[str, RetrainState]:
    """By product where its retraining stands; a product of which nothing is recorded is left out.

    Raises:
        DependencyDown: The lake, the rollout store or Dagster's storage does not answer.
        LakeError: A table is damaged.
    """
    require(environment, "lake", "bundles", "Dagster's storage")
    lake, keys = Lake(environment.lake), Keys.of(environment.home)
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    found = {}
    with dagster_instance(environment) as instance:
        for name in names:
            product, state = load_product(name), rollout.read_manifest(name)
            champion = champion_of(product, rollout, keys)
            bundle = None if champion is None else champion.bundle
            last = last_retraining(instance, product, lake, state, bundle)
            recorded = recorded_verdict(product, lake)
            if last is not None or recorded is not None:
                found[name] = RetrainState(recorded, None if last is None else help_verdict(last))
    return found
