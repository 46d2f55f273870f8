"""Tables and queries of MySQL, by its protocol: each row on one day, times of any zone, refusals without values."""

import json
import traceback
from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from pymysql.cursors import SSCursor

from assets.ingestion.landing import as_raw
from assets.product import Column, ColumnType, Contract
from assets.validation.audit import audit
from resources.environments import load_environment
from resources.naming import days_between
from resources.sources.databases.days import DatabaseRows
from resources.sources.readers import DayRows, SampledReader, SourceBroken, SourceUnavailable
from resources.sources.systems import SourceSystems
from tests.support.servers.mysql_server import NO_RIGHT, WRONG_VALUE, MySQL, mysql_server
from tests.support.servers.ports import free_port

START = date(2026, 1, 1)
DAYS = days_between(START, date(2026, 1, 3))
COLUMNS = {
    "id": "bigint unsigned NOT NULL PRIMARY KEY", "at": "datetime(6)", "seen": "timestamp NULL", "ok": "tinyint(1)",
    "price": "decimal(18,4)", "name": "varchar(40)",
}  # fmt: skip
ROWS = [
    ("18446744073709551615", "2026-01-02 00:00:00.000000", "2026-01-02 23:00:00", 1, "1.5000", "Zoë 🎉"),
    ("2", "0000-00-00 00:00:00.000000", "0000-00-00 00:00:00", 0, "-0.0001", ""),
    ("3", None, None, None, None, None),
    ("4", "2026-00-15 00:00:00.000000", "2026-01-01 00:00:00", 0, "0.0000", "month"),
    ("5", "2026-01-02 23:59:59.999999", "2026-01-03 00:00:00", 0, "99999999999999.9999", "'quoted\" %s :x"),
    ("6", "9999-12-31 00:00:00.000000", None, 0, None, "default date"),
    ("7", "2025-12-31 23:59:59.000000", None, 0, None, "before"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[MySQL]:
    with mysql_server() as server:
        server.fill("Order Lines", COLUMNS, ROWS)
        server.fill("orders_view", {**COLUMNS, "id": "bigint unsigned"}, ROWS, is_view=True)
        yield server


def reader(
    url: str, table: str = "Order Lines", column: str = "at", *, query: str = "", zone: str = "UTC"
) -> SampledReader:
    environment = load_environment({"LOOPLINE_HOME": "/nowhere", "LOOPLINE_CONNECTION_SHOP": url})
    wanted = DatabaseRows(
        "t", "" if query else table, column, query=query, zone=zone, times=("at", "seen"), first_day=START
    )
    return SourceSystems(environment).database(wanted, connection="shop")


def read(source: SampledReader) -> list[DayRows]:
    return list(source.read(DAYS))


def ids(found: list[DayRows]) -> list[list[str]]:
    return [sorted(day.rows["id"].to_pylist(), key=int) for day in found]


@pytest.mark.parametrize("table", ["Order Lines", "orders_view"])
def test_each_row_is_on_one_day_and_a_date_that_is_none_is_on_the_first(server: MySQL, table: str) -> None:
    """The server lets zero dates in, whole ones and in part: 2026-00-15 lies between two days, and is none."""
    source = reader(server.url, table)
    found = read(source)
    assert [next(iter(source.read([day]))).rows for day in DAYS] == [day.rows for day in found]
    assert ids(found) == [["2", "3", "4", "6"], ["5", "18446744073709551615"], []]
    rows = {row["id"]: row for day in found for row in day.rows.to_pylist()}
    assert rows["18446744073709551615"] == {
        "id": "18446744073709551615", "at": "2026-01-02 00:00:00.000000", "seen": "2026-01-02 23:00:00+00:00",
        "ok": "1", "price": "1.5000", "name": "Zoë 🎉",
    }  # fmt: skip
    assert (rows["2"]["at"], rows["4"]["at"]) == ("0000-00-00 00:00:00.000000", "2026-00-15 00:00:00.000000")
    assert (rows["5"]["price"], rows["5"]["name"]) == ("99999999999999.9999", "'quoted\" %s :x")
    assert rows["3"] == {**dict.fromkeys(COLUMNS), "id": "3"}


def test_dates_that_are_none_are_quarantined_with_a_reason(server: MySQL) -> None:
    kinds: dict[str, ColumnType] = {"at": "timestamp"}
    columns = tuple(Column(n, kinds.get(n, "string"), "", required=n in kinds) for n in COLUMNS)
    contract = Contract("t", "d", "o@bank.example", ("id",), "at", "at", columns, (), max_quarantined=1.0)
    day = read(reader(server.url))[0]
    found = audit(contract, as_raw(contract, day).table, [START])
    refused = {json.loads(row["row"])["id"]: (row["rule"], row["value"]) for row in found.quarantine.to_pylist()}
    assert refused == {
        "2": ("value_is_timestamp", "0000-00-00 00:00:00.000000"),
        "3": ("value_is_present", None),
        "4": ("value_is_timestamp", "2026-00-15 00:00:00.000000"),
        "6": ("time_is_no_default", "9999-12-31 00:00:00.000000"),
    }
    assert found.valid.num_rows == 0


def test_a_timestamp_is_a_moment_and_a_datetime_is_a_time_of_the_source(server: MySQL) -> None:
    """The session of the server is far from UTC, and the source's zone is another again."""
    for query in ("", "SELECT * FROM `Order Lines` WHERE name IS NULL OR name <> ':x%'"):
        by_moment = read(reader(server.url, column="seen", zone="Asia/Tokyo", query=query))
        assert ids(by_moment) == [["2", "3", "4", "6", "7"], ["18446744073709551615"], ["5"]]
        by_time = read(reader(server.url, zone="Asia/Tokyo", query=query))
        assert ids(by_time) == [["2", "3", "4", "6", "18446744073709551615"], ["5"], []]
        (first,) = [row for row in by_time[1].rows.to_pylist() if row["id"] == "5"]
        assert first["at"] == "2026-01-02T14:59:59.999999Z"


def test_types_that_its_driver_reads_otherwise_are_text_without_loss(server: MySQL) -> None:
    """A set has no order in Python, a TIME may exceed a day, and bytes are no text."""
    columns = {
        "id": "int NOT NULL PRIMARY KEY", "at": "date", "day": "int", "kinds": "set('a','b')", "took": "time",
        "flag": "bit(1)", "raw": "varbinary(4)", "doc": "json", "kind": "enum('x','y')",
    }  # fmt: skip
    server.fill("odd", columns, [(1, "2026-01-02", 7, "a,b", "26:00:00", 1, b"\xab\x01", '{"a": 1.50}', "x")])
    assert read(reader(server.url, "odd"))[1].rows.to_pylist() == [{
        "id": "1", "at": "2026-01-02", "day": "7", "kinds": "a,b", "took": "26:00:00", "flag": "1", "raw": "ab01",
        "doc": '{"a": 1.50}', "kind": "x",
    }]  # fmt: skip


def test_an_empty_table_has_days_without_rows(server: MySQL) -> None:
    server.fill("empty", COLUMNS, [])
    found = read(reader(server.url, "empty"))
    assert [(day.rows.num_rows, day.rows.column_names) for day in found] == [(0, list(COLUMNS))] * 3
    assert reader(server.url, "empty").sample(5).num_rows == 0


def test_a_sample_has_the_first_and_the_last_rows(server: MySQL) -> None:
    server.fill("many", {"id": "int NOT NULL PRIMARY KEY"}, [(n,) for n in range(9)])
    assert reader(server.url, "many").sample(4)["id"].to_pylist() == ["0", "1", "7", "8"]
    assert reader(server.url, "many").sample(9).num_rows == 9


def test_rows_that_come_late_make_their_day_stale(server: MySQL) -> None:
    server.fill("late", {"id": "int", "at": "datetime"}, [(1, "2026-01-02 10:00:00")])
    source = reader(server.url, "late")
    recorded = {day.day: day.origin for day in source.read(DAYS)}
    assert source.changed(recorded) == frozenset()
    server.rows.execute("INSERT INTO late VALUES (2, '2026-01-03 10:00:00'), (3, '0000-00-00 00:00:00')")
    assert source.changed(recorded) == {START, DAYS[2]}


def test_rows_are_fetched_a_part_at_a_time(server: MySQL) -> None:
    """Not by the driver's usual cursor, which takes all rows of a result into memory first."""
    server.fill("long", {"id": "int", "at": "date"}, [(n, "2026-01-02") for n in range(12_345)])
    cursors = []

    def seen(connection: sa.Connection, cursor: object, statement: str, *terms: object) -> None:
        if "FROM `long`" in statement:
            cursors.append(type(cursor))

    sa.event.listen(sa.Engine, "before_cursor_execute", seen)
    try:
        found = read(reader(server.url, "long"))
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", seen)
    assert sorted(map(int, found[1].rows["id"].to_pylist())) == list(range(12_345))
    assert set(cursors) == {SSCursor}


def test_a_refusal_is_told_by_its_kind(server: MySQL) -> None:
    """What a person must do is no outage, and what may quote a value is withheld."""
    with pytest.raises(SourceBroken, match="source t, day 2026-01-01: table 'none' does not exist"):
        read(reader(server.url, "none"))
    with pytest.raises(SourceBroken, match="table 'Order Lines' has no column 'gone'"):
        read(reader(server.url, column="gone"))
    with pytest.raises(SourceBroken, match="cannot be read .*Access denied") as told:
        read(reader(server.url.replace("a-secret", "b-secret")))
    assert "b-secret" not in str(told.value)
    server.fill("hidden", COLUMNS, [])
    server.refusals["hidden"] = NO_RIGHT, "SELECT command denied to user 'reader' for table 'hidden'"
    with pytest.raises(SourceBroken, match="SELECT command denied .*ask the owner of the database for the right"):
        read(reader(server.url, "hidden"))
    server.refusals["hidden"] = WRONG_VALUE, "Incorrect DATETIME value: 'John Smith'"
    with pytest.raises(SourceBroken, match="holds a value that cannot be read .*22007; its text is withheld") as told:
        read(reader(server.url, "hidden"))
    assert "Smith" not in "".join(traceback.format_exception(told.value))


def test_a_server_that_is_down_is_asked_again_later() -> None:
    url = f"mariadb://reader:a-secret@127.0.0.1:{free_port()}/shop"
    with pytest.raises(SourceUnavailable, match="source t, day 2026-01-01: the database does not answer") as told:
        read(reader(url))
    assert "a-secret" not in str(told.value)
