"""Commands of `loopline` that die at a named boundary of their writes.

Belongs here: asking for a command, to one of the boundaries or to its end, and what it did. Does not belong here: the
process of a command and its boundaries (`command_forks.py`), moments by the clock (`killing.py`), what must hold after
a kill (the tests).
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

from resources.environments import CHECKOUT
from tests.integration.demo_home import Answer

Place = Literal["before", "within", "after"]

_WITHIN_SECONDS = 0.004
"""A write of a few rows takes about as long."""


@dataclass(frozen=True)
class Boundary:
    """A place in the writes of a command.

    Attributes:
        number: How many writes of the same kind came before it.
    """

    place: Place
    write: str
    number: int

    def __str__(self) -> str:
        return f"{self.place} {self.write} {self.number}"


@dataclass(frozen=True)
class Attempt:
    """A command under way.

    Attributes:
        folder: Where its output goes.
    """

    folder: Path

    def ended(self, seconds: float = 600.0) -> Answer:
        """What it did; a status below 0 is the signal that ended it.

        Raises:
            AssertionError: It has not ended within the seconds.
        """
        deadline = time.monotonic() + seconds
        while not self._read("status"):
            assert time.monotonic() < deadline, f"it did not end in {seconds:.0f} s: {self._read('err')}"
            time.sleep(0.02)
        status, out = int(self._read("status")), self._read("out")
        return Answer(status, json.loads(out) if out and status >= 0 else {}, self._read("err"))

    def boundaries(self) -> list[Boundary]:
        """The boundaries that it passed, in their order."""
        return [Boundary(*one) for one in json.loads(self._read("passed"))]

    def _read(self, name: str) -> str:
        file = self.folder / name
        return file.read_text(encoding="utf-8") if file.exists() else ""


class Commands:
    """Commands of one home, forked from a process that has loaded the libraries."""

    def __init__(self, process: subprocess.Popen[str], variables: dict[str, str]) -> None:
        self._process, self._variables = process, variables

    @classmethod
    @contextmanager
    def of(cls, variables: dict[str, str]) -> Iterator["Commands"]:
        """Within the block commands can be begun; of Loopline their environment says `variables` alone."""
        server = [sys.executable, "-m", "tests.support.processes.command_forks"]
        with subprocess.Popen(server, cwd=CHECKOUT, stdin=subprocess.PIPE, text=True) as process:
            yield cls(process, variables)

    def begin(self, arguments: Sequence[str], folder: Path, kill: Boundary | None = None, seed: str = "") -> Attempt:
        """Begins a command.

        Args:
            folder: For its output; made if it is not there.
            kill: Where it dies; `None` for nowhere.
            seed: For the moment within a write.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("status", "out", "err", "passed"):
            (folder / name).unlink(missing_ok=True)
        asked = {
            "arguments": [*arguments],
            "variables": self._variables,
            "folder": str(folder),
            "kill": None if kill is None else astuple(kill),
            "delay": random.Random(f"{seed} {kill}").uniform(1e-5, _WITHIN_SECONDS),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(asked)}\n")
        self._process.stdin.flush()
        return Attempt(folder)
