"""The command that starts the decision service as a process of its own.

Belongs here: the command and its environment variables. Does not belong here: starting and watching the process
(`pipelines.services.lifecycle`), containers (`infra/`).
"""

import sys
from collections.abc import Mapping

from resources.environments import CHECKOUT, Environment

SERVICE = "assets.serving.service:DecisionService"


def serve_command(*, host: str, port: int) -> tuple[str, ...]:
    """The command of the decision service; it works from any working folder."""
    return (
        sys.executable, "-m", "bentoml", "serve", SERVICE,
        "--working-dir", str(CHECKOUT), "--host", host, "--port", str(port),
    )  # fmt: skip


def serve_variables(environment: Environment, variables: Mapping[str, str]) -> dict[str, str]:
    """The process's environment variables: the given ones, with BENTOML_HOME in this environment's home.

    BentoML empties a folder below BENTOML_HOME when it starts, so two services must not share one.
    """
    return {**variables, "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(environment.home / "bentoml")}
