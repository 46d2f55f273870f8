"""Which assets of which days the jobs of a product run; the runs themselves are in the integration tests."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.materialising import asset_key
from assets.product import Partitions
from pipelines.jobs import DATA, STAGES, WATCH
from pipelines.operations.loop import product_jobs
from pipelines.operations.loop.product_jobs import ProductJobs, UnknownAsset
from pipelines.products import load_product
from resources.lake import DAY, Lake
from resources.lake.origins import Reading, made_from

PRODUCT = load_product("card_fraud")
RAW = ("raw_card_transactions", "raw_fraud_labels")
DAYS = date(2026, 1, 1), date(2026, 1, 5)
PARTITIONS = Partitions("day", PRODUCT.start)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, Any]]:
    """The runs that were asked for: the job and the days of each; nothing is made, so they are asked for repeatedly."""
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path))
    asked: list[tuple[str, Any]] = []

    def run_job(_: dg.Definitions, __: dg.DagsterInstance, name: str, *, days: Any = None, selection: Any) -> None:
        asked.append((name, days))

    monkeypatch.setattr(product_jobs, "run_job", run_job)
    return asked


def materialise(instance: dg.DagsterInstance, name: str, *days: int) -> None:
    for day in days:
        found = dg.AssetMaterialization(asset_key(PRODUCT, name), partition=f"2026-01-{day:02}")
        instance.report_runless_asset_event(found)


def test_the_smallest_range_with_every_missing_day_runs(
    instance: dg.DagsterInstance, lake: Lake, runs: list[tuple[str, Any]]
) -> None:
    materialise(instance, RAW[0], 1, 2, 4, 5)
    materialise(instance, RAW[1], 1, 3, 4, 5)
    jobs = ProductJobs(PRODUCT, PARTITIONS, instance, lake)
    assert jobs.run_days(("ingestion",), DAYS, again=False) == RAW
    assert set(runs) == {("card_fraud_daily", (date(2026, 1, 2), date(2026, 1, 3)))}


def commit(lake: Lake, name: str, *days: int, read: str = "", before: int = 0, value: int = 0) -> None:
    """Replaces days of a table, made from the present version of another one; `value` is their content."""
    dates = [date(2026, 1, day) for day in days]
    rows = pa.table({"value": pa.array([value] * len(days), pa.int64()), DAY: pa.array(dates, pa.date32())})
    readings = {f"card_fraud/{read}": Reading(lake.version(f"card_fraud/{read}"), before)} if read else {}
    origin = made_from(readings)
    lake.replace(f"card_fraud/{name}", rows, days=dates, metadata=origin)


def test_days_whose_raw_data_are_newer_than_what_was_made_of_them_run_again(
    instance: dg.DagsterInstance, lake: Lake, runs: list[tuple[str, Any]]
) -> None:
    """A backfill that was killed after its raw data leaves such days, whether or not their event was recorded."""
    for name in RAW:
        validated = name.replace("raw", "validated")
        commit(lake, name, 1, 2, 3, 4, 5)
        commit(lake, validated, 1, 2, 3, 4, 5, read=name)
        for made in (name, validated):
            materialise(instance, made, 1, 2, 3, 4, 5)
    jobs = ProductJobs(PRODUCT, PARTITIONS, instance, lake)
    stages = ("ingestion", "validation")
    assert jobs.run_days(stages, DAYS, again=False) == ()
    commit(lake, RAW[1], 2, 3, 4, value=1)
    commit(lake, "validated_fraud_labels", 4, read=RAW[1])
    assert jobs.run_days(stages, DAYS, again=False) == ("validated_fraud_labels",)
    assert set(runs) == {("card_fraud_daily", (date(2026, 1, 2), date(2026, 1, 3)))}


def test_days_that_were_made_again_with_equal_content_make_nothing_stale(
    instance: dg.DagsterInstance, lake: Lake, runs: list[tuple[str, Any]]
) -> None:
    for name in RAW:
        commit(lake, name, 1, 2, 3, 4, 5)
        commit(lake, name.replace("raw", "validated"), 1, 2, 3, 4, 5, read=name)
        for made in (name, name.replace("raw", "validated")):
            materialise(instance, made, 1, 2, 3, 4, 5)
    jobs = ProductJobs(PRODUCT, PARTITIONS, instance, lake)
    stages = ("ingestion", "validation")
    commit(lake, RAW[0], 1, 2, 3)
    assert jobs.run_days(stages, DAYS, again=False) == ()
    commit(lake, RAW[0], 2, value=1)
    commit(lake, RAW[0], 2)
    assert jobs.run_days(stages, DAYS, again=False) == (), "it is again what it was"


def test_days_whose_window_has_a_day_with_other_content_run_again(
    instance: dg.DagsterInstance, lake: Lake, runs: list[tuple[str, Any]]
) -> None:
    """A day's features read two days before it; those of the fifth day do not read the second."""
    for name in (*RAW, *(raw.replace("raw", "validated") for raw in RAW)):
        commit(lake, name, 1, 2, 3, 4, 5)
        materialise(instance, name, 1, 2, 3, 4, 5)
    commit(lake, "features", 1, 2, 3, 4, 5, read="validated_card_transactions", before=2)
    materialise(instance, "features", 1, 2, 3, 4, 5)
    jobs = ProductJobs(PRODUCT, PARTITIONS, instance, lake)
    commit(lake, "validated_card_transactions", 2, 3)
    assert jobs.run_days(DATA, DAYS, again=False) == ()
    commit(lake, "validated_card_transactions", 2, value=1)
    assert jobs.run_days(DATA, DAYS, again=False) == ("features",)
    assert set(runs) == {("card_fraud_daily", (date(2026, 1, 2), date(2026, 1, 4)))}


