"""The online store follows the lake: whatever was missed, failed or lost, the next tick sees it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import redis
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from assets.features.online.load_verdict import LoadSignals, load_verdict
from assets.materialising import asset_key
from pipelines.build import build_pipeline
from pipelines.connections import connections
from pipelines.jobs import daily_name, load_job_name
from pipelines.operations.loop.run_job import RunFailed
from pipelines.products import load_product
from resources.online_store.opening import OnlineStores
from tests.integration.conftest import LAST, Small
from tests.support.servers.redis_server import RedisServer

pytestmark = pytest.mark.slow

PRODUCT = load_product("card_fraud")
SOURCES = tuple(PRODUCT.features.sources)
RAW = [f"raw_{source}" for source in SOURCES]
VALIDATED = [f"validated_{source}" for source in SOURCES]
FIRST = LAST - timedelta(days=2)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Loading:
    """The sensor's ticks, and the runs that it asks for."""

    def __init__(self, small: Small, stores: OnlineStores) -> None:
        self.small, self.stores = small, stores
        known = {**connections(PRODUCT, small.environment), "online_stores": stores}
        self._definitions = build_pipeline(PRODUCT, environment=small.environment, resources=known)
        self._known: dict[str, Any] = known

    def ask(self) -> dg.RunRequest | str:
        repository = self._definitions.get_repository_def()
        sensor = repository.get_sensor_def(f"{PRODUCT.name}_online_store_sensor")
        resources = {key: self._known[key] for key in sensor.required_resource_keys}
        with dg.build_sensor_context(self.small.instance, resources=resources, repository_def=repository) as context:
            tick = sensor.evaluate_tick(context)
        return tick.run_requests[0] if tick.run_requests else str(tick.skip_message)

    def load(self) -> bool:
        """Does what the sensor asks for."""
        job = self._definitions.resolve_job_def(load_job_name(PRODUCT))
        return bool(
            job.execute_in_process(instance=self.small.instance, run_config=QUIET, raise_on_error=False).success
        )

    def deliver(self, day: date) -> None:
        """The source delivers the day again, with a row less; nothing is made of it yet."""
        table = f"{PRODUCT.name}/{RAW[0]}"
        rows = self.small.lake.read(table, days=[day])
        self.small.lake.replace(table, rows.slice(1), days=[day])

    def loaded(self) -> str:
        state = self.stores.of(PRODUCT.name).state()
        assert state is not None
        return state.version


@pytest.fixture
def loading(small: Callable[[str], Small]) -> Iterator[Loading]:
    made = small("card_fraud")
    made.make(FIRST, LAST, *RAW, *VALIDATED)
    stores = OnlineStores(made.environment.online_store)
    yield Loading(made, stores)
    stores.close()


def test_a_table_that_changed_is_loaded_whenever_it_changed(loading: Loading) -> None:
    assert "never loaded" in str(loading.ask()), "the first load belongs to a run"
    assert loading.load()
    before = loading.loaded()
    assert str(loading.ask()).startswith(f"none: decisions read {before}")

    loading.deliver(LAST)
    loading.small.make(LAST, LAST, *VALIDATED)
    assert isinstance(loading.ask(), dg.RunRequest)
    # It landed in the tick after a request, and again: nothing is remembered, so nothing is forgotten.
    loading.small.make(LAST, LAST, *VALIDATED)
    assert [isinstance(loading.ask(), dg.RunRequest) for _ in range(2)] == [True, True]
    assert loading.load()
    assert loading.loaded() != before
    assert str(loading.ask()).startswith("none:")


def test_days_that_were_made_again_and_have_not_changed_are_not_loaded_again(loading: Loading) -> None:
    """As after a backfill that changed nothing: the tables have new versions of the same rows."""
    assert loading.load()
    before, versions = loading.loaded(), [loading.small.lake.version(f"{PRODUCT.name}/{name}") for name in VALIDATED]
    loading.small.make(FIRST, LAST, *RAW, *VALIDATED)
    assert [loading.small.lake.version(f"{PRODUCT.name}/{name}") for name in VALIDATED] > versions
    assert str(loading.ask()) == f"none: decisions read {before}, which is what the lake has"
    loading.small.make(FIRST, LAST, *RAW)
    assert str(loading.ask()).startswith("none:"), "half made, but of the same rows"
    loading.deliver(FIRST)
    loading.small.make(FIRST, LAST, *VALIDATED)
    assert isinstance(loading.ask(), dg.RunRequest)


