"""The Spark job: the same features as the oracle, in files that can be committed."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from assets.features import reference
from assets.features.kernel.kernel import compile_features
from assets.features.table import spark_job
from assets.features.table.data_files import DataFiles, TableVersion, partition_of
from assets.features.table.feature_table import SpineColumns
from assets.features.table.spark_job import TASK_BYTES, Written, run
from assets.vocabulary import FeatureError, days, hours, last_events, today
from resources.lake import DamagedPartition
from tests.properties.histories import COLUMNS, RESOLUTIONS, Lagged, differences, feature_set, table

FIRST, LAST = date(2026, 1, 5), date(2026, 1, 9)
WINDOWS = (hours(30), Lagged(days(2), hours(36)), None, today("Europe/Berlin"), last_events(3))
FEATURES = feature_set(WINDOWS, corrected=True)
KERNEL = compile_features(FEATURES, RESOLUTIONS)
ONE_DAY = [TASK_BYTES, 20_000, 5_000]
BOTH_WAYS = [TASK_BYTES, 100_000]
SPINE = SpineColumns(row_id="row_id", sequence="row_id", passthrough=("flag", "amount"))


def _record(random: Random, number: int) -> dict[str, Any]:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=random.randrange(24 * 11))
    return {
        "row_id": number, "sequence": number, "event_time": moment,
        "known_at": moment + timedelta(hours=random.choice([0, 0, 0, 5, 60]), microseconds=number),
        "record_id": random.choice([None, random.randrange(40)]),
        "person": random.choice(["p", "q", "r", "s", None]), "place": random.choice([1, 2, 3, None]),
        "amount": random.choice([None, random.randrange(-10_000, 10_000) / 100]),
        "ratio": random.choice([None, 2.5, -5.0, 0.0]), "n": random.choice([None, 0, 1, 2, 7]),
        "level": random.choice([None, random.gauss(0, 1)]), "kind": random.choice(["a", "b", "c", None]),
        "flag": random.choice([None, True, False]),
    }  # fmt: skip


def _files(folder: Path, data: pa.Table) -> DataFiles:
    """A table as the lake stores it: a file for each day on which events became known, the day only in the path."""
    by_day: dict[date, list[int]] = {}
    for number, moment in enumerate(data["known_at"].to_pylist()):
        by_day.setdefault(moment.date(), []).append(number)
    paths = []
    for day, numbers in sorted(by_day.items()):
        path = folder / f"day={day.isoformat()}" / "part.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(data.take(pa.array(numbers)), path, write_page_checksum=True)
        paths.append(str(path))
    return DataFiles(TableVersion(folder.name, data.schema), tuple(paths))


class Bank:
    """A random history on disk: payments, and orders that are also the spine."""

    def __init__(self, folder: Path, seed: int, heavy: str | None = None) -> None:
        """`heavy` is a person who has more than half of everything."""
        random = Random(seed)
        names = ("row_id", "person", "place", "record_id", *COLUMNS, "event_time", "known_at")
        self.payments, self.orders = (
            table([self._one(random, number, heavy) for number in range(size)], names) for size in (150, 60)
        )
        self.events = {
            "payments": _files(folder / "payments", self.payments),
            "orders": _files(folder / "orders", self.orders),
        }
        self.spine = self.events["orders"]

    @staticmethod
    def _one(random: Random, number: int, heavy: str | None) -> dict[str, Any]:
        record = _record(random, number)
        return record | {"person": heavy} if heavy and random.random() < 0.6 else record

    def expected(self) -> list[dict[str, Any]]:
        """The oracle's features of each order, in order of row_id."""
        events = {"payments": self.payments, "orders": self.orders.append_column("sequence", self.orders["row_id"])}
        spine = events["orders"].rename_columns({"event_time": "as_of"})
        return reference.compute(FEATURES, RESOLUTIONS, events, spine)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return Bank(tmp_path_factory.mktemp("bank"), seed=5)


def _run(
    spark: SparkSession, bank: Bank, target: Path, spine: Sequence[str] | None = None, task_bytes: int = TASK_BYTES
) -> Written:
    return run(
        lambda: spark, KERNEL, events=bank.events, spine=bank.spine if spine is None else _only(bank.spine, spine),
        days=(FIRST, LAST), columns=SPINE, target=target, task_bytes=task_bytes,
    )  # fmt: skip


def _only(files: DataFiles, paths: Sequence[str]) -> DataFiles:
    return DataFiles(files.table, tuple(paths))


def _read(written: Written, target: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(target / file.path, partitioning=None) for file in written.files)


@pytest.fixture(scope="module", params=BOTH_WAYS, ids=["in this process", "in stages"])
def done(
    request: pytest.FixtureRequest, spark: SparkSession, bank: Bank, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Written, Path]:
    """A run over all days, and where it wrote."""
    target = tmp_path_factory.mktemp("done")
    return _run(spark, bank, target, task_bytes=request.param), target


