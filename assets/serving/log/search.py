"""Searching the files of the decision log for lines, without reading a whole file into memory.

Belongs here: lines of one file that hold certain bytes. Does not belong here: which files there are, and decisions in
lines (`decision_log.py`), keys of repeated requests (`earlier/repeats.py`).

Files are read, not mapped: the process that writes one may cut it meanwhile, and a cut map ends the process.
"""

from collections.abc import Iterator
from pathlib import Path

_CHUNK = 2**20


def lines_with(path: Path, needle: bytes) -> Iterator[tuple[int, bytes]]:
    """The whole lines that hold the needle, each with its number, from the first on.

    Lines after the last line end are left out: they are incomplete, or space allocated in advance.
    """
    number, rest = 1, b""
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            held = rest + chunk
            end = held.rfind(b"\n") + 1
            if end:
                yield from _found(held[:end], needle, number)
                number += held.count(b"\n", 0, end)
            rest = held[end:]
            if not rest.strip(b"\0"):  # allocated space, of which there may be much
                rest = b""


def _found(lines: bytes, needle: bytes, number: int) -> Iterator[tuple[int, bytes]]:
    at, counted = lines.find(needle), 0
    while at >= 0:
        start = lines.rfind(b"\n", 0, at) + 1
        end = lines.find(b"\n", at)
        number += lines.count(b"\n", counted, start)
        counted = start
        yield number, lines[start:end]
        at = lines.find(needle, end)
