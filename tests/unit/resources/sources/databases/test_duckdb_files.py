"""Tables and queries of DuckDB files: each row on one day, values as DuckDB prints them, a file that stays as it is."""

import subprocess
import sys
import traceback
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from resources.naming import days_between
from resources.sources.databases.days import DatabaseRows
from resources.sources.databases.duckdb_files import DuckDBReader
from resources.sources.readers import SourceBroken, SourceUnavailable

START = date(2026, 1, 1)
DAYS = days_between(START, date(2026, 1, 5))
TEXTS = {
    "a": ("2026-01-02T00:00:00Z", 1), "b": ("2026-01-02 23:59:59.999999", 1), "c": ("2026-01-03T01:00:00+02:00", 1),
    "d": ("2026-01-02", 1), "e": ("20260103T100000Z", 2), "f": (" 2026-01-04T00:00:00Z", 3),
    "g": ("2026-01-02T25:00:00", 1), "h": (None, 0), "i": ("", 0), "j": ("03.01.2026", 0), "k": ("2026-02-30", 0),
    "l": ("0001-01-01T00:00:00Z", 0), "m": ("9999-12-31", 0), "n": ("1767312000", 0), "o": ("1970-01-01", 0),
    "p": ("2026-01-04T23:30:00-01:00", 4),
}  # fmt: skip
"""For each row its time, and the position of the day on which it is delivered."""
TIMES = {
    "a": ("2026-01-02 00:00:00", 1), "b": ("2026-01-02 23:59:59.999999", 1), "c": ("2026-01-03 00:00:00", 2),
    "d": ("2026-01-05 23:30:00", 4), "e": ("infinity", 0), "f": ("-infinity", 0),
    "h": (None, 0), "i": ("0001-01-01 00:00:00", 0), "j": ("9999-12-31 00:00:00", 0),
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.duckdb"


def run(file: Path, *statements: str) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("SET TimeZone = 'Pacific/Auckland'")
        for statement in statements:
            connection.execute(statement)


def filled(file: Path, kind: str, times: dict[str, tuple[str | None, int]]) -> None:
    rows = [(name, f"'{at}'" if at else "NULL") for name, (at, _) in times.items()]
    values = ", ".join(f"('{name}', {at})" for name, at in rows)
    run(file, f'CREATE TABLE "My Orders" ("id" VARCHAR, "day" {kind})', f'INSERT INTO "My Orders" VALUES {values}')


def reader(
    file: Path, table: str = "My Orders", column: str = "day", *, query: str = "", zone: str = "UTC"
) -> DuckDBReader:
    wanted = DatabaseRows("t", "" if query else table, column, query=query, zone=zone, first_day=START)
    return DuckDBReader(f"duckdb:///{file}", wanted)


def read(source: DuckDBReader) -> list[list[str]]:
    """The ids of each day; every day by itself has those that it has in the range."""
    found = [day.rows["id"].to_pylist() for day in source.read(DAYS)]
    assert [next(iter(source.read([day]))).rows["id"].to_pylist() for day in DAYS] == found
    return [sorted(names) for names in found]


def expected(texts: dict[str, tuple[str | None, int]]) -> list[list[str]]:
    return [[name for name, (_, place) in texts.items() if place == day] for day in range(len(DAYS))]


def test_a_time_of_any_writing_is_delivered_on_one_day(file: Path) -> None:
    filled(file, "VARCHAR", TEXTS)
    assert read(reader(file)) == expected(TEXTS)
    assert read(reader(file, query='SELECT * FROM "My Orders";')) == expected(TEXTS)


@pytest.mark.parametrize(("kind", "suffix"), [("TIMESTAMP", ""), ("TIMESTAMPTZ", "+00"), ("DATE", "")])
def test_a_time_is_of_its_utc_day(file: Path, kind: str, suffix: str) -> None:
    """Wherever the session of the machine is."""
    filled(file, kind, {
        name: (at if at is None or "inf" in at else at + suffix, day) for name, (at, day) in TIMES.items()
    })  # fmt: skip
    assert read(reader(file)) == expected(TIMES)


def test_a_time_without_a_zone_is_read_in_the_declared_one(file: Path) -> None:
    filled(file, "TIMESTAMP", {"a": ("2026-01-02 00:30:00", 0), "b": ("2026-01-02 12:00:00", 1)})
    assert read(reader(file, zone="Europe/Berlin")) == [["a"], ["b"], [], [], []]


def test_what_is_known_later_is_on_a_later_day(file: Path) -> None:
    filled(file, "TIMESTAMP", {"a": ("2026-01-01 12:00:00", 2), "b": ("1970-01-01 00:00:00", 0)})
    wanted = DatabaseRows("t", "My Orders", "day", first_day=START, known_after=timedelta(days=1, hours=13))
    found = list(DuckDBReader(f"duckdb:///{file}", wanted).read(DAYS))
    assert [day.rows["id"].to_pylist() for day in found] == [["b"], [], ["a"], [], []]
    assert found[2].rows["known_at"].to_pylist() == ["2026-01-03T01:00:00.000000Z"]


def test_values_are_as_duckdb_prints_them(file: Path) -> None:
    """Arrow has no number as large as a HUGEINT, and no time that is infinite."""
    run(
        file, "SET TimeZone = 'Pacific/Auckland'",
        """CREATE TABLE t (h HUGEINT, d DECIMAL(18, 4), u UBIGINT, f DOUBLE, b BOOLEAN, day TIMESTAMPTZ,
           ns TIMESTAMP_NS, blob BLOB, l INTEGER[], s STRUCT(a INTEGER, b VARCHAR), e ENUM ('x'), i INTERVAL)""",
        """INSERT INTO t VALUES (170141183460469231731687303715884105727, 1.5, 18446744073709551615, 0.1, true,
           '2026-01-02 01:00:00+02', '2026-01-02 03:04:05.123456789', '\\xAA'::BLOB, [1, 2], {'a': 1, 'b': 'x'}, 'x',
           INTERVAL 1 DAY)""",
    )  # fmt: skip
    assert next(reader(file, "t").read(DAYS[:1])).rows.to_pylist() == [{
        "h": "170141183460469231731687303715884105727", "d": "1.5000", "u": "18446744073709551615", "f": "0.1",
        "b": "true", "day": "2026-01-01 23:00:00+00", "ns": "2026-01-02 03:04:05.123456789", "blob": "\\xAA",
        "l": "[1,2]", "s": '{"a":1,"b":"x"}', "e": "x", "i": "1 day",
    }]  # fmt: skip


def test_schemas_views_and_empty_tables_are_read(file: Path) -> None:
    run(
        file, "CREATE SCHEMA other", "CREATE TABLE other.t (id VARCHAR, day DATE)",
        "CREATE VIEW v AS SELECT * FROM other.t",
    )  # fmt: skip
    assert read(reader(file, "v")) == [[], [], [], [], []]
    assert reader(file, "v").sample(5).num_rows == 0
    run(file, "INSERT INTO other.t VALUES ('a', NULL)")
    assert read(reader(file, "other.t")) == read(reader(file, "v")) == [["a"], [], [], [], []]


def test_rows_that_come_late_make_their_day_stale(file: Path) -> None:
    filled(file, "TIMESTAMP", {"a": ("2026-01-02 10:00:00", 1)})
    recorded = {day.day: day.origin for day in reader(file).read(DAYS)}
    assert reader(file).changed(recorded) == frozenset()
    run(file, "INSERT INTO \"My Orders\" VALUES ('b', '2026-01-05 10:00:00'), ('c', NULL)")
    assert reader(file).changed(recorded) == {START, DAYS[-1]}


def test_a_sample_has_the_first_and_the_last_rows(file: Path) -> None:
    run(file, "CREATE TABLE t AS SELECT range AS id FROM range(9)")
    assert reader(file, "t").sample(4)["id"].to_pylist() == ["0", "1", "7", "8"]
    assert reader(file, "t").sample(9).num_rows == 9


def test_what_cannot_be_read_is_said_in_a_sentence(file: Path) -> None:
    with pytest.raises(SourceUnavailable, match="source t, day 2026-01-01: the database cannot be opened .*not exist"):
        read(reader(file))
    assert not file.exists(), "no database is made by a reader"
    filled(file, "VARCHAR", {"John Smith": ("2026-01-02", 1)})
    run(file, 'CREATE VIEW cast_fails AS SELECT CAST(id AS INTEGER) AS id, day FROM "My Orders"')
    with pytest.raises(SourceBroken, match="table 'none' cannot be read .*does not exist.*; check table="):
        read(reader(file, "none"))
    with pytest.raises(SourceBroken, match="table 'My Orders' has no column 'at'"):
        read(reader(file, column="at"))
    with pytest.raises(SourceBroken, match="holds a value .*.ConversionException; its text is withheld") as told:
        read(reader(file, "cast_fails"))
    assert "Smith" not in "".join(traceback.format_exception(told.value))
    notes = file.with_name("notes.duckdb")
    notes.write_text("these are notes, and no database at all " * 500)
    with pytest.raises(SourceBroken, match="not a valid DuckDB database file"):
        read(reader(notes))


def test_a_file_that_another_process_writes_is_read_later(file: Path) -> None:
    filled(file, "DATE", {"a": ("2026-01-02", 1)})
    code = f"import duckdb, sys; c = duckdb.connect({str(file)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(SourceUnavailable, match="run it again when the file is there and nobody writes to it"):
            read(reader(file))
        writer.communicate(b"")
    before = file.read_bytes()
    assert read(reader(file)) == [[], ["a"], [], [], []]
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert file.read_bytes() == before