def test_half_a_backfill_is_not_loaded(loading: Loading) -> None:
    assert loading.load()
    instance = loading.small.instance
    backfill = PartitionBackfill(
        backfill_id="abc", status=BulkActionStatus.REQUESTED, from_failure=False, tags={}, backfill_timestamp=0.0,
        asset_selection=[asset_key(PRODUCT, name) for name in VALIDATED], serialized_asset_backfill_data="",
    )  # fmt: skip
    instance.add_backfill(backfill)
    loading.deliver(LAST)
    loading.small.make(LAST, LAST, *VALIDATED)
    assert str(loading.ask()) == "wait: not over yet: backfill abc"
    instance.update_backfill(backfill.with_status(BulkActionStatus.COMPLETED_SUCCESS))

    run = instance.create_run_for_job(
        loading.small.definitions.resolve_job_def(daily_name(PRODUCT)), status=dg.DagsterRunStatus.STARTED
    )
    assert str(loading.ask()) == f"wait: not over yet: run {run.run_id[:8]}"
    instance.report_run_canceled(run)
    assert isinstance(loading.ask(), dg.RunRequest)


def test_days_that_a_cancelled_backfill_left_half_made_are_not_loaded(loading: Loading) -> None:
    assert loading.load()
    loading.small.make(FIRST, LAST, *RAW)
    loading.deliver(LAST)
    loading.small.make(LAST, LAST, VALIDATED[0])
    answer = str(loading.ask())
    assert answer.startswith("wait: half made: ")
    assert str(FIRST) in answer
    assert "loopline backfill card_fraud" in answer
    loading.small.make(FIRST, LAST, *VALIDATED)
    assert isinstance(loading.ask(), dg.RunRequest)


def cancelled_backfill(loading: Loading, name: str, made: Sequence[date]) -> None:
    """A backfill of the validated tables alone, as the UI starts it, cancelled when these days were made."""
    instance, days = loading.small.instance, [FIRST, FIRST + timedelta(days=1), LAST]
    keys = [asset_key(PRODUCT, validated) for validated in VALIDATED]
    backfill = PartitionBackfill.from_asset_partitions(
        name, loading.small.definitions.resolve_asset_graph(), [day.isoformat() for day in days], keys,
        datetime.now(UTC).timestamp(), {}, instance,
        all_partitions=False, title=None, description=None, run_config=None,
    )  # fmt: skip
    instance.add_backfill(backfill)
    job = loading.small.definitions.resolve_job_def(daily_name(PRODUCT))
    for day in made:
        done = job.execute_in_process(
            instance=instance, partition_key=day.isoformat(), asset_selection=keys, run_config=QUIET,
            tags={"dagster/backfill": name},
        )  # fmt: skip
        assert done.success
    instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELED))


def test_a_cancelled_backfill_of_validated_tables_alone_is_not_loaded(loading: Loading) -> None:
    """The raw rows are not newer, and each table and day is whole; but the days do not belong together."""
    assert loading.load()
    cancelled_backfill(loading, "early", [])
    assert str(loading.ask()).startswith("none:"), "it had made nothing"
    loading.deliver(LAST)
    cancelled_backfill(loading, "late", [LAST])
    answer = str(loading.ask())
    assert answer.startswith("wait: half made: ")
    for source in SOURCES:
        days = f"{source} of {FIRST}, {FIRST + timedelta(days=1)}, which backfill late did not validate again"
        assert days in answer
    assert "loopline backfill card_fraud" in answer
    loading.small.make(FIRST, LAST - timedelta(days=1), VALIDATED[0])
    assert f"half made: {SOURCES[1]} of {FIRST}" in str(loading.ask())
    loading.small.make(FIRST, LAST - timedelta(days=1), VALIDATED[1])
    assert isinstance(loading.ask(), dg.RunRequest)


