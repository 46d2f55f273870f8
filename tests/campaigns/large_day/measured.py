"""The memory and the processor time of a stage, by kind of process, sampled while it runs.

Belongs here: telling driver, executor and their Python processes apart. Does not belong here: the stages.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

import psutil

_SECONDS = 0.5


class Watched:
    """The largest resident memory of each kind of process, in MB, and its processor seconds, within a block.

    Args:
        roots: A process of each kind; of its descendants the Java ones are told apart from the others.
    """

    def __init__(self, roots: Mapping[str, psutil.Process]) -> None:
        self.peak_mb: dict[str, int] = {}
        self._worked: dict[tuple[str, int, float], float] = {}
        self._before: dict[tuple[str, int, float], float] = {}
        self._roots, self._over = dict(roots), threading.Event()
        self._thread = threading.Thread(target=self._watch)

    @property
    def processor_seconds(self) -> dict[str, int]:
        """Of each kind; what a process used after the last sample is missing."""
        sums: Counter[str] = Counter()
        for key, seconds in self._worked.items():
            sums[key[0]] += round(seconds - self._before.get(key, 0.0))
        return dict(sums)

    def add(self, kind: str, root: psutil.Process) -> None:
        """Watches the process of another kind from now on."""
        self._roots = {**self._roots, kind: root}

    def __enter__(self) -> Self:
        self._sample()
        self._before = dict(self._worked)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_SECONDS):
            self._sample()

    def _sample(self) -> None:
        sizes: Counter[str] = Counter()
        for kind, process in self._processes():
            try:
                name = f"{kind}, {'Java' if process.name() == 'java' else 'Python'}"
                sizes[name] += process.memory_info().rss
                used = process.cpu_times()
                self._worked[name, process.pid, process.create_time()] = used.user + used.system
            except psutil.NoSuchProcess:  # it ended during the sampling
                continue
        for name, size in sizes.items():
            self.peak_mb[name] = max(self.peak_mb.get(name, 0), size // 2**20)

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        for kind, root in self._roots.items():
            try:
                found = [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            yield from ((kind, process) for process in found)
