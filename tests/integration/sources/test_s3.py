"""The landing zone, the lake and the small values on S3, against a real server of its protocol."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from assets.materialising import asset_key
from pipelines.products import load_product
from pipelines.sensors import landing_sensor
from resources.dagster.json_values import JsonValues
from resources.environments import Environment, load_environment
from resources.lake import DamagedPartition, Lake, MissingTable
from resources.pages import Pages
from resources.sources.files.form import FileForm
from resources.sources.lake_tables.rows import LakeRows
from resources.sources.object_stores import delta_options, open_place
from resources.sources.readers import SourceBroken
from resources.sources.systems import SourceSystems
from tests.support.servers.counted_s3 import BUCKET, CountedS3, bucket, counted_s3, keys

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(3)]
TABLE = "card_fraud/raw_card_transactions"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountedS3]:
    with counted_s3(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def s3(server: CountedS3) -> Iterator[Any]:
    """A client of the S3, whose bucket is empty; the process's variables lead there too."""
    with bucket(server) as client:
        yield client


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    local = load_environment({"LOOPLINE_HOME": str(tmp_path)})
    return local.model_copy(update={"landing": f"s3://{BUCKET}/landing", "lake": f"s3://{BUCKET}/lake"})


def rows(*days: date, offset: int = 0) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([3 * number + n + offset for number in range(len(days)) for n in range(3)]),
            "day": pa.array([day for day in days for _ in range(3)], pa.date32()),
        }
    )


def test_pages_are_kept_beside_the_bundles(s3: Any, environment: Environment) -> None:
    """A browser gets a page as a page; each day has its own."""
    pages = Pages(environment.model_copy(update={"rollout": f"s3://{BUCKET}/rollout/"}).pages)
    assert pages.days("loans") == ()
    address = pages.keep("loans", DAYS[0], "größer")
    pages.keep("loans", DAYS[1], "second")
    assert address == pages.address("loans", DAYS[0]) == f"s3://{BUCKET}/rollout/.pages/loans/{DAYS[0]}.html"
    kept = s3.get_object(Bucket=BUCKET, Key=f"rollout/.pages/loans/{DAYS[0]}.html")
    assert (kept["Body"].read().decode(), kept["ContentType"]) == ("größer", "text/html; charset=utf-8")
    assert pages.days("loans") == tuple(DAYS[:2])


def test_daily_files_are_read_from_the_landing_zone(s3: Any, environment: Environment) -> None:
    for day in DAYS[:2]:
        s3.put_object(Bucket=BUCKET, Key=f"landing/cards/{day}.csv", Body=f"id,amount\n{day.day},007.50\n".encode())
    with SourceSystems(environment).files(FileForm("cards", "cards/{day}.csv")) as reader:
        found = list(reader.read(DAYS[:2]))
        assert [day.rows.to_pylist() for day in found] == [[{"id": str(n), "amount": "007.50"}] for n in (1, 2)]
        assert found[0].origin["file"] == f"s3://{BUCKET}/landing/cards/2026-01-01.csv"
        said = f"source cards, day 2026-01-03: no file s3://{BUCKET}/landing/cards/2026-01-03.csv; ask the owner"
        with pytest.raises(SourceBroken, match=said):
            list(reader.read(DAYS))


def test_several_files_of_a_day_and_a_change_are_seen_in_few_requests(s3: Any, environment: Environment) -> None:
    """A year is one listing; a `*` stands for no slash; a file that was delivered again makes its day stale."""
    for day in DAYS:
        for part in ("a", "b"):
            key, body = f"landing/parts/{day}/{part}.csv", f"id\n{part}\n".encode()
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        s3.put_object(Bucket=BUCKET, Key=f"landing/parts/{day}/deeper/c.csv", Body=b"id\nc\n")
    with SourceSystems(environment).files(FileForm("parts", "parts/{day}/*.csv")) as reader:
        found = {day.day: day for day in reader.read(DAYS)}
        assert [day.rows["id"].to_pylist() for day in found.values()] == [["a", "b"]] * len(DAYS)
        recorded = {day: rows.origin for day, rows in found.items()}
        assert reader.changed(recorded) == frozenset()
        s3.put_object(Bucket=BUCKET, Key=f"landing/parts/{DAYS[1]}/b.csv", Body=b"id\nb\nmore\n")
        assert reader.changed(recorded) == {DAYS[1]}


