"""Every check of this machine, each with the command that fixes the problem: `loopline doctor`.

Belongs here: which checks are made where. Does not belong here: the checks (`machine.py`, `settings.py`, `running.py`).
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pipelines.operations.doctor.finding import Finding
from pipelines.operations.doctor.machine import (
    bytecode,
    code,
    disk_space,
    java,
    packages,
    ports,
    python_version,
    writable,
)
from pipelines.operations.doctor.running import runs, services
from pipelines.operations.doctor.settings import alerts, dagster_storage, keys, products, records, sandbox, servers
from pipelines.operations.doctor.training import device
from resources.environments import CHECKOUT, Environment, is_checkout, part_of


def diagnose(environment: Environment, variables: Mapping[str, str] = os.environ) -> tuple[Finding, ...]:
    """Runs every check of this machine.

    Args:
        variables: Environment variables, from which keys and the paths of programs are read.
    """
    everywhere = (
        python_version(tuple(sys.version_info[:2])),
        packages(_lock().read_text(encoding="utf-8"), remedy=_install()),
        bytecode(),
        code(),
    )
    if part_of(variables) == "decisions":
        signing = keys(variables, environment.home, ("signing",))
        return (*everywhere, writable(environment.home), *signing, services(environment))
    return (
        *everywhere,
        java(variables, environment.home),
        disk_space(environment.home),
        writable(environment.home),
        *ports(environment),
        *keys(variables, environment.home),
        *dagster_storage(environment, variables),
        *records(environment),
        alerts(environment, variables),
        products(),
        device(),
        sandbox(environment),
        *servers(environment, variables),
        services(environment),
        runs(environment),
    )


def _lock() -> Path:
    """What must be installed: in a checkout everything, with what tests need; elsewhere what a deployment runs with."""
    return CHECKOUT / "requirements.lock" if is_checkout() else CHECKOUT / "infra" / "requirements-runtime.lock"


def _install() -> str:
    return "make setup" if is_checkout() else f"pip install --require-hashes --no-deps -r {_lock()}"
