"""Rows that were posted to the decision service: the lines that arrived on a day.

Belongs here: reading them. Does not belong here: writing them (`assets.serving.log.posted_log`), the meaning of a line.

A UTC day has a folder with a file of JSON lines of each process of the service. A line that is not whole was never
acknowledged: it is left out.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from resources.durable_files import whole_lines
from resources.sources.readers import Closing, DayRows, SourceUnavailable, json_object, message_text, objects_table

_DIGEST = "digest"


class PostedReader(Closing):
    """Days of the rows of one source."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name, self._folder = name, folder

    def read(self, days: Sequence[date]) -> Iterator[DayRows]:
        """The rows of days, in the order of the files and lines; none of a day on which nothing was posted.

        Raises:
            SourceUnavailable: A file cannot be read.
        """
        for day in days:
            lines = self._lines(day)
            texts = [message_text(line) for line in lines]
            items = [json_object(text) for text in texts]
            malformed = tuple(text for text, item in zip(texts, items, strict=True) if item is None)
            origin = {"lines": len(lines), _DIGEST: _digest(lines)}
            yield DayRows(day, objects_table([item for item in items if item is not None]), malformed, origin)

    def changed(self, recorded: Mapping[date, Mapping[str, Any]]) -> frozenset[date]:
        """See `Reader.changed`."""
        return frozenset(day for day, origin in recorded.items() if origin.get(_DIGEST) != _digest(self._lines(day)))

    def _lines(self, day: date) -> list[bytes]:
        try:
            files = sorted((self._folder / day.isoformat()).glob("*.jsonl"))
            return [line for file in files for line in whole_lines(file.read_bytes())[0]]
        except OSError as error:
            raise SourceUnavailable(f"source {self._name}, day {day}: {error}; repair the volume") from error


def _digest(lines: Sequence[bytes]) -> str:
    return hashlib.sha256(b"\n".join(lines)).hexdigest()
