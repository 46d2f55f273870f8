"""A feature table of one day, from files to files: what is read where tables have changed."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.features.data_files import DataFiles, TableVersion
from assets.features.feature_table import SpineColumns
from assets.features.kernel import compile_features
from assets.features.spark_job import run
from assets.features.vocabulary import Events, FeatureError, FeatureSet, Number, days

DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MICROS = pa.timestamp("us", tz="UTC")
MOMENTS = {"event_time": MICROS, "known_at": MICROS}
ORDERS = pa.schema({"row_id": pa.int64(), "person": pa.string(), **MOMENTS})
PAYMENTS = pa.schema({"person": pa.string(), **MOMENTS})
PAID = Events("payments", key="person")
COUNT = PAID.count(days(30), name="payments")


def _file(folder: Path, columns: Mapping[str, Any]) -> str:
    """A file of the day as the lake keeps it; its events were known an hour before noon, its rows are of noon."""
    size = len(next(iter(columns.values())))
    moment = NOON if "row_id" in columns else NOON - timedelta(hours=1)
    path = folder / f"day={DAY}" / "part.parquet"
    path.parent.mkdir(parents=True)
    moments = dict.fromkeys(MOMENTS, pa.array([moment] * size, MICROS))
    pq.write_table(pa.table({**columns, **moments}), path, write_page_checksum=True)
    return str(path)


def _files(folder: Path, schema: pa.Schema, columns: Mapping[str, Any]) -> DataFiles:
    return DataFiles(TableVersion(folder.name, schema), (_file(folder, columns),))


def _made(features: FeatureSet, spine: DataFiles, payments: DataFiles, target: Path, **terms: Any) -> pa.Table:
    """The one day's rows, computed in this process."""
    written = run(
        _no_session, compile_features(features, {}), events={"payments": payments}, spine=spine, days=(DAY, DAY),
        columns=SpineColumns("row_id", **terms), target=target,
    )  # fmt: skip
    (file,) = written.files
    found = pq.read_table(target / file.path, partitioning=None)
    assert found.schema.remove_metadata() == pa.schema([own for own in written.schema if own.name != "day"])
    return found


def _no_session() -> Any:
    raise AssertionError("a session was asked for")


def test_a_day_older_than_a_column_has_it_missing_when_it_is_made_alone(tmp_path: Path) -> None:
    """In rows and in events alike; what is carried along has the table's type all the same."""
    spine = _files(
        tmp_path / "orders",
        pa.schema([*ORDERS, pa.field("amount", pa.float64()), pa.field("tag", pa.string())]),
        {"row_id": [1], "person": ["p"]},
    )
    payments = _files(
        tmp_path / "payments", pa.schema([*PAYMENTS, pa.field("shop", pa.string())]), {"person": ["p", "p"]}
    )
    features = FeatureSet(request=[Number("amount")], history=[COUNT, PAID.distinct("shop", days(30), name="shops")])
    found = _made(features, spine, payments, tmp_path / "out", carried=("tag",))
    (row,) = found.to_pylist()
    assert {name: row[name] for name in ("amount", "payments", "shops", "tag")} == {
        "amount": None, "payments": 2.0, "shops": 0.0, "tag": None,
    }  # fmt: skip


def test_a_column_that_the_table_lacks_is_named(tmp_path: Path) -> None:
    """The day of a partition is no column of its files."""
    spine = _files(tmp_path / "orders", ORDERS, {"row_id": [1], "person": ["p"]})
    payments = _files(tmp_path / "payments", pa.schema([*PAYMENTS, pa.field("day", pa.date32())]), {"person": ["p"]})
    for column in ("shop", "day"):
        features = FeatureSet(history=[PAID.distinct(column, days(30), name="shops")])
        with pytest.raises(FeatureError, match=f"payments: table payments has no column {column}; it has"):
            _made(features, spine, payments, tmp_path / "out")


def test_a_day_without_rows_makes_a_table_with_every_column(tmp_path: Path) -> None:
    """In the order of a day with rows: the day comes last, whichever day is made first."""
    payments = _files(tmp_path / "payments", PAYMENTS, {"person": ["p"]})
    schemas = [
        run(
            _no_session, compile_features(FeatureSet(history=[COUNT]), {}), events={"payments": payments}, spine=spine,
            days=(DAY, DAY), columns=SpineColumns("row_id"), target=tmp_path / "out",
        ).schema
        for spine in (
            DataFiles(TableVersion("orders", ORDERS), ()),
            _files(tmp_path / "orders", ORDERS, {"row_id": [1], "person": ["p"]}),
        )
    ]  # fmt: skip
    assert schemas[0] == schemas[1]
    assert schemas[0].names == ["row_id", "person", "as_of", "payments", "day"]
