"""The log of a table: its versions, its columns and what a commit records."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from resources.lake import Lake, MissingTable, SchemaConflict
from tests.unit.resources.lake.samples import DAYS, rows


def test_a_new_column_widens_the_table_and_another_type_is_refused(lake: Lake) -> None:
    wider = rows(DAYS[:1]).append_column("more", pa.array([1.0, 2.0, 3.0]))
    lake.replace("p/t", wider, days=DAYS[:1])
    assert lake.read("p/t", columns=["more"])["more"].null_count == 12
    other = rows(DAYS[:1]).set_column(1, "word", pa.array([1, 2, 3]))
    with pytest.raises(SchemaConflict, match="column word is"):
        lake.replace("p/t", other, days=DAYS[:1])


def test_what_does_not_exist_is_named(lake: Lake) -> None:
    with pytest.raises(MissingTable, match="table p/none does not exist"):
        lake.read("p/none")
    with pytest.raises(MissingTable, match="versions 0 to 0, not 7"):
        lake.read("p/t", version=7)
    assert lake.tables() == ("p/t",)


def test_the_commit_keeps_what_its_writer_recorded(lake: Lake) -> None:
    assert lake.history("p/t")[-1]["run_id"] == "r1"


def test_old_versions_stay_when_the_log_gets_a_checkpoint(lake: Lake, tmp_path: Path) -> None:
    """Models pin versions for years; Delta's own rule removes entries after thirty days and a hundred commits."""
    log = tmp_path / "p" / "t" / "_delta_log"
    for _ in range(98):
        lake.replace("p/t", rows(DAYS[:1]), days=DAYS[:1])
    long_ago = time.time() - timedelta(days=40).total_seconds()
    for entry in log.iterdir():
        os.utime(entry, (long_ago, long_ago))
    for _ in range(3):
        lake.replace("p/t", rows(DAYS[:1]), days=DAYS[:1])
    assert list(log.glob("*.checkpoint.parquet"))
    assert lake.read("p/t", version=0).num_rows == 15
    assert len(lake.history("p/t")) == 102


def test_a_table_that_is_held_open_shows_what_others_commit(lake: Lake, tmp_path: Path) -> None:
    first = lake.read("p/t")
    Lake(str(tmp_path)).replace("p/t", rows(DAYS[:1]).slice(0, 1), days=DAYS[:1])
    assert (lake.version("p/t"), lake.read("p/t").num_rows) == (1, 13)
    assert lake.read("p/t", version=0).equals(first)
    lake.replace("p/t", rows(DAYS[:1]), days=DAYS[:1])
    assert [lake.read("p/t", version=version).num_rows for version in (1, 0, 2)] == [13, 15, 15]
    assert lake.read("p/t").num_rows == 15
