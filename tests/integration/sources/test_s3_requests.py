"""How many requests the lake makes of S3, and that what it holds open is never older than what is there."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from resources.environments import load_environment
from resources.lake import Lake, MissingTable, fragments
from resources.sources import objects
from resources.sources.object_stores import delta_options
from tests.integration.demo_home import variables_of
from tests.support.data.small_bank import LAST, fill_small_bank
from tests.support.processes.in_process import answer_of
from tests.support.servers.counted_s3 import BUCKET, CountedS3, bucket, counted_s3, keys

PLACE = f"s3://{BUCKET}/lake"
TABLE = "shop/orders"
DAYS = [date(2026, 1, 1) + timedelta(days=n) for n in range(6)]
# Of `card_fraud` by the second commit of each table; as many tables opened anew at each use are over 400.
OF_A_DAY = 140


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountedS3]:
    with counted_s3(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def s3(server: CountedS3) -> Iterator[Any]:
    with bucket(server) as client:
        server.counted()
        yield client


@pytest.fixture
def lake(s3: Any) -> Lake:
    """A lake that holds a table of two versions open."""
    lake = Lake(PLACE)
    lake.replace(TABLE, rows(DAYS, 0), days=DAYS)
    lake.replace(TABLE, rows(DAYS[:1], 100), days=DAYS[:1])
    assert lake.version(TABLE) == 1
    return lake


def rows(days: list[date], first: int) -> pa.Table:
    return pa.table({"id": range(first, first + len(days)), "day": pa.array(days, pa.date32())})


def ids(lake: Lake, version: int | None = None) -> list[int]:
    return [int(one) for one in lake.read(TABLE, version=version)["id"].to_pylist()]


def test_a_held_table_is_one_listing_and_a_pinned_version_nothing(lake: Lake, server: CountedS3) -> None:
    server.counted()
    assert (lake.version(TABLE), len(lake.days(TABLE))) == (1, 6)
    assert server.counted() == {"LIST": 2}
    assert (len(lake.days(TABLE, 1)), lake.schema(TABLE, 1).names, len(lake.files(TABLE, version=1))) == (
        6, ["id", "day"], 6,
    )  # fmt: skip
    assert server.counted() == {}
    lake.read(TABLE, version=0)
    server.counted()
    # The files' sizes are one listing, and each small file is read whole.
    assert ids(lake, 0) == [0, 1, 2, 3, 4, 5]
    assert server.counted() == {"LIST": 1, "GET": 6}
    history = lake.history(TABLE)
    server.counted()
    assert lake.history(TABLE) == history
    assert server.counted() == {"LIST": 1}


def test_a_commit_of_another_process_is_seen_and_committed_upon(lake: Lake, server: CountedS3) -> None:
    other = Lake(PLACE)
    for n in range(2, 5):
        other.replace(TABLE, rows(DAYS[1:2], 100 * n), days=DAYS[1:2], metadata={"run_id": f"r{n}"})
        assert lake.version(TABLE) == n
        assert ids(lake)[:2] == [100, 100 * n]
    server.counted()
    widened = rows(DAYS[2:3], 500).append_column("word", pa.array(["x"]))
    other.replace(TABLE, widened, days=DAYS[2:3])
    server.counted()
    assert set(lake.schema(TABLE).names) == {"id", "day", "word"}
    # Two new entries, the widening and the rows, on top of what is held.
    assert server.counted() <= Counter({"LIST": 2, "GET": 4})
    commit = lake.replace(TABLE, rows(DAYS[3:4], 600), days=DAYS[3:4])
    assert (commit.version, other.version(TABLE), lake.version(TABLE)) == (7, 7, 7)
    assert ids(other) == ids(lake) == [100, 400, 500, 600, 4, 5]
    assert ids(lake, 0) == ids(other, 0) == [0, 1, 2, 3, 4, 5]
    assert [(one["version"], one.get("run_id")) for one in lake.history(TABLE)] == [
        (7, None), (6, None), (5, None), (4, "r4"), (3, "r3"), (2, "r2"), (1, None), (0, None),
    ]  # fmt: skip
    assert lake.history(TABLE, limit=2) == other.history(TABLE, limit=2)


def test_what_is_committed_is_what_delta_says(lake: Lake) -> None:
    """The commits and files are read by the log's entries here, and by delta-rs itself there."""
    address = f"{PLACE}/{TABLE}"
    delta = DeltaTable(address, storage_options=delta_options(address))
    assert lake.history(TABLE) == delta.history()
    assert {file.path for file in lake.files(TABLE)} == set(pa.table(delta.get_add_actions())["path"].to_pylist())