def test_a_day_that_landed_there_is_noticed(s3: Any, environment: Environment) -> None:
    product = load_product("card_fraud")
    # The days of these files are before the made-up bank's.
    sensor = landing_sensor(product, environment.model_copy(update={"sandbox": False}))
    assert sensor is not None
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(asset_key(product, "features"), partition=FIRST.isoformat())
        )
        s3.put_object(Bucket=BUCKET, Key=f"landing/card_transactions/{DAYS[1]}.csv", Body=b"header\n")
        answer = sensor(dg.build_sensor_context(instance))
        assert isinstance(answer, dg.SkipReason)
        assert answer.skip_message == "2026-01-02 lacks files: fraud_labels/2026-01-02.csv"
        s3.put_object(Bucket=BUCKET, Key=f"landing/fraud_labels/{DAYS[1]}.csv", Body=b"")
        answer = sensor(dg.build_sensor_context(instance))
        assert isinstance(answer, dg.SkipReason)
        assert "is empty and has no header" in str(answer.skip_message)
        s3.put_object(Bucket=BUCKET, Key=f"landing/fraud_labels/{DAYS[1]}.csv", Body=b"header\n")
        request = sensor(dg.build_sensor_context(instance))
        assert isinstance(request, dg.RunRequest)
        assert request.partition_key == "2026-01-02"


def test_days_of_the_lake_are_replaced_and_read(s3: Any, environment: Environment) -> None:
    lake = Lake(environment.lake)
    assert lake.tables() == ()
    with pytest.raises(MissingTable, match="materialise the asset of that name first"):
        lake.read(TABLE)
    lake.replace(TABLE, rows(*DAYS), days=DAYS, metadata={"run_id": "r1"})
    commit = lake.replace(TABLE, rows(DAYS[1], offset=100), days=DAYS[1:2])
    assert (commit.version, lake.tables()) == (1, (TABLE,))
    assert lake.read(TABLE)["id"].to_pylist() == [0, 1, 2, 100, 101, 102, 6, 7, 8]
    assert lake.read(TABLE, version=0).equals(rows(*DAYS))
    assert lake.read(TABLE, days=DAYS[1:2], columns=["id"])["id"].to_pylist() == [100, 101, 102]
    assert lake.history(TABLE)[1]["run_id"] == "r1"
    widened = rows(DAYS[2]).append_column("word", pa.array(["x"] * 3))
    lake.replace(TABLE, widened, days=DAYS[2:])
    assert lake.read(TABLE)["word"].to_pylist() == [None] * 6 + ["x"] * 3
    lake.replace("card_fraud/training_set", rows(DAYS[0]).drop_columns(["day"]), days=None)
    assert lake.tables("card_fraud") == ("card_fraud/raw_card_transactions", "card_fraud/training_set")


def test_a_small_file_is_written_by_one_request(s3: Any, environment: Environment) -> None:
    """An upload in parts has three requests: a first load of two years and ten tables would make 24,000."""
    files, root = open_place(f"{environment.lake}/one")
    with files.open_output_stream(f"{root}.parquet") as out:
        out.write(b"content")
    # The tag of an object that was uploaded in parts ends in their number.
    assert "-" not in s3.head_object(Bucket=BUCKET, Key="lake/one.parquet")["ETag"]


@pytest.mark.parametrize("place", ["s3", "folder"])
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.usefixtures("s3")
def test_writers_at_the_same_time_lose_nothing(
    environment: Environment, tmp_path: Path, place: str, there: bool
) -> None:
    """Commits are conditional: without, one of two would overwrite the other's entry of the log."""
    lake = Lake(environment.lake if place == "s3" else str(tmp_path / "lake"))
    if there:
        lake.replace(TABLE, rows(*DAYS), days=DAYS)
    with ThreadPoolExecutor(max_workers=3) as pool:
        written = [pool.submit(lake.replace, TABLE, rows(day, offset=100 * day.day), days=[day]) for day in DAYS]
        commits = [future.result(timeout=60) for future in written]
    assert sorted(commit.version for commit in commits) == ([1, 2, 3] if there else [0, 1, 2])
    assert lake.read(TABLE)["id"].to_pylist() == [100, 101, 102, 200, 201, 202, 300, 301, 302]
    for commit in commits:
        (day,) = commit.days
        assert lake.read(TABLE, days=[day], version=commit.version)["id"][0].as_py() == 100 * day.day


