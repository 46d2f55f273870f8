"""Hours of files and of databases: each row in exactly one hour, alone and within a range, wherever its time stands."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from resources.slots import checked_slot
from resources.sources.databases.days import DatabaseRows
from resources.sources.databases.duckdb_files import DuckDBReader
from resources.sources.databases.reader import DatabaseReader
from resources.sources.files.form import BadFileForm, FileForm
from resources.sources.files.places import Folder
from resources.sources.files.reader import FilesReader
from resources.sources.readers import SourceBroken
from tests.support.data.hour_samples import HOURS, START, TIMES, expected, found


def files(folder: Path, pattern: str, **terms: Any) -> FilesReader:
    return FilesReader(FileForm("t", pattern, first_day=START, **terms), Folder(str(folder)))


def test_rows_of_one_file_are_divided_by_their_time(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("id,at\n" + "".join(f"{n},{at}\n" for n, at in enumerate(TIMES)))
    assert found(files(tmp_path, "all.csv", day_column="at"), HOURS) == expected()


def test_rows_of_a_file_of_a_day_are_divided_by_their_time(tmp_path: Path) -> None:
    """A row that its file's day does not have is in the first hour of that day, where validation quarantines it."""
    for day in (START, date(2026, 3, 29), date(2026, 3, 30)):
        texts = (str(day), "no time") if day == START else (str(day),)
        lines = [f"{n},{at}" for n, at in enumerate(TIMES) if at.startswith(texts)]
        (tmp_path / f"{day}.csv").write_text("\n".join(["id,at", *lines]) + "\n")
    given = found(files(tmp_path, "{day}.csv", day_column="at"), HOURS)
    assert given == {**expected(), "2026-03-28-23:00": [3], "2026-03-29-00:00": [4]}


@pytest.mark.parametrize("pattern", ["{day}T{hour}.csv", "{day}/{hour}.csv", "{day}/{hour}/*.csv"])
def test_a_file_of_an_hour_holds_the_rows_of_the_hour(tmp_path: Path, pattern: str) -> None:
    """Also a row of another hour: it came late, and its contract says whether it may."""
    hours = HOURS[22:27]
    for n, hour in enumerate(hours):
        file = tmp_path / pattern.format(day=f"{hour:%Y-%m-%d}", hour=f"{hour:%H}").replace("*", "part")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"id,at\n{n},2026-03-28T00:00:00Z\n")
    reader = files(tmp_path, pattern)
    assert found(reader, hours) == {str(hour): [n] for n, hour in enumerate(hours)}
    assert reader.missing(HOURS[26:28]) == (pattern.format(day="2026-03-29", hour="03"),)
    with pytest.raises(SourceBroken, match="source t, hour 2026-03-29-03:00: no file"):
        list(reader.read(HOURS[27:28]))
    origins = {part.day: part.origin for part in reader.read(hours)}
    assert reader.changed(origins) == frozenset()
    file.write_text("id,at\n17,2026-03-28T00:00:00Z\n")
    assert reader.changed(origins) == {hours[-1]}


def test_a_product_by_the_day_reads_all_files_of_its_hours(tmp_path: Path) -> None:
    for hour in HOURS[:24]:
        (tmp_path / f"{hour:%Y-%m-%dT%H}.csv").write_text(f"id,at\n{hour.hour},2026-03-28T00:00:00Z\n")
    (day,) = files(tmp_path, "{day}T{hour}.csv").read([START])
    assert day.rows["id"].to_pylist() == [str(n) for n in range(24)]


def test_what_becomes_known_later_is_of_a_later_hour(tmp_path: Path) -> None:
    for hour in HOURS[:24]:
        (tmp_path / f"{hour:%Y-%m-%dT%H}.csv").write_text(f"id,at\n{hour.hour},{hour.replace(minute=45).isoformat()}\n")
    reader = files(
        tmp_path, "{day}T{hour}.csv", day_column="at", known_after=timedelta(minutes=90), optional=True
    )  # fmt: skip
    known = found(reader, HOURS[:26])
    assert known == {str(hour): [n] for n, hour in enumerate(HOURS[2:26])}


@pytest.mark.parametrize(
    ("pattern", "terms", "said"),
    [
        ("{hour}.csv", {}, r"beside \{day\} also \{hour\}"),
        ("{month}-{hour}.csv", {}, r"beside \{day\} also \{hour\}"),
        ("{day}/{hour}.csv", {"zone": "Europe/Berlin"}, "is an hour of UTC, and zone is 'Europe/Berlin'"),
        ("{day}.csv", {"marker": "{day}/{hour}.done"}, "write the hour, day, week or month as in the pattern"),
    ],
)
def test_a_pattern_without_a_clear_hour_is_refused(pattern: str, terms: dict[str, Any], said: str) -> None:
    with pytest.raises(BadFileForm, match=said):
        FileForm("t", pattern, **terms)


def wanted() -> DatabaseRows:
    return DatabaseRows("t", "events", "at", first_day=START)


def test_rows_of_a_database_are_divided_by_their_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with sa.create_engine(url).begin() as connection:
        connection.execute(sa.text("CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT)"))
        for n, at in enumerate(TIMES):
            connection.execute(sa.text("INSERT INTO events VALUES (:n, :at)"), {"n": n, "at": at})
    reader = DatabaseReader(url, wanted())
    assert found(reader, HOURS) == expected()
    origins = {part.day: part.origin for part in reader.read(HOURS)}
    assert reader.changed(origins) == frozenset()
    with sa.create_engine(url).begin() as connection:  # committed late
        connection.execute(sa.text("INSERT INTO events VALUES (8, '2026-03-29T01:59:00Z')"))
    assert reader.changed(origins) == {checked_slot("2026-03-29-01:00")}


def test_rows_of_a_duckdb_file_are_divided_by_their_time(tmp_path: Path) -> None:
    file = tmp_path / "shop.duckdb"
    times = [(n, datetime.fromisoformat(at).astimezone(UTC)) for n, at in enumerate(TIMES[:-1])]
    with duckdb.connect(str(file)) as connection:
        connection.execute('CREATE TABLE events (id INTEGER, "at" TIMESTAMPTZ)')
        connection.executemany("INSERT INTO events VALUES (?, ?)", times)
    given = found(DuckDBReader(f"duckdb:///{file}", wanted()), HOURS)
    assert given == {**expected(), "2026-03-28-00:00": [0, 1]}
