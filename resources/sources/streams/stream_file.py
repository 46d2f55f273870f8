"""A stream in a file: the lines that arrived on a day, or in an hour.

Belongs here: finding the lines of days, and the days for which lines came later. Does not belong here: which arrivals
are believed (`arrivals.py`), the meaning of lines, a broker (`kafka.py`).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from resources.slots import Hour, Slot, first_of, named
from resources.sources.readers import (
    Closing,
    DayRows,
    SourceBroken,
    SourceUnavailable,
    json_object,
    message_text,
    objects_table,
)
from resources.sources.streams.arrivals import READ_TO, believed_slot, is_ahead
from resources.sources.streams.line_spans import LineSpans, Span, lines_of
from resources.sources.streams.tails import arrival_of, moment_of


class StreamFileReader(Closing):
    """A file of JSON lines.

    A line belongs to the UTC day of its arrival, also if it states another time zone; the follower of the file
    (`tails.py`) does the same. A line without a believable arrival belongs to the day of the line before it, and at the
    start of the file to the first day, so that every line belongs to a day. All this holds for hours too.

    Args:
        first_day: No message arrived before this day.
        known: What readers of the same stream have found before, by the kind of slot.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        topic: str,
        arrival_field: str,
        first_day: date = date.min,
        known: Mapping[type[Slot], LineSpans] | None = None,
    ) -> None:
        self._name, self._path, self._arrival = name, folder / f"{topic}.jsonl", arrival_field
        self._known = known or new_spans()
        self._first_day, self._name_in_json = first_day, json.dumps(arrival_field).encode()
        self._stated = re.compile(re.escape(self._name_in_json) + rb'\s*:\s*"([^"\\]*)"')

    def read(self, days: Sequence[Slot]) -> Iterator[DayRows]:
        """The lines of consecutive days, or hours, in the order of the file.

        Raises:
            SourceUnavailable: The file does not exist, or ends within a line of these days.
            SourceBroken: The file has lines, but none has a readable arrival.
        """
        if not self._path.is_file():
            raise SourceUnavailable(
                f"source {self._name}, {named(days[0])}: no stream file {self._path}; start its producer, then run "
                f"again"
            )
        size = self._path.stat().st_size
        found: dict[Slot, list[bytes]] = {day: [] for day in days}
        spans = self._spans(size, days[0])
        last, line = None, b""
        with self._path.open("rb") as stream:
            for span in spans:
                if span.slot is not None and span.slot in found:
                    found[span.slot] += lines_of(stream, span.start, span.end)
            if spans:
                last, (line,) = spans[-1].slot, lines_of(stream, spans[-1].last, spans[-1].end)
        if size and last is None:
            raise SourceBroken(
                f"source {self._name}, {named(days[0])}: no line of {self._path} is a JSON object with a day in "
                f"'{self._arrival}'; ask the owner of the stream"
            )
        for day in days:
            if day == last:
                self._check_whole(day, line)
            yield self._parse(day, found[day], size)

    def changed(self, recorded: Mapping[Slot, Mapping[str, Any]]) -> frozenset[Slot]:
        """Those of the days for which lines came after they were read.

        Args:
            recorded: The origin of each day, as `read` gave it.
        """
        if not recorded or not self._path.is_file():
            return frozenset()
        size = self._path.stat().st_size
        read_to = {day: int(origin.get(READ_TO, size)) for day, origin in recorded.items()}
        if size <= min(read_to.values()):
            return frozenset()
        spans = self._spans(size, min(read_to))
        dated = [(span.slot, span.last) for span in spans if span.slot is not None]
        return frozenset(day for day, last in dated if day in read_to and last >= read_to[day])

    def _spans(self, size: int, like: Slot) -> Sequence[Span]:
        """Where the lines of each day or, as `like` is one, of each hour stand in the first bytes of the file."""
        now, first = datetime.now(UTC), first_of(self._first_day, like)

        def slot_of(line: bytes) -> tuple[Slot | None, bool]:
            arrived = self._arrived(line)
            return believed_slot(arrived, first, now), is_ahead(arrived, now)

        return self._known[type(first)].up_to(self._path, size, slot_of)

    def _arrived(self, line: bytes) -> datetime | None:
        """The arrival of a line. Of a flat object it is found without reading all of the line."""
        stated = self._stated.findall(line)
        if len(stated) == 1 and line.count(b"{") == line.count(self._name_in_json) == 1 and b"\\" not in line:
            return moment_of(message_text(stated[0]))
        return arrival_of(_text(line), self._arrival)

    def _check_whole(self, day: Slot, line: bytes) -> None:
        """Refuses the end of the file while its last line is being written; an object that is whole needs no break."""
        if not line.endswith(b"\n") and line and json_object(_text(line)) is None:
            raise SourceUnavailable(
                f"source {self._name}, {named(day)}: {self._path} ends within a line ({len(line)} bytes without a line "
                f"break): it is still being written, or its writer stopped; the day waits: run it again later"
            )

    def _parse(self, day: Slot, lines: Sequence[bytes], size: int) -> DayRows:
        items: list[dict[str, Any]] = []
        malformed: list[str] = []
        for line in lines:
            text = _text(line)
            item = json_object(text)
            if item is None:
                malformed.append(text)
            else:
                items.append(item)
        return DayRows(day, objects_table(items), tuple(malformed), {"lines": len(lines), READ_TO: size})


def new_spans() -> Mapping[type[Slot], LineSpans]:
    """For the readers of one stream, which know nothing yet."""
    return {date: LineSpans(), Hour: LineSpans()}


def _text(line: bytes) -> str:
    """A line without its line break; see `message_text`."""
    return message_text(line.rstrip(b"\r\n"))
