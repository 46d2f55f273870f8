"""A command of `loopline` within the test's process, which saves the start of another one.

Belongs here: the command line as `main()` runs it, with its exit status and output. Does not belong here: commands as
processes of their own (`tests.integration.demo_home.run_loopline`), which alone can be killed or run in parallel.
"""

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from types import ModuleType

import pytest

from pipelines.cli.app import main
from tests.integration.demo_home import Answer


def answer_of(arguments: Sequence[str], variables: dict[str, str]) -> Answer:
    """Runs the command; of Loopline its environment says `variables` alone."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err), fresh_definitions():
        for name in os.environ:
            if name.startswith("LOOPLINE_"):
                patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["loopline", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
    status = end.value.code
    assert isinstance(status, int)
    return Answer(status, json.loads(out.getvalue()) if out.getvalue() else {}, err.getvalue())


@contextmanager
def fresh_definitions() -> Iterator[None]:
    """The definitions of a product are made at their import, for the environment of that moment."""
    kept = _without_definitions()
    try:
        yield
    finally:
        _without_definitions()
        sys.modules.update(kept)


def _without_definitions() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.startswith("pipelines.") and name.endswith(".definitions")]
    return {name: sys.modules.pop(name) for name in names}
