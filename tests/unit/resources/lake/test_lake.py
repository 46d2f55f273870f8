"""The lake: a day is replaced whole or not at all."""

from pathlib import Path

import pytest

from resources.lake import Lake, LakeError
from tests.unit.resources.lake.samples import DAYS, rows


def test_a_range_reads_back_in_the_order_of_days(lake: Lake) -> None:
    assert lake.read("p/t").sort_by("id").equals(rows(DAYS))
    assert lake.read("p/t", days=DAYS[1:3])["day"].to_pylist() == [DAYS[1]] * 3 + [DAYS[2]] * 3
    assert lake.days("p/t") == tuple(DAYS)


def test_a_column_that_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"table p/t has no column wort; it has id, word, day"):
        lake.read("p/t", columns=["id", "wort"])


def test_replacing_a_day_leaves_the_others_and_the_older_version(lake: Lake) -> None:
    commit = lake.replace("p/t", rows(DAYS[2:3], each=1, offset=100), days=DAYS[2:3])
    assert lake.read("p/t", days=DAYS[2:3])["id"].to_pylist() == [100]
    assert lake.read("p/t").num_rows == 13
    assert lake.read("p/t", version=commit.version - 1).num_rows == 15


def test_a_day_without_rows_becomes_empty(lake: Lake) -> None:
    lake.replace("p/t", rows([]), days=DAYS[1:2])
    assert lake.days("p/t") == (DAYS[0], *DAYS[2:])


def test_rows_of_another_day_are_refused_and_nothing_changes(lake: Lake, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*.parquet"))
    with pytest.raises(LakeError, match="rows of day 2026-01-02 in a write of 2026-01-01"):
        lake.replace("p/t", rows(DAYS[:2]), days=DAYS[:1])
    assert lake.version("p/t") == 0
    assert sorted(tmp_path.rglob("*.parquet")) == before


def test_a_table_without_days_is_replaced_whole(lake: Lake) -> None:
    flat = rows(DAYS).drop_columns(["day"])
    lake.replace("p/flat", flat, days=None)
    lake.replace("p/flat", flat.slice(0, 2), days=None)
    assert lake.read("p/flat").num_rows == 2
    assert lake.read("p/flat", version=0).num_rows == 15
