"""A stream in a file: the lines that arrived on a day.

Belongs here: finding the lines of a day and reading exactly these. Does not belong here: the meaning of lines, a broker
(`kafka.py`).
"""

import io
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Self

from resources.sources.readers import (
    DayRows,
    SourceBroken,
    SourceUnavailable,
    json_object,
    message_text,
    objects_table,
)
from resources.sources.tails import arrival_of


class StreamFileReader:
    """A file of JSON lines in the order of their arrival.

    The lines of a day are found by bisection, so that reading a day does not read the days before it. Days are UTC
    days, also for lines that state another time zone; the follower of the file (`tails.py`) does the same.

    A line without a readable arrival belongs to the day of the line before it, and at the start of the file to the
    first day, so that every line belongs to a day.
    """

    def __init__(self, name: str, folder: Path, topic: str, arrival_field: str) -> None:
        self._name, self._path, self._arrival = name, folder / f"{topic}.jsonl", arrival_field

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        """The lines of consecutive days, in the order of the file.

        Raises:
            SourceUnavailable: The file does not exist, or ends within a line of these days.
            SourceBroken: The file has lines, but none has a readable arrival.
        """
        if not self._path.is_file():
            raise SourceUnavailable(
                f"source {self._name}, day {days[0]}: no stream file {self._path}; start its producer, then run again"
            )
        with self._path.open("rb") as stream:
            size = self._path.stat().st_size
            if size and self._next_arrival(stream, 0) is None:
                raise SourceBroken(
                    f"source {self._name}, day {days[0]}: no line of {self._path} is a JSON object with a day in "
                    f"'{self._arrival}'; ask the owner of the stream"
                )
            start = self._offset(stream, size, days[0])
            for day in days:
                end = self._offset(stream, size, day + timedelta(days=1))
                stream.seek(start)
                content = stream.read(end - start)
                if end == size:
                    self._check_whole(day, content)
                yield self._parse(day, content, start, end)
                start = end

    def _offset(self, stream: BinaryIO, size: int, day: date) -> int:
        """Byte offset of the first line that arrived on this day or later; the end of the file without such a line."""
        low, high = 0, size
        while low < high:
            middle = (low + high) // 2
            found = self._next_arrival(stream, _to_line_start(stream, middle))
            if found is None or found[1] >= day:
                high = middle
            else:
                low = found[0] + 1
        start = _to_line_start(stream, low)
        if start == 0:
            return 0
        following = self._next_arrival(stream, start)
        return size if following is None else following[0]

    def _next_arrival(self, stream: BinaryIO, offset: int) -> tuple[int, date] | None:
        """Start and day of the first line with a readable arrival, from an offset on at which a line starts."""
        stream.seek(offset)
        for line in stream:
            arrived = arrival_of(_text(line), self._arrival)
            if arrived is not None:
                return offset, arrived.date()
            offset += len(line)
        return None

    def _check_whole(self, day: date, content: bytes) -> None:
        """Refuses the end of the file while its last line is being written; an object that is whole needs no break."""
        last = content.rpartition(b"\n")[2]
        if last and json_object(_text(last)) is None:
            raise SourceUnavailable(
                f"source {self._name}, day {day}: {self._path} ends within a line ({len(last)} bytes without a line "
                f"break): it is still being written, or its writer stopped; the day waits: run it again later"
            )

    def _parse(self, day: date, content: bytes, start: int, end: int) -> DayRows:
        items: list[dict[str, Any]] = []
        malformed: list[str] = []
        for line in io.BytesIO(content):
            text = _text(line)
            item = json_object(text)
            if item is None:
                malformed.append(text)
            else:
                items.append(item)
        return DayRows(day, objects_table(items), tuple(malformed), {"start_offset": start, "end_offset": end})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None


def _to_line_start(stream: BinaryIO, offset: int) -> int:
    """Seeks the first line that starts at the offset or after it; returns its start."""
    stream.seek(max(offset - 1, 0))
    if offset:
        stream.readline()
    return int(stream.tell())


def _text(line: bytes) -> str:
    """A line without its line break; see `message_text`."""
    return message_text(line.rstrip(b"\r\n"))
