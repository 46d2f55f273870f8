"""The explanation of one recorded decision: `loopline explain`.

Belongs here: opening log and bundles for one explanation. Does not belong here: the explanation
(`assets.serving.earlier`), its form on a terminal (`pipelines.cli.render.explanation`).
"""

from typing import Any

from assets.serving.earlier.explainer import Explainer
from resources.environments import Environment
from resources.keys import Keys
from resources.rollout_store.store import RolloutStore


def explain_decision(environment: Environment, decision_id: str) -> dict[str, Any]:
    """The record of a decision, its reasons, contributions and recourse; the decision service need not run.

    Raises:
        NoDecision: The id is malformed, or no decision was recorded under it.
        CannotReplay: The record does not hold what its bundle needs.
        BundleError, RolloutError: The bundle that decided is missing or was altered.
    """
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    explainer = Explainer(environment.decision_log, rollout, Keys.of(environment.home).signing, dict)
    return explainer.explain(decision_id)
