"""The tutorial, word for word, in a copy of the checkout: from a file to a live decision, nothing edited by hand."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.environments import CHECKOUT
from tests.support.servers.ports import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OWN = ("docs", "assets", "infra", "pipelines", "resources", "pyproject.toml", "requirements.lock", "workspace.yaml")


def commands() -> list[str]:
    """What a reader types, in order."""
    text = (CHECKOUT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    lines = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    return [line.removeprefix("$ ") for line in lines]


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A copy of the checkout; its services are stopped afterwards."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in _OWN:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, copy / name)  # with what is compiled: a dozen processes would do so again
        else:
            shutil.copy2(source, copy / name, follow_symlinks=False)
    yield copy
    run("loopline down", copy)


def run(command: str, checkout: Path) -> str:
    """The output of a command that must succeed, as a reader of the copy sees it."""
    variables = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(checkout),
        "LOOPLINE_HOME": str(checkout.parent / "home"),
        "LOOPLINE_PORT_BASE": (checkout.parent / "port").read_text(),
        "LOOPLINE_CODE_VERSION": "a-copy",
    }
    done = subprocess.run(
        command, shell=True, cwd=checkout, env=variables, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


def test_every_command_of_the_tutorial_works_and_the_last_decision_is_live(checkout: Path) -> None:
    (checkout.parent / "port").write_text(str(free_ports(5)))
    before = {path for path in checkout.rglob("*") if path.is_file()}
    typed = commands()
    assert len(typed) == 9
    said = {command: run(command, checkout) for command in typed}
    assert "failed" not in said["loopline check shop"]
    assert "Champion: version 1" in said["loopline run shop"]
    (asked,) = [text for command, text in said.items() if command.startswith("loopline decide shop")]
    assert re.search(r"Decision \S+: (accept|refuse), score 0\.\d+", asked)
    written = {path for path in checkout.rglob("*") if path.is_file() and "__pycache__" not in path.parts} - before
    assert {path.relative_to(checkout).parts[0] for path in written} <= {"data", "pipelines"}
    assert (checkout / "infra" / "dagster" / "workspace.yaml").read_text().count("pipelines.shop.definitions") == 1
