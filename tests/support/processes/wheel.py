"""The wheel of this checkout, installed into an environment of its own, outside any checkout.

Belongs here: building the wheel, the two kinds of environment (everything of the runtime lock; or the packages of the
present environment, lent), running a command there. Does not belong here: tests.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

from resources.environments import CHECKOUT

_LENT = ("bentoml", "dagster", "dagster-daemon", "dagster-webserver", "mlflow")
_SHIPPED = ("assets", "infra", "pipelines", "resources")


@dataclass(frozen=True)
class Installed:
    """An environment in which the wheel is installed.

    Attributes:
        folder: The environment.
        work: An empty folder in which commands run: `/app` of the images.
        variables: What names the home and the ports to a command.
    """

    folder: Path
    work: Path
    variables: dict[str, str] = field(default_factory=dict)

    def environ(self, **more: str) -> dict[str, str]:
        """The variables of a command: none of the checkout's, none of the person's who runs the tests."""
        kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "TMPDIR", "JAVA_HOME")}
        path = os.pathsep.join([str(self.folder / "bin"), "/usr/local/bin", "/usr/bin", "/bin"])
        return {**kept, "PATH": path, **self.variables, **more}

    def run(self, *command: str, seconds: float = 900, **more: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of the environment in the empty folder."""
        return subprocess.run(
            [str(self.folder / "bin" / command[0]), *command[1:]], cwd=self.work, env=self.environ(**more),
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip


def build_wheel(folder: Path) -> Path:
    """Builds the wheel from a copy of the shipped files and returns its path."""
    source = folder / "source"
    for name in _SHIPPED:
        shutil.copytree(CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(CHECKOUT / name, source / name)
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = folder.glob("loopline-*.whl")
    return wheel


def install_lent(wheel: Path, folder: Path) -> None:
    """Installs the wheel alone; every other package is lent by the present environment."""
    _uv("venv", "--python", sys.executable, str(folder))
    _install(folder, "--no-deps", str(wheel))
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for name in _LENT:
        script = (Path(sys.executable).parent / name).read_text(encoding="utf-8")
        (folder / "bin" / name).write_text(re.sub(r"^#!.*", f"#!{folder}/bin/python", script), encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)


def install_locked(wheel: Path, folder: Path) -> None:
    """Installs the runtime lock and the wheel, as the images do: about 3 GB."""
    _uv("venv", "--python", sys.executable, str(folder))
    lock = CHECKOUT / "infra" / "requirements-runtime.lock"
    _install(folder, "--no-deps", "--require-hashes", "--compile-bytecode", "-r", str(lock))
    _install(folder, "--no-deps", "--compile-bytecode", str(wheel))
    _uv("pip", "check", "--python", str(folder / "bin" / "python"))


def image_commands() -> dict[str, list[str]]:
    """The command of each image of the Dockerfile, by the name of its target."""
    text = (CHECKOUT / "infra" / "docker" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)
    found = {}
    for stage in stages:
        command = re.search(r"^CMD (\[.*\])", stage, re.MULTILINE)
        if command:
            found[stage.split("\n")[0].split()[-1]] = json.loads(command.group(1))
    return found


def _install(folder: Path, *arguments: str) -> None:
    _uv("pip", "install", "--python", str(folder / "bin" / "python"), *arguments)


def _uv(*arguments: str) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "uv"), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