def test_the_job_is_the_oracle_to_the_last_bit(bank: Bank, done: tuple[Written, Path]) -> None:
    found = _read(*done).sort_by("row_id")
    expected = bank.expected()
    arrived = bank.orders["known_at"].to_pylist()
    asked = [number for number, moment in enumerate(arrived) if FIRST <= moment.date() <= LAST]
    assert found["row_id"].to_pylist() == asked
    assert differences(found.select(FEATURES.names).to_pylist(), [expected[number] for number in asked]) == []
    assert found["flag"].to_pylist() == [bank.orders["flag"][number].as_py() for number in asked]


def test_there_is_one_sorted_file_a_day_with_the_schema_of_the_table(done: tuple[Written, Path]) -> None:
    written, target = done
    assert [file.day for file in written.files] == sorted({file.day for file in written.files})
    for file in written.files:
        assert file.path.startswith(f"day={file.day.isoformat()}/")
        assert (target / file.path).stat().st_size == file.bytes
        rows = pq.read_table(target / file.path, partitioning=None)
        assert len(rows) == file.rows
        order = list(zip(rows["as_of"].to_pylist(), rows["row_id"].to_pylist(), strict=True))
        assert order == sorted(order)
        assert rows.schema.remove_metadata() == pa.schema([f for f in written.schema if f.name != "day"])
    assert written.schema.names == ["row_id", "person", "place", "as_of", *FEATURES.names, "flag", "day"]
    left = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert left == {file.path for file in written.files}


def test_a_late_row_is_in_the_partition_of_its_arrival(bank: Bank, done: tuple[Written, Path]) -> None:
    written, target = done
    found = {
        row: file.day
        for file in written.files
        for row in pq.read_table(target / file.path, partitioning=None)["row_id"].to_pylist()
    }
    moments = zip(bank.orders["event_time"].to_pylist(), bank.orders["known_at"].to_pylist(), strict=True)
    expected = {number: (happened.date(), known.date()) for number, (happened, known) in enumerate(moments)}
    assert found == {number: known for number, (_, known) in expected.items() if FIRST <= known <= LAST}
    assert any(expected[number][0] < FIRST for number in found)


@pytest.mark.parametrize("task_bytes", ONE_DAY, ids=["in this process", "of many tasks", "in stages"])
def test_a_row_that_arrived_before_its_as_of_time_is_refused(
    spark: SparkSession, bank: Bank, tmp_path: Path, task_bytes: int
) -> None:
    """With the same error in whichever process."""
    path = tmp_path / f"day={FIRST.isoformat()}" / "part.parquet"
    path.parent.mkdir()
    path.write_bytes(Path(next(path for path in bank.spine.paths if LAST.isoformat() in path)).read_bytes())
    with pytest.raises(FeatureError, match="^spine: .* as-of day is later than the day of their arrival"):
        _run(spark, bank, tmp_path / "out", [str(path)], task_bytes)


def test_a_flipped_bit_of_a_written_file_is_detected(done: tuple[Written, Path], tmp_path: Path) -> None:
    written, target = done
    output = tmp_path / "output.parquet"
    output.write_bytes((target / written.files[0].path).read_bytes())
    _flip(output, "amount")
    with pytest.raises(OSError, match="CRC|checksum"):
        pq.read_table(output, page_checksum_verification=True)


@pytest.mark.parametrize("task_bytes", BOTH_WAYS, ids=["in this process", "in stages"])
def test_a_damaged_file_is_named_with_the_remedy_wherever_it_was_read(
    spark: SparkSession, tmp_path: Path, task_bytes: int
) -> None:
    """The run raises the lake's error in whichever process the file was read."""
    bank = Bank(tmp_path / "bank", seed=6)
    damaged = bank.events["payments"].paths[0]
    _flip(Path(damaged), "person")
    found = rf"data file {damaged} cannot be read \(.*CRC.* Rematerialise it: "
    told = rf"^table payments, day {partition_of(damaged)}: {found}"
    with pytest.raises(DamagedPartition, match=told):
        _run(spark, bank, tmp_path / "bad", task_bytes=task_bytes)


