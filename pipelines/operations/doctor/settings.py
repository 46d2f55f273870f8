"""Checks of what the environment names: keys, storage, records, products, servers.

Belongs here: a function for each check, which returns a finding and changes nothing. Does not belong here: the
machine (`machine.py`), processes (`running.py`).
"""

from collections.abc import Mapping
from pathlib import Path

from assets.governance.audit_database import audit_of
from assets.governance.audit_entries import AuditLogDamaged, AuditLogError
from pipelines.operations.doctor.finding import Finding
from pipelines.products import product_names
from pipelines.workspace import listed_products
from resources.alerts.policy import AlertError
from resources.alerts.targets import targets_of
from resources.dependencies import dependencies_of, problems_of
from resources.environments import Environment
from resources.errors import listed
from resources.keys import MissingKey, signing_key

_KEYS = ("signing", "tokenisation")
_DAGSTER_STORAGE = tuple(
    f"LOOPLINE_DAGSTER_{part}" for part in ("DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD", "LOGS_BUCKET")
)


def keys(variables: Mapping[str, str], home: Path, names: tuple[str, ...] = _KEYS) -> tuple[Finding, ...]:
    """Whether the secret keys exist. The local environment creates them on first use; this check does not."""
    return tuple(_key(name, variables, home) for name in names)


def dagster_storage(environment: Environment, variables: Mapping[str, str]) -> tuple[Finding, ...]:
    """Whether the variables that `infra/dagster/prod.yaml` reads are set; the local environment needs none."""
    if environment.name == "local":
        return ()
    unset = [name for name in _DAGSTER_STORAGE if not variables.get(name)]
    if not unset:
        return (Finding("dagster storage", True, "PostgreSQL and S3"),)
    return (Finding("dagster storage", False, f"not set: {', '.join(unset)}", "set them for every Dagster process"),)


def records(environment: Environment) -> tuple[Finding, ...]:
    """Whether the audit log outlives the container, and can be read; in the local environment it is a folder."""
    if environment.name == "local":
        return ()
    if environment.records and "://" not in environment.records:
        detail = f"the folder {environment.records}, which is lost with its container"
        return (Finding("audit log", False, detail, "set LOOPLINE_RECORDS to postgresql+psycopg2://…"),)
    try:
        entries = audit_of(environment).verify()
    except (AuditLogError, AuditLogDamaged) as error:
        return (Finding("audit log", False, str(error), "set LOOPLINE_RECORDS, or compare the log with its backup"),)
    return (Finding("audit log", True, f"{entries} entries, the chain is whole"),)


def alerts(environment: Environment, variables: Mapping[str, str]) -> Finding:
    """Whether LOOPLINE_ALERTS can be read and every secret that it refers to is set; nothing is sent."""
    try:
        found = targets_of(environment, variables)
    except AlertError as error:
        return Finding("alerts", False, str(error), "correct LOOPLINE_ALERTS")
    return Finding("alerts", True, f"told to {listed([target.name for target in found])}")


def products() -> Finding:
    """Whether each product of the workspace has its folder; a folder that the workspace leaves out is named."""
    names, served = product_names(), listed_products()
    gone = [name for name in served if name not in names]
    if gone:
        return Finding("products", False, f"no folder of {listed(gone)}", "delete the lines of workspace.yaml")
    left_out = [name for name in names if name not in served]
    note = f"; not in workspace.yaml, so no service runs them: {listed(left_out)}" if left_out else ""
    return Finding("products", True, (listed(served) or "none yet; `loopline new` writes one") + note)


def sandbox(environment: Environment) -> Finding:
    """Whether the sandbox bank is filled. It always passes: the bank is filled on first use."""
    if not environment.sandbox:
        return Finding("sandbox", True, f"not part of the environment {environment.name}")
    if environment.bank.is_dir():
        return Finding("sandbox", True, f"the bank is in {environment.bank}")
    return Finding("sandbox", True, "not filled yet; a run of a product with sandbox=True fills it")


def servers(environment: Environment, variables: Mapping[str, str]) -> tuple[Finding, ...]:
    """Whether each server that the environment names answers; the local environment names none by itself."""
    found = dependencies_of(environment, variables)
    problems = problems_of(found)
    return tuple(
        Finding(one.name, False, problems[one], one.remedy) if one in problems else Finding(one.name, True, one.place)
        for one in found
    )


def _key(name: str, variables: Mapping[str, str], home: Path) -> Finding:
    label, variable = f"{name} key", f"LOOPLINE_{name.upper()}_KEY"
    file = home / "keys" / f"{name}.key"
    if not variables.get(variable) and not file.exists() and variables.get("LOOPLINE_ENV", "local") == "local":
        return Finding(label, True, f"created on first use, in {file}")
    try:
        signing_key(variables, home, name)
    except MissingKey as error:
        return Finding(label, False, str(error), f"set {variable}, or fix the file that the message names")
    return Finding(label, True, variable if variables.get(variable) else str(file))
