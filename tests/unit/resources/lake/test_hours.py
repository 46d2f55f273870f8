"""Tables whose slots are hours: one is replaced alone, and what was made from others is known to be stale."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from resources.lake import DamagedPartition, Lake, LakeError, SchemaConflict
from resources.lake.blocks import blocks_of
from resources.lake.content import content_hash
from resources.lake.origins import Reading, changed_days, days_that_read, made_from, stale_days
from resources.lake.partitioning import with_slot
from resources.slots import Slot, checked_slot, days_of, slots_between

DAY = date(2026, 3, 1)
HOURS = slots_between(checked_slot("2026-03-01-22:00"), checked_slot("2026-03-02-02:00"))


def rows(hours: Sequence[Slot], text: str = "a") -> pa.Table:
    tables = [with_slot(pa.table({"id": [n, n], "text": [text, str(hour)]}), hour) for n, hour in enumerate(hours)]
    return pa.concat_tables(tables)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path))
    lake.replace("p/t", rows(HOURS), days=HOURS)
    return lake


def contents(lake: Lake) -> dict[str, str]:
    return {str(hour): content_hash(lake.read("p/t", days=[hour])) for hour in lake.slots("p/t")}


def test_hours_are_read_by_the_hour_and_by_the_day(lake: Lake) -> None:
    assert lake.slots("p/t") == HOURS
    assert lake.days("p/t") == days_of(HOURS)
    assert lake.read("p/t").column_names == ["id", "text", "day", "utc_hour"]
    assert lake.read("p/t", days=[DAY])["utc_hour"].to_pylist() == [HOURS[0], HOURS[0], HOURS[1], HOURS[1]]
    assert lake.read("p/t", days=[HOURS[1]])["id"].to_pylist() == [1, 1]
    (block,) = blocks_of(lake, "p/t", days=HOURS[2:3], version=0).each
    assert blocks_of(lake, "p/t", days=HOURS[2:3], version=0).read(block)["utc_hour"].to_pylist() == [HOURS[2]] * 2


def test_hours_over_midnight_are_replaced_and_no_other(lake: Lake) -> None:
    before = contents(lake)
    commit = lake.replace("p/t", rows(HOURS[1:3], "b"), days=HOURS[1:3])
    after = contents(lake)
    assert [hour for hour in before if before[hour] != after[hour]] == ["2026-03-01-23:00", "2026-03-02-00:00"]
    assert changed_days(lake, "p/t", commit.version - 1) == HOURS[1:3]
    lake.replace("p/t", rows(HOURS[:1]).slice(0, 0), days=HOURS[:1])
    assert lake.slots("p/t") == HOURS[1:]


def test_rows_of_another_hour_are_refused(lake: Lake) -> None:
    with pytest.raises(LakeError, match="rows of utc_hour 2026-03-01-23:00 in a write of 2026-03-01-22:00 to"):
        lake.replace("p/t", rows(HOURS[:2]), days=HOURS[:1])


def test_a_table_of_days_takes_no_hours_and_the_other_way_round(lake: Lake) -> None:
    daily = rows(HOURS[:1]).drop_columns(["utc_hour"])
    with pytest.raises(SchemaConflict, match="p/t is partitioned by day, utc_hour, and these rows by day: "):
        lake.replace("p/t", daily, days=[DAY])
    lake.replace("p/daily", daily, days=[DAY])
    with pytest.raises(SchemaConflict, match="p/daily is partitioned by day, and these rows by day, utc_hour"):
        lake.replace("p/daily", rows(HOURS[:1]), days=HOURS[:1])


def test_what_was_made_from_an_hour_is_stale_and_nothing_before_it(lake: Lake) -> None:
    """Of the same hours, of a window of days up to the hour, and of whole days."""
    for name, before in (("same", 0), ("window", 1)):
        lake.replace(f"p/{name}", rows(HOURS), days=HOURS, metadata=made_from({"p/t": Reading(0, before)}))
    figures = pa.table({"n": [1, 1], "day": pa.array(days_of(HOURS), pa.date32())})
    lake.replace("p/figures", figures, days=days_of(HOURS), metadata=made_from({"p/t": Reading(0)}))
    tables = ["p/same", "p/window", "p/figures"]
    assert not any(stale_days(lake, tables).values())
    lake.replace("p/t", rows(HOURS[1:2]), days=HOURS[1:2])  # the same rows but for a number
    stale = stale_days(lake, tables)
    assert stale["p/same"] == {HOURS[1]}
    assert stale["p/window"] == set(HOURS[1:])
    assert stale["p/figures"] == {DAY}
    assert days_that_read(lake, "p/figures", {"p/t": HOURS[2:3]}) == {days_of(HOURS)[1]}
    assert days_that_read(lake, "p/window", {"p/t": HOURS[3:4]}) == set(HOURS[3:])


def test_a_damaged_hour_is_named_with_the_command_that_makes_it_again(lake: Lake) -> None:
    lake.replace("p/t", rows(HOURS), days=HOURS)
    (file,) = lake.paths("p/t", days=HOURS[1:2])
    Path(file).unlink()
    with pytest.raises(DamagedPartition, match=rf"table p/t, hour {HOURS[1]}: .* --from {HOURS[1]} --to {HOURS[1]}"):
        lake.read("p/t", days=HOURS[1:2])