@pytest.mark.parametrize("harm", ["delete", "truncate", "flip"])
def test_damage_is_found_and_named(s3: Any, environment: Environment, harm: str) -> None:
    lake = Lake(environment.lake)
    lake.replace(TABLE, rows(*DAYS), days=DAYS)
    (key,) = keys(s3, f"lake/{TABLE}/day=2026-01-02/")
    content = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    if harm == "delete":
        s3.delete_object(Bucket=BUCKET, Key=key)
    else:
        s3.put_object(Bucket=BUCKET, Key=key, Body=content[:-40] if harm == "truncate" else flipped(content))
    remedy = "loopline backfill card_fraud --from 2026-01-02 --to 2026-01-02 --select raw_card_transactions"
    with pytest.raises(DamagedPartition, match=f"table {TABLE}, day 2026-01-02: .*{remedy}"):
        lake.read(TABLE)
    assert lake.read(TABLE, days=[DAYS[0], DAYS[2]]).num_rows == 6
    lake.replace(TABLE, rows(DAYS[1]), days=DAYS[1:2])
    assert lake.read(TABLE).num_rows == 9


def flipped(content: bytes) -> bytes:
    """The same file with one bit of a page changed."""
    column = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(0)
    place = (column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size - 1
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.usefixtures("s3")
def test_the_variable_of_s3_alone_goes_before_the_general_one(
    environment: Environment, server: CountedS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.address)
    lake = Lake(environment.lake)
    lake.replace(TABLE, rows(*DAYS), days=DAYS)
    assert lake.read(TABLE).equals(rows(*DAYS))


def test_small_values_are_kept(s3: Any) -> None:
    @dg.asset(key=["card_fraud", "model"])
    def model(context: dg.AssetExecutionContext) -> dict[str, Any]:
        return {"run": context.run.run_id, "pins": {"features": 3}}

    @dg.asset(ins={"model": dg.AssetIn(key=["card_fraud", "model"])})
    def reader(model: dict[str, Any]) -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"run": model["run"], "pins": model["pins"]["features"]})

    resources = {"io_manager": JsonValues(folder=f"s3://{BUCKET}/values")}
    with pytest.raises(FileNotFoundError, match="asset card_fraud/model has no value .*materialise it first"):
        dg.materialize([model, reader], selection=[reader], resources=resources)
    made = [dg.materialize([model], resources=resources).run_id for _ in range(2)]
    read = dg.materialize([model, reader], selection=[reader], resources=resources)
    (event,) = read.asset_materializations_for_node("reader")
    assert (event.metadata["run"].value, event.metadata["pins"].value) == (made[1], 3)
    kept = ["values/card_fraud/model.json", *(f"values/card_fraud/model/{run_id}.json" for run_id in made)]
    assert sorted(keys(s3, "values")) == sorted(kept)


def test_a_delta_table_of_others_is_a_source(s3: Any, environment: Environment) -> None:
    """By its day column and by its change feed, at a named connection; an S3 that is gone is told as such."""
    rows = pa.table({"id": [1, 2], "day": DAYS[:2]})
    feed = {"delta.enableChangeDataFeed": "true"}
    address = f"s3://{BUCKET}/theirs/orders"
    write_deltalake(address, rows, partition_by=["day"], configuration=feed, storage_options=delta_options(address))
    there = environment.model_copy(update={"connections": {"theirs": f"s3://{BUCKET}/theirs/"}})
    systems = SourceSystems(there)
    terms: Any = {"path": "orders", "connection": "theirs"}
    by_day = systems.lake_table(LakeRows("orders", day_column="day"), **terms)
    assert [day.rows["id"].to_pylist() for day in by_day.read(DAYS)] == [["1"], ["2"], []]
    today = datetime.now(UTC).date()
    by_commit = systems.lake_changes(LakeRows("orders"), ignore_deletions=False, **terms)
    (found,) = by_commit.read([today])
    assert found.rows.column_names == ["id", "day", "known_at"]
    assert found.rows["id"].to_pylist() == ["1", "2"]
    s3.delete_object(Bucket=BUCKET, Key=next(key for key in keys(s3, "theirs/orders/day")))
    with pytest.raises(SourceBroken, match="source orders, day 2026-01-01: .*lacks a data file of this version"):
        list(by_day.read(DAYS))
