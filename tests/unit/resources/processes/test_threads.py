"""Threads that wait for each other sleep: in a command, and in the processes that it starts."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from resources.environments import CHECKOUT

SHOWN = """
import ctypes, sys
sys.argv = ["loopline", "--help"]
from pipelines.cli import main
try:
    main()
except SystemExit:
    pass
ctypes.CDLL("{library}")
"""


def openmp() -> Path:
    """The library of OpenMP that XGBoost brings."""
    package = importlib.util.find_spec("xgboost")
    assert package is not None
    assert package.origin is not None
    (library,) = Path(package.origin).parents[1].glob("xgboost.libs/libgomp*")
    return library


@pytest.mark.parametrize(("given", "asleep"), [({}, True), ({"OMP_WAIT_POLICY": "active"}, False)])
def test_a_command_tells_openmp_to_wait_asleep_unless_the_user_chose(given: dict[str, str], asleep: bool) -> None:
    """The library itself says how often a thread looks before it sleeps: it reads its settings as it is loaded."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", SHOWN.format(library=openmp())],
        cwd=CHECKOUT, env=kept | given | {"OMP_DISPLAY_ENV": "verbose"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "GOMP_SPINCOUNT = '" in done.stderr
    assert ("GOMP_SPINCOUNT = '0'" in done.stderr) is asleep
