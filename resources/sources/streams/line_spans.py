"""Where the lines of each day stand in a growing file, found once for each line.

Belongs here: remembering which stretches of a file are of which day, or hour. Does not belong here: the day of a line,
its rows (`stream_file.py`), the meaning of lines.

A reader of one day would otherwise go through all that arrived since the file began. What was found holds for as long
as the file is the same one and only grows; one that was written anew is gone through anew. So is one with lines that
are ahead of this machine's clock: they may be believed tomorrow.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from resources.slots import Slot

SlotOf = Callable[[bytes], tuple[Slot | None, bool]]
"""The slot that a line states, `None` if none is believed, and whether that may be otherwise later."""


@dataclass(frozen=True)
class Span:
    """Consecutive lines of one slot.

    Attributes:
        slot: `None` if no line of the file states one.
        start, end: Bytes of the file.
        last: Where the last line begins.
    """

    slot: Slot | None
    start: int
    end: int
    last: int


class LineSpans:
    """The spans of a file; several threads may use them.

    A line that states no slot is of that of the line before it, and at the start of the file of the first one stated.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._file, self._spans, self._newest = (-1, -1), list[Span](), b""

    def up_to(self, path: Path, size: int, slot_of: SlotOf) -> Sequence[Span]:
        """The spans of the first bytes of the file, in its order; the end may lie within a line.

        Args:
            slot_of: The same at each call; asked of each line that was not there before.
        """
        with self._lock, path.open("rb") as stream:
            found = os.fstat(stream.fileno())
            file = found.st_dev, found.st_ino
            spans = [*self._spans] if file == self._file and self._holds(stream, size) else []
            self._file, self._spans, is_settled = file, [], True
            offset = spans[-1].end if spans else 0
            for line in lines_of(stream, offset, size):
                slot, may_change = slot_of(line)
                is_settled = is_settled and not may_change
                if is_settled and not line.endswith(b"\n"):  # the rest of the line may state another slot
                    self._spans, is_settled = [*spans], False
                _add(spans, slot, offset, offset + len(line))
                offset += len(line)
                self._newest = line if is_settled else self._newest
            if is_settled:
                self._spans = [*spans]
            return spans

    def _holds(self, stream: BinaryIO, size: int) -> bool:
        """Whether the newest line that is known stands where it stood."""
        if not self._spans or self._spans[-1].end > size:
            return False
        stream.seek(self._spans[-1].last)
        return stream.read(len(self._newest)) == self._newest


def lines_of(stream: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The lines from one byte of a file to before another, with their line breaks."""
    stream.seek(start)
    while start < end and (line := stream.readline(end - start)):
        start += len(line)
        yield line


def _add(spans: list[Span], slot: Slot | None, start: int, end: int) -> None:
    """Adds one line."""
    before = spans[-1] if spans else None
    if before is None:
        spans.append(Span(slot, start, end, start))
    elif slot is None or before.slot is None or slot == before.slot:
        spans[-1] = replace(before, slot=before.slot or slot, end=end, last=start)
    else:
        spans.append(Span(slot, start, end, start))
