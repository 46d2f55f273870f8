"""The events of some entities, read from the lake."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from assets.features.kernel.kernel import compile_features
from assets.features.online.request import compute_one
from assets.features.table.entity_events import events_of_entities, rows_with
from assets.vocabulary import Events, FeatureSet, days
from resources.lake import Lake

DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_a_sequence_column_named_sequence_is_read_once(tmp_path: Path) -> None:
    """Replay and audit compute from these tables, whose column names must be unique."""
    lake = Lake(str(tmp_path))
    moment = pa.array([NOON, NOON], pa.timestamp("us", tz="UTC"))
    orders = {"row_id": [1, 2], "c": ["a", "a"], "event_time": moment, "known_at": moment, "sequence": [7, 9]}
    lake.replace("p/orders", pa.table({**orders, "day": pa.array([DAY, DAY])}), days=[DAY])
    own = Events("orders", key="c", includes_request=True)
    kernel = compile_features(FeatureSet(history=[own.count(days(3), name="n")]), {})
    for order in ("sequence", "row_id"):
        found = events_of_entities(
            lake, kernel, lambda source: f"p/{source}", {"c": pa.array(["a"])}, sequence=order, row_id="row_id"
        )["orders"]
        assert found.column_names.count("sequence") == 1
        assert found["sequence"].to_pylist() == orders[order]
        spine = pa.table({"as_of": moment[:1], "c": ["a"], "sequence": [orders[order][1]]})
        assert compute_one(kernel, {("orders", "c"): found}, spine) == {"n": 2.0}


def test_events_without_a_key_belong_to_no_entity(tmp_path: Path) -> None:
    """Neither a missing key among the wanted ones nor one of two keys of an event changes what is found."""
    lake = Lake(str(tmp_path))
    moment = pa.array([NOON] * 3, pa.timestamp("us", tz="UTC"))
    rows = {"c": ["a", None, None], "d": pa.array([None, "x", None], pa.string()), "event_time": moment}
    table = pa.table({**rows, "known_at": moment, "day": pa.array([DAY] * 3)})
    lake.replace("p/orders", table, days=[DAY])
    features = [Events("orders", key=key).count(days(3), name=f"n_{key}") for key in ("c", "d")]
    found = events_of_entities(
        lake, compile_features(FeatureSet(history=features), {}), lambda source: f"p/{source}",
        {"c": pa.array(["a", None]), "d": pa.array(["x", None])}, sequence=None,
    )["orders"]  # fmt: skip
    assert found.select(["c", "d"]).to_pylist() == [{"c": "a", "d": None}, {"c": None, "d": "x"}]


class BusyLake(Lake):
    """A lake to which another process writes whenever the days of a table have been read."""

    def days(self, table: str, version: int | None = None) -> tuple[date, ...]:
        found = super().days(table, version)
        write(self, "new", 3)
        return found


def write(lake: Lake, value: str, count: int) -> None:
    every = [DAY + timedelta(days=number) for number in range(count)]
    rows = pa.table({"c": ["a"] * count, "value": [value] * count, "day": pa.array(every)})
    lake.replace("p/orders", rows, days=every)


def test_days_and_rows_are_those_of_one_version(tmp_path: Path) -> None:
    """A write between the two must not give the rows of one version on the days of another."""
    write(Lake(str(tmp_path)), "old", 2)
    found = rows_with(BusyLake(str(tmp_path)), "p/orders", ["c", "value"], {"c": pa.array(["a"])})
    assert found["value"].to_pylist() == ["old", "old"]
