"""A log that is not what was written is found before the table is read."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from resources.lake import Lake
from resources.lake.errors import DamagedLog
from resources.lake.log_digests import FILE
from tests.unit.resources.lake.samples import DAYS, rows

Change = Callable[[bytes], bytes]


def entry(home: Path, version: int) -> Path:
    return home / "p" / "t" / "_delta_log" / f"{version:020}.json"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b'"add"', b'"adf"'),  # no reader knows the action: the rows would be gone
        lambda data: data.replace(b'"numRecords', b'"numRecorbs'),
        lambda data: data[: len(data) // 2],
        lambda data: b"",
    ],
)
def test_a_changed_entry_is_told_by_table_and_file(lake: Lake, tmp_path: Path, change: Change) -> None:
    lake.replace("p/t", rows(DAYS[:1]), days=DAYS[:1])
    file = entry(tmp_path, 0)
    file.write_bytes(change(file.read_bytes()))
    for opened in (lake, Lake(str(tmp_path))):
        with pytest.raises(DamagedLog, match=r"table p/t: the entry 0+\.json of its log .*loopline run p"):
            opened.read("p/t")
        with pytest.raises(DamagedLog):
            opened.replace("p/t", rows(DAYS[:1]), days=DAYS[:1])


def test_an_entry_that_is_gone_is_told(lake: Lake, tmp_path: Path) -> None:
    """Without the newest entry the table would silently be what it was before."""
    lake.replace("p/t", rows(DAYS[:1]), days=DAYS[:1])
    entry(tmp_path, 1).unlink()
    with pytest.raises(DamagedLog, match=r"0+1\.json of its log is missing"):
        lake.days("p/t")


def test_an_entry_without_a_digest_is_read_and_recorded_with_the_next_commit(lake: Lake, tmp_path: Path) -> None:
    """As older code left it, or a writer that died after its commit, in the middle of a line."""
    digests = tmp_path / "p" / "t" / FILE
    digests.write_bytes(digests.read_bytes()[:30] + b"\n")
    assert lake.days("p/t") == tuple(DAYS)
    lake.replace("p/t", rows(DAYS[:1]), days=DAYS[:1])
    entry(tmp_path, 0).write_bytes(b"{}")
    with pytest.raises(DamagedLog):
        lake.read("p/t")


def test_a_log_without_digests_that_cannot_be_read_is_told(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "p" / "t" / FILE).unlink()
    entry(tmp_path, 0).write_bytes(entry(tmp_path, 0).read_bytes()[:-40])
    with pytest.raises(DamagedLog, match="table p/t: its log .* cannot be read .*loopline run p"):
        lake.read("p/t")


def test_a_table_that_was_removed_by_hand_begins_again(lake: Lake, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "p" / "t" / "_delta_log")
    lake.replace("p/t", rows(DAYS[:2]), days=DAYS[:2])
    assert lake.days("p/t") == tuple(DAYS[:2])
