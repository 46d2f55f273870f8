"""Iceberg tables of others: each row on one day, what changed since, and refusals; against a catalog in SQLite."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import EqualTo
from pyiceberg.table import Table
from pyiceberg.types import DoubleType

from resources.naming import days_between
from resources.sources.lake_tables.iceberg import IcebergFormat
from resources.sources.lake_tables.reader import LakeTableReader
from resources.sources.lake_tables.rows import LakeRows
from resources.sources.readers import DayRows, SourceBroken, SourceUnavailable
from tests.support.servers.http_server import QuietHandler, serving
from tests.support.servers.ports import free_port

START = date(2026, 3, 1)
DAYS = days_between(START, START + timedelta(days=4))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EACH = [["-1", "0"], ["1"], ["2"], [], ["4"]]


def rows(numbers: Sequence[int], *, amount: float = 1.5) -> pa.Table:
    """Row n is of noon of the n-th day; one without a time for each negative number."""
    at = [NOON + timedelta(days=n) if n >= 0 else None for n in numbers]
    return pa.table({
        "id": pa.array(numbers, pa.int64()),
        "amount": pa.array([amount] * len(numbers)),
        "at": pa.array(at, pa.timestamp("us", "UTC")),
        "naive": pa.array([a and a.replace(tzinfo=None) for a in at], pa.timestamp("us")),
        "text": pa.array([a and a.isoformat() for a in at], pa.string()),
        "day": pa.array([a and a.date() for a in at], pa.date32()),
    })  # fmt: skip


class Theirs:
    """A catalog of others with the table `sales.orders`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = SqlCatalog("bank", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")
        self.catalog.create_namespace("sales")
        self.address = f"iceberg+sqlite:///{folder}/catalog.db?catalog=bank"

    def table(self, parts: Sequence[Sequence[int]], *, partitioned: bool = False) -> Table:
        table = self.catalog.create_table("sales.orders", schema=rows([0]).schema)
        if partitioned:
            with table.update_spec() as update:
                update.add_identity("day")
        for numbers in parts:
            table.append(rows(numbers))
        return table

    def reader(self, table: str = "sales.orders", **terms: Any) -> LakeTableReader:
        return reader(self.address, table, **terms)


def reader(address: str, table: str, *, secret: str | None = None, **terms: Any) -> LakeTableReader:
    place = IcebergFormat(address, table, secret=secret, variable="LOOPLINE_CONNECTION_THEIRS_TOKEN")
    return LakeTableReader(place, LakeRows("f", first_day=START, **terms))


def ids(found: Sequence[DayRows]) -> list[list[str]]:
    return [day.rows["id"].to_pylist() for day in found]


@pytest.fixture
def theirs(tmp_path: Path) -> Theirs:
    return Theirs(tmp_path)


@pytest.mark.parametrize("column", ["at", "naive", "text", "day"])
def test_each_row_is_on_one_day_however_the_table_is_cut(theirs: Theirs, column: str) -> None:
    table = theirs.table([[0, 4], [2, -1], [1]], partitioned=column in ("at", "day"))
    together = list(theirs.reader(day_column=column).read(DAYS))
    alone = [next(theirs.reader(day_column=column).read([day])) for day in DAYS]
    assert [sorted(found) for found in ids(together)] == EACH
    assert [day.rows for day in together] == [day.rows for day in alone]
    assert {day.origin["version"] for day in together} == {table.current_snapshot().snapshot_id}
    table.overwrite(rows([0, 4, 2, -1, 1]))  # as one file
    assert [day.rows for day in theirs.reader(day_column=column).read(DAYS)] == [day.rows for day in alone]


def test_values_are_text_without_loss(theirs: Theirs) -> None:
    theirs.table([[1]])
    found = list(theirs.reader(day_column="at").read(DAYS[:2]))
    assert found[1].rows.to_pylist() == [{
        "id": "1", "amount": "1.5", "at": "2026-03-02T12:00:00.000000Z", "naive": "2026-03-02T12:00:00.000000Z",
        "text": "2026-03-02T12:00:00+00:00", "day": "2026-03-02",
    }]  # fmt: skip
    assert found[1].origin["table"] == f"sales.orders of sqlite:///{theirs.folder}/catalog.db"


def test_files_of_other_days_are_not_opened(theirs: Theirs) -> None:
    """They are gone here: only a reader that knows by the manifests that it needs none of them does not miss them."""
    table = theirs.table([[0], [4]])
    for task in table.scan(row_filter="id = 4").plan_files():
        Path(task.file.file_path.removeprefix("file://")).unlink()
    assert ids(list(theirs.reader(day_column="at").read(DAYS[:2]))) == [["0"], []]
    with pytest.raises(SourceBroken, match="source f, day 2026-03-05: sales.orders of .* lacks a file .*pin a newer"):
        list(theirs.reader(day_column="at").read(DAYS[4:]))


def test_days_whose_rows_changed_are_named_and_a_pinned_snapshot_changes_nothing(theirs: Theirs) -> None:
    table = theirs.table([[0, 1], [2]])
    before = table.current_snapshot().snapshot_id
    origins = {day.day: day.origin for day in theirs.reader(day_column="at").read(DAYS)}
    assert theirs.reader(day_column="at").changed(origins) == frozenset()
    table.append(rows([2], amount=9.0))
    table.delete(EqualTo("id", 1))
    read_late = json.loads(json.dumps({day.isoformat(): origin for day, origin in origins.items()}))
    recorded = {date.fromisoformat(day): origin for day, origin in read_late.items()}
    assert theirs.reader(day_column="at").changed(recorded) == {DAYS[1], DAYS[2]}
    pinned = theirs.reader(day_column="at", version=before)
    assert pinned.changed(recorded) == frozenset()
    assert ids(list(pinned.read(DAYS))) == [["0"], ["1"], ["2"], [], []]


def test_a_schema_that_moves_on_is_the_newest_in_every_file(theirs: Theirs) -> None:
    """A column that was renamed or added is one column of all files; a pinned snapshot has the names of its time."""
    table = theirs.table([[0]])
    before = table.current_snapshot().snapshot_id
    with table.update_schema() as update:
        update.rename_column("at", "ordered_at").add_column("fee", DoubleType()).delete_column("text")
    table.append(rows([1]).rename_columns(["id", "amount", "ordered_at", "naive", "fee", "day"]).set_column(
        4, "fee", pa.array([0.5])
    ))  # fmt: skip
    found = list(theirs.reader(day_column="ordered_at").read(DAYS[:2]))
    assert [day.rows["fee"].to_pylist() for day in found] == [[None], ["0.5"]]
    assert found[0].rows.column_names == ["id", "amount", "ordered_at", "naive", "day", "fee"]
    assert ids(list(theirs.reader(day_column="at", version=before).read(DAYS[:1]))) == [["0"]]


def test_an_empty_table_has_days_without_rows(theirs: Theirs) -> None:
    theirs.table([])
    found = list(theirs.reader(day_column="at").read(DAYS[:2]))
    assert ids(found) == [[], []]
    assert theirs.reader(day_column="at").sample(10).num_rows == 0
    assert theirs.reader(day_column="at").changed({day.day: day.origin for day in found}) == frozenset()


def test_a_table_without_a_catalog_is_read_from_its_metadata(theirs: Theirs) -> None:
    table = theirs.table([[0, 1]])
    metadata = Path(table.metadata_location.removeprefix("file://"))
    assert ids(list(reader(f"iceberg+file://{metadata}", "", day_column="at").read(DAYS[:2]))) == [["0"], ["1"]]
    (metadata.parent / "version-hint.text").write_text(metadata.name.removesuffix(".metadata.json"))
    below = reader(f"iceberg+file://{theirs.folder}/warehouse", "sales/orders", day_column="at")
    assert ids(list(below.read(DAYS[:2]))) == [["0"], ["1"]]
    with pytest.raises(SourceBroken, match="lacks a file .*name a file of metadata that is there, or a folder with"):
        list(reader(f"iceberg+file://{theirs.folder}", "none").read(DAYS))


def test_a_sample_has_the_first_and_the_last_rows(theirs: Theirs) -> None:
    theirs.table([[4], [0, 1], [3, 2]])
    assert theirs.reader().sample(2)["id"].to_pylist() == ["0", "4"]
    assert sorted(theirs.reader().sample(5)["id"].to_pylist()) == ["0", "1", "2", "3", "4"]


def test_what_cannot_be_read_is_said_in_a_sentence(theirs: Theirs, tmp_path: Path) -> None:
    theirs.table([[0]])
    with pytest.raises(SourceBroken, match="day 2026-03-01: there is no Iceberg table sales.none of sqlite:.*catalog="):
        list(theirs.reader("sales.none").read(DAYS))
    with pytest.raises(SourceBroken, match="there is no Iceberg table sales.orders"):
        list(reader(theirs.address.partition("?")[0], "sales.orders").read(DAYS))
    with pytest.raises(SourceBroken, match="has no column 'known_at', which day_column names; it has id, amount"):
        list(theirs.reader().read(DAYS))
    with pytest.raises(SourceBroken, match="no snapshot 7, or no longer; [0-9]+ is the newest"):
        list(theirs.reader(day_column="at", version=7).read(DAYS))
    (tmp_path / "plain.db").touch()
    with pytest.raises(SourceBroken, match="the database of .* is no Iceberg catalog"):
        list(reader(f"iceberg+sqlite:///{tmp_path}/plain.db", "sales.orders").read(DAYS))
    with pytest.raises(SourceUnavailable, match="the catalog of .* does not answer .*unable to open database file"):
        list(reader(f"iceberg+sqlite:///{tmp_path}/none.db", "sales.orders").read(DAYS))
    assert not (tmp_path / "none.db").exists()


def test_a_catalog_that_is_down_is_told_without_its_secret(tmp_path: Path) -> None:
    for address in ("iceberg+http://u:hunter2@127.0.0.1:{}", "iceberg+postgresql+psycopg2://u:hunter2@127.0.0.1:{}/c"):
        with pytest.raises(
            SourceUnavailable, match="source f, day 2026-03-01: the catalog of sales.orders of "
        ) as told:
            list(reader(address.format(free_port()), "sales.orders", secret="hunter2").read(DAYS))
        assert "hunter2" not in str(told.value)


def test_a_rest_catalog_is_asked_with_the_secret_and_gives_the_table(theirs: Theirs) -> None:
    table = theirs.table([[0, 1]])

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            if self.headers["Authorization"] != "Bearer hunter2":
                self.answer(401, b'{"error": {"message": "hunter3?", "type": "NotAuthorizedException", "code": 401}}')
            elif self.path.partition("?")[0] == "/v1/config":
                self.answer(200, b'{"defaults": {}, "overrides": {}}')
            elif self.path.partition("?")[0] == "/v1/namespaces/sales/tables/orders":
                found: dict[str, Any] = {"metadata-location": table.metadata_location, "config": {}}
                self.answer(
                    200, json.dumps({**found, "metadata": json.loads(table.metadata.model_dump_json())}).encode()
                )
            else:
                self.answer(404, b'{"error": {"message": "gone", "type": "NoSuchTableException", "code": 404}}')

    with serving(Handler) as server:
        address = f"iceberg+http://127.0.0.1:{server.server_port}?warehouse=bank"
        found = list(reader(address, "sales.orders", secret="hunter2", day_column="at").read(DAYS[:2]))
        assert ids(found) == [["0"], ["1"]]
        with pytest.raises(SourceBroken, match="there is no Iceberg table sales.none of http://127.0.0.1"):
            list(reader(address, "sales.none", secret="hunter2").read(DAYS))
        with pytest.raises(SourceBroken, match="refuses .*; set LOOPLINE_CONNECTION_THEIRS_TOKEN to a token") as told:
            list(reader(address, "sales.orders", secret="hunter3").read(DAYS))
    assert "hunter3" not in str(told.value)
