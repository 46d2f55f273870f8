"""A stream as a tailed file: the lines that arrived on a day.

Belongs here: finding a day's lines and reading exactly them. Does not belong here: what the lines mean, a broker
(`kafka.py`).
"""

import io
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Self

from resources.sources.readers import DayRows, SourceBroken, SourceUnavailable, json_object, objects_table
from resources.sources.tails import arrival_of


class StreamFileReader:
    """A file of JSON lines, appended to in the order of arrival; a day's lines are found by bisection, as Kafka's are
    by `offsets_for_times`, so that a day costs what it holds and not what stands before it.

    Days are of UTC, whatever zone a line writes its arrival in; so does who follows the file (`tails.py`).

    A line that does not tell its day (no JSON object, or without a readable arrival) belongs to the day of the line
    before it, and at the file's start to the first day. So no line is lost between two days.
    """

    def __init__(self, name: str, folder: Path, topic: str, arrival_field: str) -> None:
        self._name, self._path, self._arrival = name, folder / f"{topic}.jsonl", arrival_field

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        """The lines of consecutive days, in the order of the file.

        Raises:
            SourceUnavailable: There is no file.
            SourceBroken: The file has lines, and none tells its day.
        """
        if not self._path.is_file():
            raise SourceUnavailable(
                f"source {self._name}, day {days[0]}: no stream file {self._path}; start what writes it, then run again"
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
                yield self._parse(day, stream.read(end - start), start, end)
                start = end

    def _offset(self, stream: BinaryIO, size: int, day: date) -> int:
        """Byte offset of the first line that tells this day or a later one; the file's end when none does."""
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
        """Where the first line begins, from the line start given on, that tells its day, and that day."""
        stream.seek(offset)
        for line in stream:
            arrived = arrival_of(_text(line), self._arrival)
            if arrived is not None:
                return offset, arrived.date()
            offset += len(line)
        return None

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
    """Moves to the first line that starts at the offset or after it."""
    stream.seek(max(offset - 1, 0))
    if offset:
        stream.readline()
    return int(stream.tell())


def _text(line: bytes) -> str:
    """A line without its end; bytes that are no text become the sign for that."""
    return line.rstrip(b"\r\n").decode("utf-8", errors="replace")
