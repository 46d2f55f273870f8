"""Which runs a backfill makes, and how long it expects them to take."""

from datetime import date, timedelta

import pytest

from assets.product import Partitions
from pipelines.operations.loop.backfill_plan import Done, Plan, PlannedAsset, PlannedRun, runs_of

FIRST = date(2026, 9, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(5)]
ALL = (DAYS[0], DAYS[-1])
PARTITIONS = Partitions("day", FIRST)
RAW, VALID, FEATURES, STORE = (
    PlannedAsset("raw", True, past=((1, 1.0),)),
    PlannedAsset("valid", True, frozenset({"raw"}), past=((1, 2.0),)),
    PlannedAsset("features", True, frozenset({"valid"}), past=((5, 4.0),)),
    PlannedAsset("store", False, frozenset({"valid"}), past=((1, 3.0),)),
)
ASSETS = (RAW, VALID, FEATURES, STORE)


def test_all_days_are_one_run() -> None:
    assert runs_of(ASSETS, ALL, Done()) == (PlannedRun(ALL, ("raw", "valid", "features", "store")),)


def test_of_an_interrupted_backfill_the_rest_runs() -> None:
    half = Done({"raw": DAYS, "valid": DAYS})
    assert runs_of(ASSETS, ALL, half) == (PlannedRun(ALL, ("features", "store")),)
    daily = Done({"raw": DAYS, "valid": DAYS, "features": DAYS})
    assert runs_of(ASSETS, ALL, daily) == (PlannedRun(ALL, ("store",)),)
    assert runs_of(ASSETS, ALL, Done(daily.days, frozenset({"store"}))) == ()


def test_what_follows_a_day_that_runs_again_runs_again() -> None:
    done = Done({"raw": DAYS[1:], "valid": DAYS, "features": DAYS}, frozenset({"store"}))
    assert runs_of(ASSETS, ALL, done) == (PlannedRun((DAYS[0], DAYS[0]), ("raw", "valid", "features", "store")),)


def test_failed_days_are_left_out_and_the_store_is_not_loaded_beside_them() -> None:
    found = runs_of(ASSETS, ALL, Done({"raw": DAYS}), failed={DAYS[2]})
    names = ("valid", "features")
    assert found == (PlannedRun((DAYS[0], DAYS[1]), names), PlannedRun((DAYS[3], DAYS[4]), names))
    assert runs_of(ASSETS, ALL, Done(), failed=DAYS) == ()


def test_the_store_is_loaded_once_after_the_last_days() -> None:
    done = Done({"raw": DAYS, "valid": [DAYS[0]], "features": [DAYS[0]]})
    assert runs_of(ASSETS, ALL, done) == (PlannedRun((DAYS[1], DAYS[-1]), ("valid", "features", "store")),)


@pytest.mark.parametrize(("days", "seconds"), [(1, 1.0), (2, 3.0), (3, 5.0), (21, 6.0), (39, 7.0), (390, 70.0)])
def test_earlier_runs_of_fewer_and_of_more_days_give_the_time(days: int, seconds: float) -> None:
    asset = PlannedAsset("raw", True, past=((39, 7.0), (3, 4.0), (3, 6.0), (1, 1.0)))
    assert asset.seconds(days) == pytest.approx(seconds)
    assert PlannedAsset("raw", True, past=((3, 5.0),)).seconds(1) == pytest.approx(5.0)


def test_the_time_of_a_plan_is_that_of_its_assets_and_runs() -> None:
    plan = Plan("shop", PARTITIONS, ALL, ASSETS, overhead=0.5)
    assert plan.seconds == pytest.approx(0.5 + 5.0 + 10.0 + 4.0 + 15.0)
    assert Plan("shop", PARTITIONS, ALL, (*ASSETS, PlannedAsset("new", True))).seconds is None
    assert Plan(
        "shop", PARTITIONS, ALL, ASSETS, done=Done({"raw": DAYS, "valid": DAYS}), overhead=0.5
    ).seconds == pytest.approx(0.5 + 4.0 + 15.0)
    assert plan.to_dict()["runs"][0]["assets"] == ("raw", "valid", "features", "store")
