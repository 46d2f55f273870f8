"""Feeds written as files: a CSV for each day, a JSON array for each day, or one file of JSON lines.

Belongs here: the layout of these files. Does not belong here: generating the rows, the text of a row
(`rows_text.py`), the database (`database.py`).
"""

import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from resources.sandbox.systems.delivery import day_slices
from resources.sandbox.systems.origin import Origin, appearing_folder, marker_text
from resources.sandbox.systems.rows_text import csv_bytes, json_rows
from resources.sandbox.world.feeds import Feed
from resources.sandbox.world.incidents import Incident

Progress = Callable[[str], None]


def quiet(message: str) -> None:
    """A progress callback that ignores its messages."""


def write_csv_days(folder: Path, feed: Feed, origin: Origin, incidents: Sequence[Incident]) -> None:
    """`{day}.csv`, always with a header, for every day of the origin; a day in an outage has no file."""
    with appearing_folder(folder, origin) as staging:
        for part in day_slices(feed, incidents, first=origin.first_day, last=origin.last_day):
            if not part.absent:
                (staging / f"{part.day}.csv").write_bytes(csv_bytes(part.rows, part.names))


def write_json_days(folder: Path, feed: Feed, origin: Origin, incidents: Sequence[Incident]) -> None:
    """`{day}.json`, a JSON array, for every day of the origin; a day in an outage has no file."""
    with appearing_folder(folder, origin) as staging:
        for part in day_slices(feed, incidents, first=origin.first_day, last=origin.last_day):
            if not part.absent:
                rows = json_rows(part.rows.rename_columns(list(part.names))).to_pylist()
                (staging / f"{part.day}.json").write_text("[" + ",\n".join(rows) + "]\n", encoding="utf-8")


def write_json_lines(path: Path, feed: Feed, origin: Origin, incidents: Sequence[Incident]) -> None:
    """One file with a JSON object on each line, in the order of arrival, and its marker beside it.

    The marker is written first and the file appears whole: a marker without a file is a fill that did not finish.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stream_marker(path).write_text(marker_text(origin), encoding="utf-8")
    staging = path.with_name(f".{path.name}.filling")
    with staging.open("wb") as out:
        for first, last, names in _spans(feed, incidents, origin):
            rows = json_rows(feed.table.slice(first, last - first).rename_columns(list(names)))
            out.write(_lines(rows))
    os.replace(staging, path)


def stream_marker(path: Path) -> Path:
    """The marker file of a stream's file."""
    return path.with_name(f".{path.stem}.origin.json")


def _spans(feed: Feed, incidents: Sequence[Incident], origin: Origin) -> list[tuple[int, int, tuple[str, ...]]]:
    """Runs of rows with the same delivered column names: first row, row after the last, names."""
    spans: list[tuple[int, int, tuple[str, ...]]] = []
    start = 0
    for part in day_slices(feed, incidents, first=origin.first_day, last=origin.last_day):
        end = start + part.rows.num_rows
        if spans and spans[-1][2] == part.names:
            spans[-1] = (spans[-1][0], end, part.names)
        else:
            spans.append((start, end, part.names))
        start = end
    return spans


def _lines(rows: pa.StringArray) -> bytes:
    """The strings, each followed by a line break."""
    return b"".join(text + b"\n" for text in rows.cast(pa.binary()).to_pylist())


def days_touched(known: np.ndarray) -> tuple[date, date]:
    """The first and the last UTC day of ascending moments (microseconds).

    Raises:
        IndexError: There are no moments.
    """
    first, last = known[[0, -1]].astype("datetime64[us]").astype("datetime64[D]").tolist()
    return first, last
