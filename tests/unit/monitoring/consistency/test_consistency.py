"""The asset `consistency` over real decisions of a day: what log and lake have in common, and why they differ."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.bundle.bundle import Bundle
from assets.bundle.released import champion_bundle
from assets.features.kernel.kernel import compile_features
from assets.features.online.load import as_stored, load_name, planned_loads, put_source
from assets.features.online.tile_support import tilings_of
from assets.monitoring.consistency.assets import consistency_asset
from assets.product import Partitions
from assets.serving.decision import Decision
from assets.serving.engine import Engine
from pipelines.products import load_product
from resources.environments import Environment, load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.online_store.opening import OnlineStores
from resources.online_store.protocol import EntityEvents
from resources.rollout_store.store import RolloutStore
from tests.support.data.faulty_cards import FIRST, day_of_number, quiet_day, write_cards
from tests.support.models.champions import crown
from tests.support.models.decision_samples import write

PRODUCT = load_product("card_fraud")
N = 9
LAST, DAY = day_of_number(N - 1), day_of_number(N)
END = datetime.combine(LAST + timedelta(days=1), time(), UTC)
ROWS = 60
TABLE = "card_fraud/validated_card_transactions"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Place:
    """A home with a lake, a loaded store and a champion, up to the day before the decisions."""

    environment: Environment
    lake: Lake
    stores: OnlineStores
    rollout: RolloutStore
    bundle: Bundle

    def decide(self, row: Mapping[str, Any]) -> Decision:
        engine = Engine(self.bundle, self.stores.of(PRODUCT.name), as_of_allowed=True)
        return engine.decide(request(row), now=row["event_time"])

    def load(self) -> None:
        """The store from the lake's present tables, up to the last day."""
        kernel, store = compile_features(PRODUCT.features, PRODUCT.resolutions), self.stores.of(PRODUCT.name)
        days = frozenset(day_of_number(number) for number in range(N))
        validated = dict.fromkeys(PRODUCT.features.sources, days)
        loads = planned_loads(PRODUCT, kernel, self.lake, validated=validated, now=END)
        version = load_name(PRODUCT, loads)
        tilings = {(tiling.source, tiling.key): tiling for tiling in tilings_of(kernel)}
        for load in loads:
            events = as_stored(PRODUCT, kernel.needs, load.source, self.lake.read(load.table, days=load.days))
            put_source(store, version, load, tilings.get((load.source, load.key)), events)
        store.publish(version)

    def compare(self) -> tuple[dict[str, dict[str, Any]], bool, str]:
        """By feature the row of the day; whether the check passed, and what it says."""
        resources = {
            "lake": self.lake, "rollout": self.rollout, "keys": Keys.of(self.environment.home),
            "online_stores": self.stores, "environment": self.environment, "io_manager": dg.mem_io_manager,
        }  # fmt: skip
        asset = consistency_asset(PRODUCT, Partitions("day", FIRST))
        done = dg.materialize([asset], partition_key=str(DAY), resources=resources, run_config=QUIET)
        (check,) = done.get_asset_check_evaluations()
        rows = self.lake.read("card_fraud/consistency").to_pylist()
        return {row["feature"]: row for row in rows}, check.passed, str(check.description)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})
    lake = Lake(environment.lake)
    write_cards(lake, [quiet_day(number, ROWS) for number in range(N)], range(N))
    crown(PRODUCT, environment, tmp_path)
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    bundle = champion_bundle(PRODUCT.name, rollout, Keys.of(environment.home).signing)
    assert bundle is not None
    place = Place(environment, lake, OnlineStores(environment.online_store), rollout, bundle)
    place.load()
    return place


def rows_to_decide(count: int) -> list[dict[str, Any]]:
    """Transactions of the first minutes of the day: the store was loaded at midnight."""
    rows = quiet_day(N, ROWS).to_pylist()[:count]
    moments = [END + timedelta(minutes=at + 1) for at in range(count)]
    return [row | {"event_time": at, "known_at": at} for row, at in zip(rows, moments, strict=True)]


