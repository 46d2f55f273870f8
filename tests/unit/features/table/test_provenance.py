"""Days whose features were computed from other declarations than the present ones."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from assets.features.table.provenance import outdated_days, record_of
from assets.product import Spine
from assets.vocabulary import Events, FeatureSet, days
from resources.lake import DataFile, Lake
from resources.lake.parquet import write_parquet

PAID = Events("payments", key="person")
BEFORE = FeatureSet(history=[PAID.count(days(30), name="payments_30d")])
NOW = replace(BEFORE, history=[*BEFORE.history, PAID.count(days(90), name="payments_90d")])
FIRST = date(2026, 1, 1)
TABLE = "loans/features"
SPINE = Spine("requests", "row_id")


def make(lake: Lake, run_id: str, features: FeatureSet, numbers: range) -> None:
    """Commits days of features as a run does: with files in the run's folder."""
    files = []
    for number in numbers:
        day = FIRST + timedelta(number)
        path = f"{run_id}/day={day}/part.parquet"
        full = Path(lake.folder(TABLE)) / path
        full.parent.mkdir(parents=True)
        write_parquet(pa.table({"row_id": [number]}), str(full), pa.fs.LocalFileSystem())
        files.append(DataFile(path, day, 1, full.stat().st_size))
    schema = pa.schema([("row_id", pa.int64()), ("day", pa.date32())])
    span = [FIRST + timedelta(number) for number in numbers]
    lake.commit_files(TABLE, schema, files, days=span, metadata=record_of(features, SPINE, run_id, {"payments": 3}))


def test_days_are_outdated_until_recomputed_from_the_present_declarations(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    assert outdated_days(lake, TABLE, NOW, SPINE) == ()
    make(lake, "first", BEFORE, range(5))
    assert outdated_days(lake, TABLE, BEFORE, SPINE) == ()
    assert outdated_days(lake, TABLE, NOW, SPINE) == tuple(FIRST + timedelta(n) for n in range(5))
    make(lake, "second", NOW, range(1, 3))
    assert outdated_days(lake, TABLE, NOW, SPINE) == tuple(FIRST + timedelta(n) for n in (0, 3, 4))
    make(lake, "third", NOW, range(5))
    assert outdated_days(lake, TABLE, NOW, SPINE) == ()


def test_documentation_makes_no_day_outdated(tmp_path: Path) -> None:
    """Another owner or description computes the same."""
    lake = Lake(str(tmp_path))
    make(lake, "first", BEFORE, range(2))
    documented = replace(BEFORE, owner="x", history=[replace(BEFORE.history[0], description="Payments", owner="y")])
    assert documented.digest != BEFORE.digest
    assert outdated_days(lake, TABLE, documented, SPINE) == ()


def test_another_choice_of_rows_or_another_moment_makes_days_outdated(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    make(lake, "first", BEFORE, range(2))
    for changed in (replace(SPINE, after=timedelta(hours=1)), SPINE.where(channel="web")):
        assert len(outdated_days(lake, TABLE, BEFORE, changed)) == 2