def test_a_table_that_was_removed_and_made_again_is_read_anew(lake: Lake, s3: Any) -> None:
    """Also with as many versions as before, and with the same days."""
    lake.history(TABLE)
    for key in keys(s3, f"lake/{TABLE}/"):
        s3.delete_object(Bucket=BUCKET, Key=key)
    assert not lake.exists(TABLE)
    with pytest.raises(MissingTable, match="materialise the asset of that name first"):
        lake.version(TABLE)
    other = Lake(PLACE)
    other.replace(TABLE, rows(DAYS[:2], 700), days=DAYS[:2], metadata={"run_id": "again"})
    other.replace(TABLE, rows(DAYS[:1], 800), days=DAYS[:1])
    held = Lake(PLACE)
    assert (ids(lake), ids(lake, 0), ids(held), ids(held, 0)) == ([800, 701], [700, 701], [800, 701], [700, 701])
    assert [one.get("run_id") for one in lake.history(TABLE)] == [None, "again"]
    for key in keys(s3, f"lake/{TABLE}/"):
        s3.delete_object(Bucket=BUCKET, Key=key)
    other.replace(TABLE, rows(DAYS[:1], 900), days=DAYS[:1])
    other.replace(TABLE, rows(DAYS[1:2], 901), days=DAYS[1:2])
    assert (ids(held), ids(held, 0)) == ([900, 901], [900])
    for key in keys(s3, f"lake/{TABLE}/"):
        s3.delete_object(Bucket=BUCKET, Key=key)
    assert lake.replace(TABLE, rows(DAYS[:1], 1000), days=DAYS[:1]).version == 0
    assert (ids(lake), held.version(TABLE)) == ([1000], 0)


def test_a_checkpoint_changes_nothing_and_a_log_without_its_older_entries_is_read(
    lake: Lake, s3: Any, server: CountedS3
) -> None:
    """Another program may remove the entries before a checkpoint, also the one after the version that is held."""
    address = f"{PLACE}/{TABLE}"
    DeltaTable(address, storage_options=delta_options(address)).create_checkpoint()
    server.counted()
    assert lake.version(TABLE) == 1
    assert server.counted() == {"LIST": 1}
    other = Lake(PLACE)
    for n in (2, 3):
        other.replace(TABLE, rows(DAYS[1:2], 100 * n), days=DAYS[1:2])
    DeltaTable(address, storage_options=delta_options(address)).create_checkpoint()
    for version in range(3):
        s3.delete_object(Bucket=BUCKET, Key=f"lake/{TABLE}/_delta_log/{version:020}.json")
    s3.delete_object(Bucket=BUCKET, Key=f"lake/{TABLE}/_delta_log/{1:020}.checkpoint.parquet")
    assert lake.version(TABLE) == other.version(TABLE) == 3
    assert ids(lake) == ids(other) == [100, 300, 2, 3, 4, 5]
    assert [one["version"] for one in Lake(PLACE).history(TABLE)] == [3]
    assert lake.replace(TABLE, rows(DAYS[2:3], 400), days=DAYS[2:3]).version == 4
    assert ids(other) == [100, 300, 400, 3, 4, 5]


def test_sizes_far_apart_are_asked_for_one_by_one(
    lake: Lake, server: CountedS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_PAGE", 3)
    system, root = lake.storage(TABLE)
    paths = [f"{root}/{file.path}" for file in lake.files(TABLE)]
    whole = {path: info.size for path, info in zip(paths, system.get_file_info(paths), strict=True)}
    server.counted()
    assert objects.sizes_of(system, [*paths, f"{paths[-1]}.gone"]) == whole
    found = server.counted()
    assert found["HEAD"] > 0, "three of the files were listed"
    assert found["HEAD"] < len(paths)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_files_around_the_size_that_is_read_whole_are_the_same(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    system, root = lake.storage(TABLE)
    (file,) = lake.files(TABLE, days=DAYS[:1])
    monkeypatch.setattr(fragments, "_WHOLE", file.bytes + more)
    for size in (file.bytes, None):
        found = fragments.fragment_of(system, f"{root}/{file.path}", size=size).to_table()
        assert found.to_pydict() == {"id": [100]}
    with pytest.raises(FileNotFoundError, match="does not exist"):
        fragments.fragment_of(system, f"{root}/none.parquet").to_table()


def test_a_day_of_a_product_takes_few_requests(s3: Any, server: CountedS3, tmp_path: Path) -> None:
    variables = {**variables_of(tmp_path), "LOOPLINE_LAKE": PLACE, "LOOPLINE_ROLLOUT": f"s3://{BUCKET}/rollout"}
    fill_small_bank(load_environment({**os.environ, **variables}))
    for day in (LAST - timedelta(days=1), LAST):
        server.counted()
        command = ("run", "card_fraud", "--through", "features", "--from", f"{day}", "--to", f"{day}", "--json")
        done = answer_of(command, variables)
        assert done.status == 0, done.people
    found = server.counted()
    assert sum(found.values()) <= 1.5 * OF_A_DAY, found
