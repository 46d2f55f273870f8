"""Many random histories at once: oracle, kernel, Spark job and single decisions agree to the last bit.

Each history is a person at two places around a night on which the clocks change, with ties, duplicates, late events,
revisions and extreme values. A hundred of them; ten thousand with `LOOPLINE_CAMPAIGN=1`.
"""

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from assets.features import reference
from assets.features.columns.columns import with_whole
from assets.features.kernel.kernel import compile_features
from assets.features.online.request import compute_one
from assets.features.table.data_files import DataFiles, TableVersion
from assets.features.table.feature_table import SpineColumns
from assets.features.table.spark_job import run
from assets.vocabulary import Events, FeatureSet, days, hours, last_events, this_month, today
from resources.online_store.opening import open_store
from resources.online_store.protocol import EntityEvents
from tests.properties.histories import COLUMNS, RESOLUTIONS, Lagged, differences, feature_set, table

HISTORIES = 10_000 if os.environ.get("LOOPLINE_CAMPAIGN") == "1" else 100
WINDOWS = (
    hours(30),
    Lagged(days(2), hours(36)),
    None,
    today("Europe/Berlin"),
    this_month("Europe/Berlin"),
    last_events(3),
)
FEATURES = feature_set(WINDOWS, corrected=True)
KERNEL = compile_features(FEATURES, RESOLUTIONS)
NAMES = ("row_id", "person", "place", "record_id", *COLUMNS, "event_time", "known_at")
# Five days before the clocks of Berlin go forward, and before they go back.
STARTS = (datetime(2026, 3, 24, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC))
KEYS = ("person", "place")
# All events of half of the histories are known before it, and some of the others.
LOADED_UNTIL = datetime(2026, 10, 25, 6, tzinfo=UTC)
DAYS = (date(2026, 3, 24), date(2026, 11, 10))


def _record(random: Random, history: int, number: int) -> dict[str, Any]:
    moment = STARTS[history % 2] + timedelta(hours=random.randrange(24 * 10))
    return {
        "row_id": number, "event_time": moment,
        # No two revisions become known at the same time: the kernel would refuse them.
        "known_at": moment + timedelta(hours=random.choice([0, 0, 0, 5, 60]), microseconds=number),
        "record_id": random.choice([None, random.randrange(6)]),
        "person": random.choice([f"p{history}", f"p{history}", None]),
        "place": random.choice([2 * history, 2 * history + 1, None]),
        "amount": random.choice([None, 0.0, random.randrange(-10_000, 10_000) / 100, 90_000_000.01]),
        "ratio": random.choice([None, 2.5, -5.0, 0.0]), "n": random.choice([None, 0, 1, 2, 7]),
        "level": random.choice([None, random.gauss(0, 1), -1e300, 5e-324]),
        "kind": random.choice(["a", "b", "c", None]), "flag": random.choice([None, True, False]),
    }  # fmt: skip


