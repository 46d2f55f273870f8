"""The versions that wait for an approver, for `loopline status`.

Belongs here: the question over several products. Does not belong here: the version of one product
(`pipelines.operations.rollout`), answering it (`approve.py`).
"""

from collections.abc import Mapping, Sequence

from pipelines.operations.loop.run_job import dagster_instance
from pipelines.operations.rollout import unanswered, waiting_version
from resources.dependencies import require
from resources.environments import Environment


def waiting_versions(environment: Environment, names: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """By product the version that waits for an approver and has no answer yet; a product without one is left out.

    Args:
        names: The products that are asked for.

    Raises:
        DependencyDown: MLflow or Dagster's storage does not answer.
        TrackingError: The registry does not have the version.
    """
    require(environment, "MLflow", "Dagster's storage")
    with dagster_instance(environment) as instance:
        waiting = {name: waiting_version(instance, name) for name in names}
    return {
        name: found for name, found in waiting.items() if found is not None and unanswered(name, environment, found)
    }
