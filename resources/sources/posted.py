"""Rows that were posted to the decision service: the lines that arrived on a day, or in an hour.

Belongs here: reading them. Does not belong here: writing them (`assets.serving.log.posted_log`), the meaning of a line.

A UTC day has a folder with a file of JSON lines of each process of the service. A line that is not whole was never
acknowledged: it is left out. Each line says when it arrived; a line that does not belongs to the first hour of its day.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from resources.durable_files import whole_lines
from resources.slots import Hour, Slot, day_of, first_hour, named
from resources.sources.readers import Closing, DayRows, SourceUnavailable, json_object, message_text, objects_table
from resources.sources.streams.tails import arrival_of

_DIGEST = "digest"


class PostedReader(Closing):
    """Days, or hours, of the rows of one source.

    Args:
        known_at: The column with the time at which the service took a row.
    """

    def __init__(self, name: str, folder: Path, known_at: str) -> None:
        self._name, self._folder, self._known_at = name, folder, known_at

    def read(self, days: Sequence[Slot]) -> Iterator[DayRows]:
        """The rows of days, or hours, in the order of the files and lines; none of one in which nothing was posted.

        Raises:
            SourceUnavailable: A file cannot be read.
        """
        for day, lines in self._lines(days):
            texts = [message_text(line) for line in lines]
            items = [json_object(text) for text in texts]
            malformed = tuple(text for text, item in zip(texts, items, strict=True) if item is None)
            origin = {"lines": len(lines), _DIGEST: _digest(lines)}
            yield DayRows(day, objects_table([item for item in items if item is not None]), malformed, origin)

    def changed(self, recorded: Mapping[Slot, Mapping[str, Any]]) -> frozenset[Slot]:
        """See `Reader.changed`."""
        now = self._lines(sorted(recorded))
        return frozenset(slot for slot, lines in now if recorded[slot].get(_DIGEST) != _digest(lines))

    def _lines(self, asked: Sequence[Slot]) -> Iterator[tuple[Slot, list[bytes]]]:
        """The lines of each of the days, or hours; the files of a day are read once for its hours."""
        for day, slots in groupby(asked, day_of):
            found: dict[Slot, list[bytes]] = {slot: [] for slot in slots}
            for line in self._lines_on(day, next(iter(found))):
                slot = self._hour_of(line, day) if day not in found else day
                if slot in found:
                    found[slot].append(line)
            yield from found.items()

    def _lines_on(self, day: date, asked: Slot) -> list[bytes]:
        try:
            files = sorted((self._folder / day.isoformat()).glob("*.jsonl"))
            return [line for file in files for line in whole_lines(file.read_bytes())[0]]
        except OSError as error:
            raise SourceUnavailable(f"source {self._name}, {named(asked)}: {error}; repair the volume") from error

    def _hour_of(self, line: bytes, day: date) -> Hour:
        arrived = arrival_of(message_text(line), self._known_at)
        return Hour.holding(arrived) if arrived is not None and day_of(arrived) == day else first_hour(day)


def _digest(lines: Sequence[bytes]) -> str:
    return hashlib.sha256(b"\n".join(lines)).hexdigest()