def request(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("transaction_id", "card_id", "terminal_id", "amount")
    return {name: row[name] for name in names} | {"as_of": row["event_time"].isoformat()}


def arrive(place: Place, day: date, *events: Mapping[str, Any]) -> None:
    """The lake's day has these card transactions too."""
    schema = place.lake.schema(TABLE)
    rows = pa.Table.from_pylist([{**event, "day": day} for event in events], schema=schema)
    place.lake.replace(TABLE, pa.concat_tables([place.lake.read(TABLE, days=[day]), rows]), days=[day])


def before(row: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    """Another transaction of the same card."""
    return {**row, "transaction_id": 999_999, "event_time": moment, "known_at": moment}


def test_the_decisions_of_a_day_have_the_lakes_features(place: Place) -> None:
    write(place.environment.decision_log, *(place.decide(row) for row in rows_to_decide(6)))
    rows, passed, said = place.compare()
    assert set(rows) == set(PRODUCT.features.names)
    assert {(row["compared"], row["cause"]) for row in rows.values()} == {(6, None)}
    assert all(row[name] == 0 for row in rows.values() for name in ("mismatched", "missing", "extra", "unexplained"))
    assert (passed, said) == (True, "0 of 6 decisions differ, each for a known cause")


def test_what_differs_is_counted_by_feature_with_its_size(place: Place) -> None:
    """A wrong value, a missing one, and a feature that the bundle does not have: nothing explains them."""
    first, second, third = (place.decide(row) for row in rows_to_decide(3))
    write(
        place.environment.decision_log,
        replace(first, features={**first.features, "amount": float(str(first.features["amount"])) + 2.5}),
        replace(second, features={**second.features, "card_count_7d": None}),
        replace(third, features={**third.features, "invented": 1.0}),
    )
    rows, passed, said = place.compare()
    assert (rows["amount"]["mismatched"], rows["amount"]["largest_difference"]) == (1, pytest.approx(2.5))
    assert (rows["card_count_7d"]["missing"], rows["card_count_7d"]["example"]) == (1, second.id)
    assert rows["invented"]["extra"] == 1
    assert {rows[name]["cause"] for name in ("amount", "card_count_7d", "invented")} == {"unknown"}
    assert not passed
    assert f"{DAY}: 3 of 3 decisions differ without a known cause: amount (1, as in {first.id})" in said


@pytest.mark.parametrize(("day", "cause"), [(DAY, "late_event"), (LAST, "other_table_version")])
def test_an_event_that_only_the_lake_has_is_the_cause(place: Place, day: date, cause: str) -> None:
    """It came after the load of the store, or into a day that the store was loaded with."""
    (row,) = rows_to_decide(1)
    write(place.environment.decision_log, place.decide(row))
    arrive(place, day, before(row, END + timedelta(seconds=5 if day == DAY else -5)))
    rows, passed, _ = place.compare()
    found = rows["card_count_1d"]
    assert (found["mismatched"], found["cause"], found["largest_difference"], found["unexplained"]) == (1, cause, 1, 0)
    assert passed


def test_an_event_that_only_the_store_has_is_the_cause(place: Place) -> None:
    """It was posted: of a day that the lake has not yet, and then of one that it has without the event."""
    (row,) = rows_to_decide(1)
    posted = before(row, END + timedelta(seconds=5))
    store = place.stores.of(PRODUCT.name)
    held = store.fetch_all([EntityEvents("card_transactions", "card_id", str(row["card_id"]))])
    (events,) = held.tables.values()
    stored = {name: posted.get(name, posted["transaction_id"]) for name in events.column_names}
    assert store.append_event("card_transactions", stored, "e1")
    write(place.environment.decision_log, place.decide(row))
    rows, passed, _ = place.compare()
    assert (rows["card_count_1d"]["cause"], passed) == ("not_in_lake_yet", True)

    arrive(place, DAY, row)
    rows, passed, _ = place.compare()
    assert (rows["card_count_1d"]["cause"], passed) == ("not_in_lake", True)


def test_a_fallback_has_no_features_and_says_so(place: Place) -> None:
    (row,) = rows_to_decide(1)
    decided = Engine(place.bundle, None, as_of_allowed=True).decide(request(row), now=row["event_time"])
    write(place.environment.decision_log, decided)
    rows, passed, _ = place.compare()
    assert {(row["missing"], row["cause"]) for row in rows.values()} == {(1, "fallback")}
    assert passed


def test_a_day_without_decisions_has_no_rows(place: Place) -> None:
    assert place.compare() == ({}, True, "0 of 0 decisions differ, each for a known cause")