def test_days_whose_source_has_changed_run_again_with_all_that_is_made_of_them(
    instance: dg.DagsterInstance, lake: Lake, runs: list[tuple[str, Any]]
) -> None:
    for name in (*RAW, *(raw.replace("raw", "validated") for raw in RAW)):
        materialise(instance, name, 1, 2, 3, 4, 5)
    jobs = ProductJobs(PRODUCT, PARTITIONS, instance, lake)
    changed = {RAW[1]: {date(2026, 1, 3)}}
    assert jobs.run_days(("ingestion", "validation"), DAYS, again=False, changed=changed) == (
        RAW[1], "validated_fraud_labels",
    )  # fmt: skip
    assert runs == [("card_fraud_daily", (date(2026, 1, 3), date(2026, 1, 3)))]


def test_of_an_interrupted_first_load_only_the_rest_is_done(
    instance: dg.DagsterInstance, lake: Lake, runs: list[tuple[str, Any]]
) -> None:
    """Every raw table has its days, one validated table has, features and store were not begun."""
    for name in (*RAW, "validated_fraud_labels"):
        materialise(instance, name, 1, 2, 3, 4, 5)
    jobs = ProductJobs(PRODUCT, PARTITIONS, instance, lake)
    assert jobs.run_days(DATA, DAYS, again=False) == ("validated_card_transactions", "features", "online_store")
    assert set(runs) == {("card_fraud_daily", DAYS)}


def test_days_that_are_there_run_only_again(
    instance: dg.DagsterInstance, lake: Lake, runs: list[tuple[str, Any]]
) -> None:
    for name in RAW:
        materialise(instance, name, 1, 2, 3, 4, 5)
    jobs = ProductJobs(PRODUCT, PARTITIONS, instance, lake)
    assert jobs.run_days(("ingestion",), DAYS, again=False) == ()
    assert runs == []
    assert jobs.run_days(("ingestion",), DAYS, again=True) == RAW
    assert runs == [("card_fraud_daily", DAYS)]


def test_no_stage_beyond_the_limit_runs(instance: dg.DagsterInstance, lake: Lake, runs: list[tuple[str, Any]]) -> None:
    jobs = ProductJobs(PRODUCT, PARTITIONS, instance, lake, STAGES[:2])
    names = [key.path[-1] for key in jobs.keys(DATA)]
    assert names == [*RAW, "validated_card_transactions", "validated_fraud_labels"]
    assert (jobs.run_model(), jobs.run_days(WATCH, DAYS, again=True), runs) == ((), (), [])


def test_an_asset_without_days_is_unknown(
    instance: dg.DagsterInstance, lake: Lake, runs: list[tuple[str, Any]]
) -> None:
    jobs = ProductJobs(PRODUCT, PARTITIONS, instance, lake)
    assert jobs.run_assets(["scores", "features"], DAYS) == ("features", "scores")
    with pytest.raises(UnknownAsset, match=r"no daily asset 'online_store'; it has raw_card_transactions, .*outcomes"):
        jobs.run_assets(["online_store"], DAYS)
    assert runs == [("card_fraud_daily", DAYS)]


def test_a_store_that_was_never_loaded_is_loaded_though_every_day_is_there(
    instance: dg.DagsterInstance, lake: Lake, runs: list[tuple[str, Any]]
) -> None:
    """A run was killed after its days and before its load."""
    jobs = ProductJobs(PRODUCT, PARTITIONS, instance, lake, STAGES)
    assert (jobs.run_first_load(), runs) == (("online_store",), [("card_fraud_daily", None)])
    instance.report_runless_asset_event(dg.AssetMaterialization(asset_key(PRODUCT, "online_store")))
    assert (jobs.run_first_load(), len(runs)) == ((), 1)
    assert ProductJobs(PRODUCT, PARTITIONS, instance, lake, STAGES[:2]).run_first_load() == ()
