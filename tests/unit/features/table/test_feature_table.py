"""A feature table of one day, from files to files, also where tables gained columns."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.features.kernel.kernel import compile_features
from assets.features.table.data_files import DataFiles, TableVersion
from assets.features.table.feature_table import SpineColumns
from assets.features.table.spark_job import run
from assets.product import Spine
from assets.vocabulary import Events, FeatureError, FeatureSet, Number, days

DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MICROS = pa.timestamp("us", tz="UTC")
MOMENTS = {"event_time": MICROS, "known_at": MICROS}
ORDERS = pa.schema({"row_id": pa.int64(), "person": pa.string(), **MOMENTS})
PAYMENTS = pa.schema({"person": pa.string(), **MOMENTS})
PAID = Events("payments", key="person")
COUNT = PAID.count(days(30), name="payments")


def _file(folder: Path, columns: Mapping[str, Any]) -> str:
    """A file of the day as the lake stores it; events became known an hour before noon, rows are as of noon."""
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
    assert found.schema.remove_metadata() == pa.schema([field for field in written.schema if field.name != "day"])
    return found


def _no_session() -> Any:
    raise AssertionError("a session was asked for")


def test_a_day_older_than_a_column_has_missing_values_in_it(tmp_path: Path) -> None:
    """In rows and in events; a passthrough column has the type of the table."""
    spine = _files(
        tmp_path / "orders",
        pa.schema([*ORDERS, pa.field("amount", pa.float64()), pa.field("tag", pa.string())]),
        {"row_id": [1], "person": ["p"]},
    )
    payments = _files(
        tmp_path / "payments", pa.schema([*PAYMENTS, pa.field("shop", pa.string())]), {"person": ["p", "p"]}
    )
    features = FeatureSet(request=[Number("amount")], history=[COUNT, PAID.distinct("shop", days(30), name="shops")])
    found = _made(features, spine, payments, tmp_path / "out", passthrough=("tag",))
    (row,) = found.to_pylist()
    assert {name: row[name] for name in ("amount", "payments", "shops", "tag")} == {
        "amount": None, "payments": 2.0, "shops": 0.0, "tag": None,
    }  # fmt: skip


def test_a_column_that_the_table_lacks_is_named(tmp_path: Path) -> None:
    """The partition's day is not a column of its files."""
    spine = _files(tmp_path / "orders", ORDERS, {"row_id": [1], "person": ["p"]})
    payments = _files(tmp_path / "payments", PAYMENTS, {"person": ["p"]})
    features = FeatureSet(history=[PAID.distinct("shop", days(30), name="shops")])
    with pytest.raises(FeatureError, match="payments: table payments has no column shop; it has"):
        _made(features, spine, payments, tmp_path / "out")
    with pytest.raises(FeatureError, match="spine: table orders has no column day; it has"):
        _made(FeatureSet(history=[COUNT]), spine, payments, tmp_path / "out", passthrough=("day",))


def test_a_day_without_rows_gives_a_table_with_every_column(tmp_path: Path) -> None:
    """In the order of a day with rows: `day` is last, whichever day is computed first."""
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


def _keyed(schema: pa.Schema, kind: pa.DataType) -> pa.Schema:
    return schema.set(schema.get_field_index("person"), pa.field("person", kind))