def _history(history: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Payments, some of them twice, and orders."""
    random = Random(history)
    payments = [_record(random, history, 20 * history + place) for place in range(random.randrange(13))]
    orders = [_record(random, history, 20 * history + 13 + place) for place in range(random.randrange(1, 4))]
    return [*payments, *random.sample(payments, k=min(len(payments), random.randrange(3)))], orders


class Crowd:
    """All histories: as tables, and one by one."""

    def __init__(self) -> None:
        self.each = [_history(number) for number in range(HISTORIES)]
        payments, orders = (table([record for pair in self.each for record in pair[at]], NAMES) for at in (0, 1))
        self.events = _events(payments, orders)
        self.spine = _spine(self.events)
        self.expected = [row for pair in self.each for row in self._oracle(*pair)]

    @staticmethod
    def _oracle(payments: list[dict[str, Any]], orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
        events = _events(table(payments, NAMES), table(orders, NAMES))
        return reference.compute(FEATURES, RESOLUTIONS, events, _spine(events))


def _events(payments: pa.Table, orders: pa.Table) -> dict[str, pa.Table]:
    return {"payments": payments, "orders": orders.append_column("sequence", orders["row_id"])}


def _spine(events: Mapping[str, pa.Table]) -> pa.Table:
    return events["orders"].rename_columns({"event_time": "as_of"})


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return Crowd()


def test_the_kernel_is_the_oracle(crowd: Crowd) -> None:
    """Over all histories at once."""
    assert differences(KERNEL.compute(crowd.events, crowd.spine).to_pylist(), crowd.expected) == []


def test_a_decision_is_the_oracle(crowd: Crowd, tmp_path: Path) -> None:
    """Each order alone, from its entities' events in the online store: loaded in bulk, later ones added one by one."""
    store = open_store(f"lmdb://{tmp_path}", "everywhere")
    for need in KERNEL.needs:
        table = crowd.events[need.source].select(_columns(need.source))
        store.put_events(need.source, need.key, table, version="1", watermark=LOADED_UNTIL)
    store.publish("1")
    for source, events in crowd.events.items():
        for number, row in enumerate(events.select(_columns(source)).to_pylist()):
            if row["known_at"] >= LOADED_UNTIL and any(row[key] is not None for key in KEYS if key in row):
                assert store.append_event(source, row, event_id=str(number))
    for number, expected in enumerate(crowd.expected):
        row = crowd.spine.slice(number, 1)
        keys = {need: row[need.key][0].as_py() for need in KERNEL.needs}
        wanted = {need: EntityEvents(need.source, need.key, key) for need, key in keys.items() if key is not None}
        found = store.fetch_all(list(wanted.values())).tables
        events = {(need.source, need.key): found[entity] for need, entity in wanted.items()}
        assert differences([compute_one(KERNEL, events, row)], [expected]) == []
    store.close()


def test_the_spark_job_is_the_oracle(crowd: Crowd, spark: SparkSession, tmp_path: Path) -> None:
    """Over all histories at once, shuffled between several tasks."""
    files = {name: _files(tmp_path / name, events) for name, events in crowd.events.items()}
    size = sum(Path(path).stat().st_size for given in files.values() for path in given.paths)
    columns, target = SpineColumns(row_id="row_id", sequence="row_id"), tmp_path / "target"
    written = run(
        lambda: spark, KERNEL, events=files, spine=files["orders"], days=DAYS, columns=columns, target=target,
        task_bytes=size // 3,
    )  # fmt: skip
    found = pa.concat_tables(pq.read_table(target / file.path, partitioning=None) for file in written.files)
    rows = found.sort_by("row_id")
    assert rows["row_id"].to_pylist() == crowd.spine["row_id"].to_pylist()
    assert differences(rows.select(FEATURES.names).to_pylist(), crowd.expected) == []


def test_all_events_of_a_source_count_without_a_key(crowd: Crowd, spark: SparkSession, tmp_path: Path) -> None:
    """The load of the whole bank: no table has a constant column, and neither has a request."""
    payments = Events("payments")
    features = FeatureSet(
        history=[
            payments.count(hours(30), name="load"),
            payments.sum("amount", days(2), name="volume"),
            Events("payments", key="person").count(days(2), name="own"),
        ]
    )
    kernel = compile_features(features, RESOLUTIONS)
    assert features.key_columns == ("person",)
    events = {"payments": with_whole(crowd.events["payments"], features.keys)}
    spine = with_whole(crowd.spine, features.keys)
    expected = reference.compute(features, RESOLUTIONS, events, spine)
    assert max(row["load"] for row in expected) > 40

    files = {name: _files(tmp_path / name, table) for name, table in crowd.events.items()}
    size = sum(Path(path).stat().st_size for given in files.values() for path in given.paths)
    for place, task_bytes in (("shuffled", size // 3), ("at_once", 2**30)):
        written = run(
            lambda: spark, kernel, events={"payments": files["payments"]}, spine=files["orders"], days=DAYS,
            columns=SpineColumns(row_id="row_id"), target=tmp_path / place, task_bytes=task_bytes,
        )  # fmt: skip
        assert "whole_source" not in written.schema.names
        found = pa.concat_tables(
            pq.read_table(tmp_path / place / file.path, partitioning=None) for file in written.files
        )
        assert differences(found.sort_by("row_id").select(features.names).to_pylist(), expected) == []


def _columns(source: str) -> list[str]:
    """The columns of a source's events in the online store."""
    needs = [need for need in KERNEL.needs if need.source == source]
    sequence = ["sequence"] if any(need.includes_request for need in needs) else []
    read = [name for need in needs for name in (need.key, *need.columns)]
    return list(dict.fromkeys([*read, "event_time", "known_at", *sequence]))


def _files(folder: Path, events: pa.Table) -> DataFiles:
    """A file for each day on which events became known."""
    by_day: dict[date, list[int]] = {}
    for number, moment in enumerate(events["known_at"].to_pylist()):
        by_day.setdefault(moment.date(), []).append(number)
    paths = []
    for day, numbers in sorted(by_day.items()):
        path = folder / f"day={day.isoformat()}" / "part.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(events.take(pa.array(numbers)), path, write_page_checksum=True)
        paths.append(str(path))
    return DataFiles(TableVersion(folder.name, events.schema), tuple(paths))