def test_tables_of_which_a_killed_run_validated_one_alone_are_not_loaded(loading: Loading) -> None:
    """A range is one run: it commits one table after the other, and dies between them."""
    assert loading.load()
    lake = loading.small.lake
    loading.deliver(LAST)
    # The table that is validated last fails.
    broken = [Path(path) for path in lake.paths("card_fraud/raw_fraud_labels", days=[LAST])]
    for path in broken:
        path.rename(path.with_suffix(".gone"))
    with pytest.raises(RunFailed, match="raw_fraud_labels"):
        loading.small.make(FIRST, LAST, *VALIDATED)
    assert lake.version("card_fraud/validated_card_transactions") == 1
    answer = str(loading.ask())
    assert answer.startswith("wait: half made: fraud_labels of ")
    assert "did not validate again" in answer
    for path in broken:
        path.with_suffix(".gone").rename(path)
    loading.small.make(FIRST, LAST, VALIDATED[1])
    assert isinstance(loading.ask(), dg.RunRequest)


def test_a_day_that_was_never_validated_is_no_half(loading: Loading) -> None:
    """A new day that is blocked in one source caps what is loaded of it, and keeps nothing else out."""
    assert loading.load()
    day = FIRST - timedelta(days=1)
    loading.small.make(day, day, *RAW)
    for path in loading.small.lake.paths("card_fraud/raw_fraud_labels", days=[day]):
        Path(path).unlink()
    with pytest.raises(RunFailed, match="raw_fraud_labels"):
        loading.small.make(day, day, *VALIDATED)
    assert isinstance(loading.ask(), dg.RunRequest)


def test_a_load_that_failed_is_tried_again(loading: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loading.load()
    loading.deliver(LAST)
    loading.small.make(LAST, LAST, *VALIDATED)
    lake = loading.small.lake
    moved = [
        (path, path.with_suffix(".gone")) for path in Path(lake.folder(f"card_fraud/{VALIDATED[0]}")).rglob("*.parquet")
    ]
    for path, gone in moved:
        path.rename(gone)
    assert not loading.load()
    assert str(loading.ask()).startswith("wait: 1 loads failed; the next one starts at ")
    for path, gone in moved:
        gone.rename(path)
    monkeypatch.setattr("assets.features.online.load_verdict._FIRST_PAUSE", timedelta(0))
    assert isinstance(loading.ask(), dg.RunRequest)
    assert loading.load()
    assert str(loading.ask()).startswith("none:")


def test_a_redis_that_lost_its_data_is_loaded_again(small: Callable[[str], Small], tmp_path: Path) -> None:
    made = small("card_fraud")
    made.make(FIRST, LAST, *RAW, *VALIDATED)
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as server:
        stores = OnlineStores(server.url)
        loading = Loading(made, stores)
        assert loading.load()
        assert str(loading.ask()).startswith("none:")
        with redis.Redis.from_url(server.url) as client:
            client.flushall()
        request = loading.ask()
        assert isinstance(request, dg.RunRequest)
        assert "lost its data" in request.tags["loopline/cause"]
        assert loading.load()
        assert str(loading.ask()).startswith("none:")
        stores.close()


@pytest.mark.parametrize(("failures", "minutes"), [(1, 1), (2, 2), (4, 8), (20, 60)])
def test_pauses_grow_to_an_hour(failures: int, minutes: int) -> None:
    now = datetime(2026, 10, 1, tzinfo=UTC)
    signals = LoadSignals("a", "b", ever_loaded=True, failures=failures, failed_at=now)
    before, after = (now + timedelta(minutes=minutes, seconds=seconds) for seconds in (-1, 1))
    assert load_verdict("p", signals, before).action == "wait"
    assert load_verdict("p", signals, after).action == "load"


def test_a_store_that_does_not_answer_starts_nothing(small: Callable[[str], Small]) -> None:
    made = small("card_fraud")
    made.make(LAST, LAST, *RAW, *VALIDATED)
    loading = Loading(made, OnlineStores("redis://127.0.0.1:9/0"))
    assert str(loading.ask()).startswith("unknown: online store of card_fraud cannot be used")
