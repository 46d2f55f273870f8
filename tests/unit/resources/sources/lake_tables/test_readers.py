"""Delta tables of others: each row on one day, what changed since, and the change feed; against real tables."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from assets.product import LakeTable
from assets.product.policies.model import ProductError
from resources.naming import days_between
from resources.slots import Slot, checked_slot, hours_of
from resources.sources.lake_tables.changes import LakeChangesReader
from resources.sources.lake_tables.delta import DeltaFormat
from resources.sources.lake_tables.reader import LakeTableReader
from resources.sources.lake_tables.rows import LakeRows
from resources.sources.readers import DayRows, SourceBroken

START = date(2026, 3, 1)
DAYS = days_between(START, START + timedelta(days=4))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def rows(numbers: Sequence[int], *, amount: float = 1.5) -> pa.Table:
    """Row n is of noon of the n-th day; one without a time for each negative number."""
    at = [NOON + timedelta(days=n) if n >= 0 else None for n in numbers]
    return pa.table({
        "id": pa.array(numbers, pa.int64()),
        "amount": pa.array([amount] * len(numbers)),
        "at": pa.array(at, pa.timestamp("us", "UTC")),
        "naive": pa.array([a and a.replace(tzinfo=None) for a in at], pa.timestamp("us")),
        "text": pa.array([a and a.isoformat() for a in at], pa.string()),
        "day": pa.array([(START + timedelta(days=max(n, 0))) for n in numbers]),
    })  # fmt: skip


def reader(folder: Path, **terms: Any) -> LakeTableReader:
    return LakeTableReader(DeltaFormat(str(folder)), LakeRows("f", first_day=START, **terms))


def ids(found: Sequence[DayRows]) -> list[list[str]]:
    return [day.rows["id"].to_pylist() for day in found]


EACH = [["-1", "0"], ["1"], ["2"], [], ["4"]]


@pytest.mark.parametrize("column", ["at", "naive", "text"])
@pytest.mark.parametrize("partitioned", [False, True])
def test_each_row_is_on_one_day_however_the_table_is_cut(tmp_path: Path, column: str, partitioned: bool) -> None:
    for numbers in ([0, 4], [2, -1], [1]):
        write_deltalake(tmp_path, rows(numbers), mode="append", partition_by=["day"] if partitioned else None)
    together = list(reader(tmp_path, day_column=column).read(DAYS))
    alone = [next(reader(tmp_path, day_column=column).read([day])) for day in DAYS]
    assert [sorted(found) for found in ids(together)] == EACH
    assert [day.rows for day in together] == [day.rows for day in alone]
    DeltaTable(tmp_path).optimize.compact()
    assert [day.rows for day in reader(tmp_path, day_column=column).read(DAYS)] == [day.rows for day in alone]


def test_a_partition_column_is_a_day_column_and_values_are_text_without_loss(tmp_path: Path) -> None:
    write_deltalake(tmp_path, rows([0, 1]), partition_by=["day"])
    found = list(reader(tmp_path, day_column="day").read(DAYS[:2]))
    assert found[1].rows.to_pylist() == [{
        "id": "1", "amount": "1.5", "at": "2026-03-02T12:00:00.000000Z", "naive": "2026-03-02T12:00:00.000000Z",
        "text": "2026-03-02T12:00:00+00:00", "day": "2026-03-02",
    }]  # fmt: skip


def test_a_time_of_a_zone_moves_a_row_to_its_utc_day(tmp_path: Path) -> None:
    late = rows([0]).set_column(3, "naive", pa.array([datetime(2026, 3, 2, 0, 30)], pa.timestamp("us")))
    write_deltalake(tmp_path, late)
    found = list(reader(tmp_path, day_column="naive", zone="Europe/Berlin", times=("naive",)).read(DAYS[:2]))
    assert ids(found) == [["0"], []]
    assert found[0].rows["naive"].to_pylist() == ["2026-03-01T23:30:00.000000Z"]


def test_what_is_known_later_is_on_a_later_day(tmp_path: Path) -> None:
    write_deltalake(tmp_path, rows([0, 1]))
    found = list(reader(tmp_path, day_column="at", known_after=timedelta(days=2, hours=13)).read(DAYS))
    assert ids(found) == [[], [], [], ["0"], ["1"]]
    assert found[3].rows["event_time"].to_pylist() == ["2026-03-01T12:00:00.000000Z"]
    assert found[3].rows["known_at"].to_pylist() == ["2026-03-04T01:00:00.000000Z"]


def test_days_whose_rows_changed_are_named_and_others_are_not_read(tmp_path: Path) -> None:
    write_deltalake(tmp_path, rows([0, 1, 2]), partition_by=["day"])
    origins = {day.day: day.origin for day in reader(tmp_path, day_column="at").read(DAYS)}
    assert reader(tmp_path, day_column="at").changed(origins) == frozenset()
    write_deltalake(tmp_path, rows([2], amount=9.0), mode="append")
    read_late = json.loads(json.dumps({day.isoformat(): origin for day, origin in origins.items()}))
    recorded = {date.fromisoformat(day): origin for day, origin in read_late.items()}
    assert reader(tmp_path, day_column="at").changed(recorded) == {DAYS[2]}
    pinned = reader(tmp_path, day_column="at", version=0)
    assert pinned.changed(recorded) == frozenset()
    assert ids(list(pinned.read(DAYS)))[2] == ["2"]


def test_rows_that_were_written_again_alike_are_no_change(tmp_path: Path) -> None:
    write_deltalake(tmp_path, rows([0, 1]))
    write_deltalake(tmp_path, rows([2]), mode="append")
    origins = {day.day: day.origin for day in reader(tmp_path, day_column="at").read(DAYS)}
    DeltaTable(tmp_path).optimize.compact()
    assert DeltaTable(tmp_path).version() == 2
    assert reader(tmp_path, day_column="at").changed(origins) == frozenset()


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceBroken, match="source f, day 2026-03-01: there is no Delta table at .*correct table="):
        list(reader(tmp_path / "none").read(DAYS))
    write_deltalake(tmp_path, rows([0]))
    with pytest.raises(SourceBroken, match="has no column 'known_at', which day_column names; it has id, amount"):
        list(reader(tmp_path).read(DAYS))
    with pytest.raises(SourceBroken, match="cannot be read .*version 7"):
        list(reader(tmp_path, day_column="at", version=7).read(DAYS))
    (data,) = tmp_path.glob("*.parquet")
    whole = data.read_bytes()
    data.write_bytes(whole[:60] + bytes(40) + whole[100:])
    with pytest.raises(SourceBroken, match="damaged"):
        list(reader(tmp_path, day_column="at").read(DAYS))
    data.unlink()
    with pytest.raises(SourceBroken, match="lacks a data file of this version"):
        list(reader(tmp_path, day_column="at").read(DAYS))


def feed(folder: Path, days: Sequence[Slot], **terms: bool) -> list[DayRows]:
    wanted = LakeRows("f", day_column="known_at", first_day=START)
    return list(LakeChangesReader(str(folder), wanted, **{"ignore_deletions": False, **terms}).read(days))


def fed(folder: Path) -> None:
    """A table with a feed, whose commits are of the first days of March, a commit a day."""
    write_deltalake(folder, rows([1, 2]), configuration={"delta.enableChangeDataFeed": "true"})
    table = DeltaTable(folder)
    merge = table.merge(rows([2, 3], amount=7.0), "s.id = t.id", source_alias="s", target_alias="t")
    merge.when_matched_update_all().when_not_matched_insert_all().execute()
    DeltaTable(folder).delete("id = 1")
    redated(folder)


def redated(folder: Path, step: timedelta = timedelta(days=1)) -> None:
    """Moves the commits to noon of the first of March and so much later each, as the log states their times."""
    for version, log in enumerate(sorted((folder / "_delta_log").glob("*.json"))):
        at = int((NOON + version * step).timestamp() * 1000)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        for line in lines:
            if "commitInfo" in line:
                line["commitInfo"]["timestamp"] = at
        log.write_text("\n".join(json.dumps(line) for line in lines))
        os.utime(log, (at / 1000, at / 1000))


def test_a_change_is_a_row_of_the_day_of_its_commit(tmp_path: Path) -> None:
    fed(tmp_path)
    found = feed(tmp_path, DAYS, ignore_deletions=True)
    got = [[(r["id"], r["amount"], r["known_at"]) for r in day.rows.to_pylist()] for day in found]
    first, second = "2026-03-01T12:00:00.000000Z", "2026-03-02T12:00:00.000000Z"
    assert got == [[("1", "1.5", first), ("2", "1.5", first)], [("2", "7", second), ("3", "7", second)], [], [], []]
    assert [day.origin["commits"] for day in found] == [[0], [1], [2], [], []]


def test_a_change_is_a_row_of_the_hour_of_its_commit(tmp_path: Path) -> None:
    """All hours of a day have the changes of the day; one with a later commit has changed, no other has."""
    fed(tmp_path)
    redated(tmp_path, timedelta(minutes=40))
    together = feed(tmp_path, hours_of(START), ignore_deletions=True)
    rows_in = {str(hour.day): hour.rows["id"].to_pylist() for hour in together if hour.rows.num_rows}
    assert rows_in == {"2026-03-01-12:00": ["1", "2", "2", "3"]}
    (day,) = feed(tmp_path, [START], ignore_deletions=True)
    assert sum(hour.rows.num_rows for hour in together) == day.rows.num_rows
    assert [hour for one in hours_of(START) for hour in feed(tmp_path, [one], ignore_deletions=True)] == together
    with pytest.raises(SourceBroken, match="hour 2026-03-01-13:00: .*deleted 1 rows in the commits of this hour"):
        feed(tmp_path, hours_of(START))
    changes = LakeChangesReader(str(tmp_path), LakeRows("f", day_column="known_at"), ignore_deletions=True)
    write_deltalake(tmp_path, rows([4]), mode="append")
    redated(tmp_path, timedelta(minutes=40))
    assert changes.changed({hour.day: hour.origin for hour in together}) == {checked_slot("2026-03-01-14:00")}


def test_a_deletion_is_refused_unless_it_means_nothing(tmp_path: Path) -> None:
    fed(tmp_path)
    assert len(feed(tmp_path, DAYS[:2])) == 2
    with pytest.raises(
        SourceBroken, match="day 2026-03-03: .*deleted 1 rows in the commits of this day.*ignore_deletions=True"
    ):
        feed(tmp_path, DAYS)


def test_a_day_with_later_commits_has_changed(tmp_path: Path) -> None:
    fed(tmp_path)
    wanted = LakeRows("f", day_column="known_at")
    changes = LakeChangesReader(str(tmp_path), wanted, ignore_deletions=True)
    origins = {day.day: day.origin for day in changes.read(DAYS)}
    assert changes.changed(origins) == frozenset()
    write_deltalake(tmp_path, rows([4]), mode="append")
    redated(tmp_path)
    assert changes.changed(origins) == {DAYS[3]}


def test_a_table_without_a_feed_is_refused(tmp_path: Path) -> None:
    write_deltalake(tmp_path, rows([0]))
    redated(tmp_path)
    with pytest.raises(SourceBroken, match="keeps no change feed for the commits of this day"):
        feed(tmp_path, DAYS[:1])
    wanted = LakeRows("f", day_column="at")
    with pytest.raises(SourceBroken, match="has a column 'at' of its own; name another with day_column="):
        list(LakeChangesReader(str(tmp_path), wanted, ignore_deletions=False).read(DAYS[:1]))


def test_a_day_whose_commits_the_log_lost_is_refused(tmp_path: Path) -> None:
    fed(tmp_path)
    DeltaTable(tmp_path).create_checkpoint()
    (tmp_path / "_delta_log" / f"{0:020}.json").unlink()
    with pytest.raises(SourceBroken, match="no longer has the commits of this day; it has those since version 1"):
        feed(tmp_path, DAYS[:1])
    assert ids(feed(tmp_path, [DAYS[2]], ignore_deletions=True)) == [[]]


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"ignore_deletions": True}, "is for changes=True alone"),
        ({"changes": True, "known_after": timedelta(days=1)}, "none with changes=True"),
        ({"table": "../x"}, "write a path below the connection's address"),
    ],
)
def test_a_description_that_contradicts_itself_is_refused(terms: dict[str, Any], said: str) -> None:
    with pytest.raises(ProductError, match=f"source f: .*{said}"):
        LakeTable("f", connection="theirs", **terms)
