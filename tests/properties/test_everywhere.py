"""Many random histories at once: the oracle, the kernel, the Spark job and a decision say the same to the last bit.

Each history is a person at two places around a night on which the clocks change, with ties, duplicates, late facts,
corrections and extreme values. A hundred of them; ten thousand with `LOOPLINE_CAMPAIGN=1`.
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
from assets.features.kernel import compile_features
from assets.features.spark_job import SpineColumns, run
from assets.features.vocabulary import days, hours, last_events, this_month, today
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
NAMES = ("row_id", "person", "place", "fact", *COLUMNS, "event_time", "known_at")
# Five days before the clocks of Berlin go forward, and before they go back.
STARTS = (datetime(2026, 3, 24, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC))
DAYS = (date(2026, 3, 24), date(2026, 11, 10))


def _record(random: Random, history: int, number: int) -> dict[str, Any]:
    moment = STARTS[history % 2] + timedelta(hours=random.randrange(24 * 10))
    return {
        "row_id": number, "event_time": moment,
        # No two versions of a fact become known at the same moment: they would contradict each other.
        "known_at": moment + timedelta(hours=random.choice([0, 0, 0, 5, 60]), microseconds=number),
        "fact": random.choice([None, random.randrange(6)]),
        "person": random.choice([f"p{history}", f"p{history}", None]),
        "place": random.choice([2 * history, 2 * history + 1, None]),
        "amount": random.choice([None, 0.0, random.randrange(-10_000, 10_000) / 100, 90_000_000.01]),
        "ratio": random.choice([None, 2.5, -5.0, 0.0]), "n": random.choice([None, 0, 1, 2, 7]),
        "level": random.choice([None, random.gauss(0, 1), -1e300, 5e-324]),
        "kind": random.choice(["a", "b", "c", None]), "flag": random.choice([None, True, False]),
    }  # fmt: skip


def _history(history: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Facts, some of them twice, and orders."""
    random = Random(history)
    facts = [_record(random, history, 20 * history + place) for place in range(random.randrange(13))]
    orders = [_record(random, history, 20 * history + 13 + place) for place in range(random.randrange(1, 4))]
    return [*facts, *random.sample(facts, k=min(len(facts), random.randrange(3)))], orders


class Crowd:
    """All histories: as tables, and one by one."""

    def __init__(self) -> None:
        self.each = [_history(number) for number in range(HISTORIES)]
        facts, orders = (table([record for pair in self.each for record in pair[at]], NAMES) for at in (0, 1))
        self.events = _events(facts, orders)
        self.spine = _spine(self.events)
        self.expected = [row for pair in self.each for row in self._oracle(*pair)]

    @staticmethod
    def _oracle(facts: list[dict[str, Any]], orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
        events = _events(table(facts, NAMES), table(orders, NAMES))
        return reference.compute(FEATURES, RESOLUTIONS, events, _spine(events))


def _events(facts: pa.Table, orders: pa.Table) -> dict[str, pa.Table]:
    return {"facts": facts, "orders": orders.append_column("sequence", orders["row_id"])}


def _spine(events: Mapping[str, pa.Table]) -> pa.Table:
    return events["orders"].rename_columns({"event_time": "as_of"})


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return Crowd()


def test_the_kernel_is_the_oracle(crowd: Crowd) -> None:
    """Over all histories at once."""
    assert differences(KERNEL.compute(crowd.events, crowd.spine).to_pylist(), crowd.expected) == []


def test_a_decision_is_the_oracle(crowd: Crowd) -> None:
    """Each order alone, from its own entities' events."""
    place = 0
    for facts, orders in crowd.each:
        events = _events(table(facts, NAMES), table(orders, NAMES))
        spine = _spine(events)
        for number in range(len(orders)):
            row = spine.slice(number, 1)
            own = {
                (need.source, need.key): _of(events[need.source], need.key, row[need.key][0].as_py())
                for need in KERNEL.needs
            }
            assert differences([KERNEL.compute_one(own, row)], [crowd.expected[place]]) == []
            place += 1


def test_the_spark_job_is_the_oracle(crowd: Crowd, spark: SparkSession, tmp_path: Path) -> None:
    """Over all histories at once, shuffled between several tasks."""
    files = {name: _files(tmp_path / name, events) for name, events in crowd.events.items()}
    size = sum(Path(path).stat().st_size for paths in files.values() for path in paths)
    columns, target = SpineColumns(row_id="row_id", sequence="row_id"), tmp_path / "target"
    written = run(
        spark, KERNEL, events=files, spine=files["orders"], days=DAYS, columns=columns, target=target,
        task_bytes=size // 3,
    )  # fmt: skip
    found = pa.concat_tables(pq.read_table(target / file.path, partitioning=None) for file in written.files)
    rows = found.sort_by("row_id")
    assert rows["row_id"].to_pylist() == crowd.spine["row_id"].to_pylist()
    assert differences(rows.select(FEATURES.names).to_pylist(), crowd.expected) == []


def _of(events: pa.Table, key: str, entity: Any) -> pa.Table | None:
    mine = events.filter(
        pa.array([value == entity and value is not None for value in events[key].to_pylist()], pa.bool_())
    )
    return mine.drop_columns(key) if len(mine) else None


def _files(folder: Path, events: pa.Table) -> list[str]:
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
    return paths
