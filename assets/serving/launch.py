"""How the decision service is started as a process of its own.

Belongs here: the command and the variables it needs. Does not belong here: starting it and looking after it
(`pipelines.services.lifecycle`), containers (`infra/`).
"""

import sys
from collections.abc import Mapping

from resources.environments import CHECKOUT, Environment

SERVICE = "assets.serving.service:DecisionService"


def serve_command(*, host: str, port: int) -> tuple[str, ...]:
    """The command that serves; it may be started from any folder."""
    return (
        sys.executable, "-m", "bentoml", "serve", SERVICE,
        "--working-dir", str(CHECKOUT), "--host", host, "--port", str(port),
    )  # fmt: skip


def serve_variables(environment: Environment, variables: Mapping[str, str]) -> dict[str, str]:
    """The process's environment variables: the given ones, and BentoML kept in this checkout's folder.

    BentoML empties a folder below BENTOML_HOME when it starts, so two services must not share one.
    """
    return {**variables, "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(environment.home / "bentoml")}
