"""Which files of a table are removed, and that kept versions stay readable."""

import os
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from resources.lake import DAY, DamagedPartition, Lake, LakeError
from resources.lake.vacuum import kept_versions, remove_files, vacuum_of

DAYS = [date(2026, 9, 1), date(2026, 9, 2)]
MONTH = timedelta(days=30)
LATER = datetime.now(UTC) + 2 * MONTH


def write(lake: Lake, value: int, days: list[date]) -> int:
    rows = pa.table({"value": [value] * len(days), DAY: pa.array(days, pa.date32())})
    return lake.replace("shop/sales", rows, days=days).version


def values(lake: Lake, version: int | None = None) -> list[int]:
    found: list[int] = lake.read("shop/sales", version=version)["value"].to_pylist()
    return found


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Versions 0 to 3: both days, the first day twice again, the second day again."""
    lake = Lake(str(tmp_path / "lake"))
    write(lake, 0, DAYS)
    for value, days in ((1, DAYS[:1]), (2, DAYS[:1]), (3, DAYS[1:])):
        write(lake, value, days)
    return lake


def test_within_the_retention_nothing_is_removed(lake: Lake) -> None:
    found = vacuum_of(lake, "shop/sales", pinned=(), now=datetime.now(UTC), retention=MONTH)
    assert (found.files, found.bytes, found.kept) == ((), 0, (0, 1, 2, 3))


def test_without_pins_the_newest_version_stays(lake: Lake) -> None:
    found = vacuum_of(lake, "shop/sales", pinned=(), now=LATER, retention=MONTH)
    assert found.kept == (3,)
    assert len(found.replaced) == 3
    assert found.bytes > 0
    remove_files(lake, found)
    assert values(lake) == [2, 3]
    assert lake.version("shop/sales") == 3, "removing files is no commit"
    with pytest.raises(DamagedPartition, match="version 0 is missing: `loopline vacuum` removes old versions"):
        values(lake, 0)
    assert vacuum_of(lake, "shop/sales", pinned=(), now=LATER, retention=MONTH).files == ()


@pytest.mark.parametrize("pinned", [0, 1, 2])
def test_a_pinned_version_stays_readable(lake: Lake, pinned: int) -> None:
    before = values(lake, pinned)
    found = vacuum_of(lake, "shop/sales", pinned=[pinned], now=LATER, retention=MONTH)
    remove_files(lake, found)
    assert values(lake, pinned) == before
    assert values(lake) == [2, 3]
    assert len(found.replaced) == {0: 1, 1: 1, 2: 2}[pinned]


def test_a_file_that_no_commit_names_goes_once_no_run_can_write_it(lake: Lake, tmp_path: Path) -> None:
    left = tmp_path / "lake/shop/sales/a-run/day=2026-09-01/left.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    now = datetime.now(UTC)
    assert vacuum_of(lake, "shop/sales", pinned=(), now=now, retention=MONTH).abandoned == ()
    os.utime(left, (time.time(), time.time() - 2 * 86_400))
    found = vacuum_of(lake, "shop/sales", pinned=(), now=now, retention=MONTH)
    assert found.abandoned == ("a-run/day=2026-09-01/left.parquet",)
    assert found.bytes == 4
    remove_files(lake, found)
    assert not left.exists()
    assert values(lake) == [2, 3]


def test_an_incomplete_log_removes_nothing(lake: Lake, tmp_path: Path) -> None:
    log = tmp_path / "lake/shop/sales/_delta_log"
    entry = log / f"{1:020}.json"
    kept = entry.read_bytes()
    entry.write_bytes(b"\n".join(line for line in kept.splitlines() if b"commitInfo" not in line))
    # A log that was changed after its digests were recorded is not even read.
    (tmp_path / "lake/shop/sales/_log_digests").unlink()
    with pytest.raises(LakeError, match="version 1 was committed; nothing was removed"):
        vacuum_of(lake, "shop/sales", pinned=(), now=LATER, retention=MONTH)


def test_a_version_counts_until_the_next_one_was_committed() -> None:
    times = {0: 100, 1: 200, 2: 300}
    assert kept_versions(times, pinned=(), since=250) == (1, 2)
    assert kept_versions(times, pinned=[0, 7], since=301) == (0, 2)
    assert kept_versions(times, pinned=(), since=0) == (0, 1, 2)
