"""Snapshots as revisions, over real tables and files: what is new or changed, once, and what is told as changed."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from resources.naming import days_between
from resources.sources.databases.days import DatabaseRows
from resources.sources.databases.reader import DatabaseReader
from resources.sources.files.form import FileForm
from resources.sources.files.places import Folder
from resources.sources.files.reader import FilesReader
from resources.sources.readers import DayRows, Reader, SourceBroken
from resources.sources.snapshots import SnapshotReader

START = date(2026, 3, 1)
DAYS = days_between(START, START + timedelta(days=4))
# The fourth day has no snapshot. On the second b changes, on the third c comes and a goes, on the fifth a is back.
STATES: list[dict[str, str | None]] = [
    {"a": "1", "b": "1", "e": None}, {"a": "1", "b": "2", "e": None}, {"b": "2", "c": "1", "e": ""}, {},
    {"a": "1", "b": "2", "c": "1", "e": ""},
]  # fmt: skip
REVISIONS = [["a1", "b1", "eNone"], ["b2"], ["c1", "e"], [], ["a1"]]


def of_database(folder: Path) -> Reader:
    url = f"sqlite:///{folder}/bank.db"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE clients (id TEXT, grade TEXT, taken_at TEXT)"))
        for day, state in zip(DAYS, STATES, strict=True):
            for name, grade in state.items():
                row = {"i": name, "g": grade, "t": f"{day}T03:00:00Z"}
                connection.execute(sa.text("INSERT INTO clients VALUES (:i, :g, :t)"), row)
    engine.dispose()
    return DatabaseReader(url, DatabaseRows("clients", "clients", "taken_at", first_day=START))


def of_files(folder: Path) -> Reader:
    for day, state in zip(DAYS, STATES, strict=True):
        if state:
            lines = [json.dumps({"id": n, "grade": g, "taken_at": f"{day}T03:00:00Z"}) for n, g in state.items()]
            (folder / f"{day}.jsonl").write_text("\n".join(lines) + "\n")
    return FilesReader(FileForm("clients", "{day}.jsonl", optional=True, first_day=START), Folder(str(folder)))


def revisions(read: Any) -> list[list[str]]:
    return [sorted(f"{row['id']}{row['grade']}" for row in day.rows.to_pylist()) for day in read]


@pytest.mark.parametrize("made", [of_database, of_files])
def test_a_day_has_what_is_new_or_changed_since_the_snapshot_before(made: Any, tmp_path: Path) -> None:
    reader = SnapshotReader(made(tmp_path), first_day=START, times=["taken_at"])
    together: list[DayRows] = list(reader.read(DAYS))
    assert revisions(together) == REVISIONS
    assert [day.origin["gone"] for day in together] == [0, 1, 2, 0, 0]
    alone = [next(iter(reader.read([day]))) for day in DAYS]
    assert revisions(alone) == REVISIONS, "a day by itself is compared with the last snapshot there was"
    assert [day.origin["digest"] for day in alone] == [day.origin["digest"] for day in together]


def test_a_snapshot_that_was_delivered_again_changes_its_day_and_the_next(tmp_path: Path) -> None:
    reader = SnapshotReader(of_files(tmp_path), first_day=START, times=["taken_at"])
    recorded = {day.day: json.loads(json.dumps(day.origin)) for day in reader.read(DAYS)}
    assert reader.changed(recorded) == frozenset()
    text = (tmp_path / f"{DAYS[2]}.jsonl").read_text()
    (tmp_path / f"{DAYS[2]}.jsonl").write_text(text.replace('"2"', '"3"'))
    assert reader.changed(recorded) == {DAYS[2], DAYS[4]}
    assert revisions(reader.read(DAYS))[2:] == [["b3", "c1", "e"], [], ["a1", "b2"]]


def test_a_snapshot_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    of_files(tmp_path)
    strict = FilesReader(FileForm("clients", "{day}.jsonl", first_day=START), Folder(str(tmp_path)))
    with pytest.raises(SourceBroken, match="day 2026-03-04: no file"):
        list(SnapshotReader(strict, first_day=START, times=["taken_at"]).read([DAYS[4]]))