@pytest.mark.parametrize(
    ("row_keys", "event_keys"),
    [
        (pa.array([7, 2**40, 7, None], pa.int64()), pa.array([7, 8, None], pa.int32())),
        (pa.array([7, 1, 7, None], pa.int32()), pa.array([7, 2**40, None], pa.int64())),
        (pa.array(["a", "b", "a", None]), pa.array(["a", "c", None]).dictionary_encode()),
        (pa.array(["a", "b", "a", None]).dictionary_encode(), pa.array(["a", "c", None], pa.large_string())),
        (pa.array(["a", "b", "a", None]), pa.array(["a", "c", None])),
        (pa.nulls(4), pa.array(["a", "c", None])),
    ],
    ids=["a narrower number", "a wider number", "a dictionary", "a dictionary of rows", "text", "no keys"],
)
def test_keys_are_compared_by_value_whatever_their_type(
    tmp_path: Path, row_keys: pa.Array, event_keys: pa.Array
) -> None:
    """As the kernel compares them."""
    spine = _files(tmp_path / "orders", _keyed(ORDERS, row_keys.type), {"row_id": [1, 2, 3, 4], "person": row_keys})
    payments = _files(tmp_path / "payments", _keyed(PAYMENTS, event_keys.type), {"person": event_keys})
    found = _made(FeatureSet(history=[COUNT]), spine, payments, tmp_path / "out")
    known = 0.0 if pa.types.is_null(row_keys.type) else 1.0
    assert found["payments"].to_pylist() == [known, 0.0, known, 0.0]


@pytest.mark.parametrize("event_keys", [["7"], ["x"], []], ids=["equal as text", "of nobody", "without events"])
def test_keys_of_text_and_of_numbers_are_refused(tmp_path: Path, event_keys: list[str]) -> None:
    """Also where no event has the key."""
    numbers, texts = pa.array([7], pa.int64()), pa.array(event_keys, pa.string())
    spine = _files(tmp_path / "orders", _keyed(ORDERS, pa.int64()), {"row_id": [1], "person": numbers})
    payments = _files(tmp_path / "payments", PAYMENTS, {"person": texts})
    with pytest.raises(FeatureError, match="payments: key 'person' is string, but int64 in the spine"):
        _made(FeatureSet(history=[COUNT]), spine, payments, tmp_path / "out")
    spine = _files(tmp_path / "texts", ORDERS, {"row_id": [1], "person": ["x"]})
    payments = _files(tmp_path / "numbers", _keyed(PAYMENTS, pa.int32()), {"person": pa.array([7], pa.int32())})
    with pytest.raises(FeatureError, match="payments: key 'person' is int32, but string in the spine"):
        _made(FeatureSet(history=[COUNT]), spine, payments, tmp_path / "out")


def _requests(folder: Path, by_day: Mapping[date, list[tuple[int, str]]]) -> DataFiles:
    """Files of requests at noon of each day: row id and channel, all of one person."""
    schema, paths = pa.schema([*ORDERS, pa.field("channel", pa.string())]), []
    for day, rows in by_day.items():
        moments = pa.array([datetime.combine(day, NOON.timetz())] * len(rows), MICROS)
        columns = {"row_id": [row for row, _ in rows], "person": ["p"] * len(rows), **dict.fromkeys(MOMENTS, moments)}
        path = folder / f"day={day}" / "part.parquet"
        path.parent.mkdir(parents=True)
        table = pa.table({**columns, "channel": [channel for _, channel in rows]})
        pq.write_table(table, path, write_page_checksum=True)
        paths.append(str(path))
    return DataFiles(TableVersion(folder.name, schema), tuple(paths))


def test_a_decision_after_the_request_knows_what_became_known_meanwhile(tmp_path: Path) -> None:
    """Requests of noon are decided a day later, and belong to that day; those of another channel are not decided."""
    yesterday = DAY - timedelta(days=1)
    spine = _requests(tmp_path / "orders", {yesterday: [(1, "web"), (2, "shop")], DAY: [(3, "web")]})
    payments = _files(tmp_path / "payments", PAYMENTS, {"person": ["p"]})  # an hour before noon of DAY
    terms = {"filters": Spine("orders", "row_id").where(channel="web").filters}
    (later,) = _made(
        FeatureSet(history=[COUNT]), spine, payments, tmp_path / "later", after=timedelta(days=1), **terms
    ).to_pylist()
    assert (later["row_id"], later["as_of"], later["payments"]) == (1, NOON, 1.0)
    assert "channel" not in later
    (at_once,) = _made(FeatureSet(history=[COUNT]), spine, payments, tmp_path / "now", **terms).to_pylist()
    assert (at_once["row_id"], at_once["payments"]) == (3, 1.0)
