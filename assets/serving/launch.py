"""The command that starts the decision service as a process of its own.

Belongs here: the command and its environment variables, and running it in the place of this process. Does not belong
here: starting and watching the process (`pipelines.services.lifecycle`), containers (`infra/`).

    python -m assets.serving.launch --host 0.0.0.0 --port 4702
"""

import argparse
import os
import sys
from collections.abc import Mapping

from assets.serving.settings import certificate_of, keys_required, log_format_of, read_settings
from resources.environments import CHECKOUT, Environment, load_environment
from resources.errors import LooplineError

SERVICE = "assets.serving.service:DecisionService"


def serve_command(*, host: str, port: int, variables: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The command of the decision service; it works from any working folder.

    Args:
        variables: Environment variables; LOOPLINE_TLS_CERTIFICATE and LOOPLINE_TLS_KEY name its certificate, if any.

    Raises:
        BadSetting: A setting is wrong.
    """
    variables = os.environ if variables is None else variables
    certificate, key = certificate_of(variables)
    tls = ("--ssl-certfile", str(certificate), "--ssl-keyfile", str(key))
    return (
        sys.executable, "-m", "bentoml", "serve", SERVICE,
        "--working-dir", str(CHECKOUT), "--host", host, "--port", str(port),
        *(tls if certificate else ()),
    )  # fmt: skip


def serve_variables(environment: Environment, variables: Mapping[str, str]) -> dict[str, str]:
    """The process's environment variables: the given ones, with BENTOML_HOME in this environment's home.

    BentoML empties a folder below BENTOML_HOME when it starts, so two services must not share one.
    """
    return {**variables, "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(environment.home / "bentoml")}


def main() -> None:
    """The command: becomes the service, unless its settings are wrong or would leave it open to other machines."""
    parser = argparse.ArgumentParser(description="The decision service")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4702)
    given = parser.parse_args()
    try:
        environment = load_environment(part="decisions")
        log_format_of(os.environ)
        keys_required(read_settings(environment.name), environment.name, [given.host])
        command = serve_command(host=given.host, port=given.port)
    except LooplineError as error:
        sys.exit(f"the decision service does not start: {error}")
    os.execve(command[0], command, serve_variables(environment, os.environ))


if __name__ == "__main__":
    main()
