"""Processes beside the benchmarks: the peers, and the memory of a process.

Belongs here: the interpreter of the peers, commands to a peer, peak memory. Does not belong here: comparisons.
"""

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

PEERS = str(Path(sys.prefix) / "peers" / "bin" / "python")
"""The Python of the environment that `make bench` makes from requirements-peers.lock."""


class Peer:
    """A program of this folder that answers each JSON object on a line of its standard input with another.

    Args:
        python: The interpreter that runs the program.
        program: The program's file.
        arguments: The arguments of the program.
    """

    def __init__(self, python: str, program: str, *arguments: str) -> None:
        command = [python, str(Path(__file__).with_name(program)), *arguments]
        self._name = program
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process = psutil.Process(self._process.pid)

    def ask(self, command: str, **given: Any) -> dict[str, Any]:
        """Sends one command; returns its answer.

        Raises:
            RuntimeError: The process has ended; the cause is on standard error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({command: given}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(
                f"{self._name} ended with status {self._process.wait()} at '{command}'; see its standard error"
            )
        return json.loads(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the process: closes its standard input, and kills it if it does not end."""
        try:
            self._process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


class PeakMemory:
    """The largest total resident memory of a process and its descendants, sampled ten times a second.

    Args:
        root: The process; by default this one.
        alone: Leave out the child processes, and sample a hundred times a second.
    """

    def __init__(self, root: psutil.Process | None = None, *, alone: bool = False) -> None:
        self.bytes = 0
        self._root, self._alone = root or psutil.Process(), alone
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        over = False
        while not over:
            over = self._over.wait(0.01 if self._alone else 0.1)
            sizes = []
            for process in (self._root, *(() if self._alone else self._root.children(recursive=True))):
                try:
                    sizes.append(process.memory_info().rss)
                except psutil.NoSuchProcess:  # it ended during the sampling
                    continue
            self.bytes = max(self.bytes, sum(sizes))