def _flip(path: Path, column: str) -> None:
    """Changes the last bit of a column's data."""
    metadata = pq.ParquetFile(path).metadata
    chunk = metadata.row_group(0).column(metadata.schema.names.index(column))
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content = bytearray(path.read_bytes())
    content[start + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("task_bytes", ONE_DAY, ids=["in this process", "of many tasks", "in stages"])
def test_a_single_day_has_the_same_features_as_among_other_days(
    spark: SparkSession, bank: Bank, done: tuple[Written, Path], tmp_path: Path, task_bytes: int
) -> None:
    everything, target = done
    path = next(path for path in bank.spine.paths if FIRST.isoformat() in path)
    alone = _run(spark, bank, tmp_path, [path], task_bytes)
    assert [file.day for file in alone.files] == [FIRST]
    same = [file for file in everything.files if file.day == FIRST]
    left, right = _read(alone, tmp_path), pq.read_table(target / same[0].path, partitioning=None)
    assert left.equals(right)


def _no_session() -> SparkSession:
    raise AssertionError("a session was asked for")


def _one_day(bank: Bank, target: Path, task_bytes: int) -> Written:
    spine = _only(bank.spine, [path for path in bank.spine.paths if FIRST.isoformat() in path])
    return run(
        _no_session, KERNEL, events=bank.events, spine=spine, days=(FIRST, LAST), columns=SPINE, target=target,
        task_bytes=task_bytes,
    )  # fmt: skip


@pytest.mark.parametrize("task_bytes", ONE_DAY[:2])
def test_a_single_day_that_is_not_large_needs_no_session(bank: Bank, tmp_path: Path, task_bytes: int) -> None:
    assert [file.day for file in _one_day(bank, tmp_path, task_bytes).files] == [FIRST]


def test_days_that_fit_into_one_task_need_no_session(bank: Bank, tmp_path: Path) -> None:
    def some(task_bytes: int) -> Written:
        return run(
            _no_session, KERNEL, events=bank.events, spine=bank.spine, days=(FIRST, LAST), columns=SPINE,
            target=tmp_path, task_bytes=task_bytes,
        )  # fmt: skip

    files = {path for tables in bank.events.values() for path in tables.paths}
    size = sum(Path(path).stat().st_size for path in files)
    assert len(some(10 * size).files) > 1
    with pytest.raises(AssertionError, match="a session was asked for"):
        some(size // 2)


def test_a_single_day_whose_entities_have_too_many_events_needs_a_session(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_job, "_HELD", 0.1)
    with pytest.raises(AssertionError, match="a session was asked for"):
        _one_day(bank, tmp_path, ONE_DAY[1])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("task_bytes", BOTH_WAYS, ids=["in this process", "in stages"])
def test_a_column_that_older_files_lack_is_missing_there(spark: SparkSession, tmp_path: Path, task_bytes: int) -> None:
    bank = Bank(tmp_path / "bank", seed=7)
    oldest = bank.events["payments"].paths[0]
    old = pq.ParquetFile(oldest).read().drop_columns("level")
    pq.write_table(old, oldest)
    found = _read(_run(spark, bank, tmp_path / "out", task_bytes=task_bytes), tmp_path / "out").sort_by("row_id")
    blank = pa.array([None] * len(old), pa.float64())
    old = old.append_column("level", blank).select(bank.payments.column_names)
    newer = [pq.ParquetFile(path).read() for path in bank.events["payments"].paths[1:]]
    bank.payments = pa.concat_tables([old, *newer])
    expected = bank.expected()
    assert (
        differences(
            found.select(FEATURES.names).to_pylist(), [expected[number] for number in found["row_id"].to_pylist()]
        )
        == []
    )


@pytest.mark.parametrize("task_bytes", [TASK_BYTES, 20_000], ids=["in this process", "in stages"])
def test_a_source_without_events_and_a_spine_without_rows(
    spark: SparkSession, bank: Bank, tmp_path: Path, task_bytes: int
) -> None:
    written = run(
        lambda: spark, KERNEL, events={"payments": _only(bank.events["payments"], []), "orders": bank.spine},
        spine=bank.spine, days=(FIRST, LAST), columns=SPINE, target=tmp_path / "few", task_bytes=task_bytes,
    )  # fmt: skip
    found = _read(written, tmp_path / "few")
    assert set(found["count_p2"].to_pylist()) == {0.0}
    assert max(found["count_o2"].to_pylist()) > 1
    nothing = _run(spark, bank, tmp_path / "none", [], task_bytes)
    assert nothing.files == ()
    assert nothing.schema == written.schema


def test_errors_name_the_missing_table_or_column(spark: SparkSession, bank: Bank, tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="events of 'orders' are not given"):
        run(lambda: spark, KERNEL, events={"payments": bank.events["payments"]}, spine=bank.spine, days=(FIRST, LAST),
            columns=SPINE, target=tmp_path)  # fmt: skip
    with pytest.raises(FeatureError, match="spine: table orders has no column decided_at"):
        run(lambda: spark, KERNEL, events=bank.events, spine=bank.spine, days=(FIRST, LAST),
            columns=SpineColumns("row_id", as_of="decided_at"), target=tmp_path)  # fmt: skip
    with pytest.raises(FeatureError, match="'weekend' has the name of a feature"):
        run(lambda: spark, KERNEL, events=bank.events, spine=bank.spine, days=(FIRST, LAST),
            columns=SpineColumns("row_id", passthrough=("weekend",)), target=tmp_path)  # fmt: skip


def test_an_entity_with_half_of_all_events_changes_nothing(spark: SparkSession, tmp_path: Path) -> None:
    skewed = Bank(tmp_path / "bank", seed=8, heavy="p")
    assert skewed.payments["person"].to_pylist().count("p") > len(skewed.payments) / 2
    found = _read(_run(spark, skewed, tmp_path / "out", task_bytes=20_000), tmp_path / "out").sort_by("row_id")
    expected = skewed.expected()
    assert (
        differences(
            found.select(FEATURES.names).to_pylist(), [expected[number] for number in found["row_id"].to_pylist()]
        )
        == []
    )
