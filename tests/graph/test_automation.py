"""What starts by itself: schedules, sensors and the online store's policy, asked over a real instance and lake."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.materialising import asset_key
from assets.monitoring.verdicts import Cause
from pipelines.build import build_pipeline
from pipelines.jobs import daily_name, retrain_name
from pipelines.partitions import partitions_of
from pipelines.products import load_product, product_names
from pipelines.run_requests import Attempt, next_attempt, request_partition, request_retraining
from resources.environments import load_environment
from resources.lake import Lake
from tests.graph.conftest import NOW, PRODUCT, QUIET, TODAY, YESTERDAY, Ticking

ALERTS = f"{PRODUCT.name}_alerts_sensor"
DRIFT, PERFORMANCE = f"{PRODUCT.name}_drift_sensor", f"{PRODUCT.name}_performance_sensor"
LANDING = f"{PRODUCT.name}_landing_sensor"
DAILY, RETRAIN = f"{PRODUCT.name}_daily_schedule", f"{PRODUCT.name}_retrain_schedule"


def retrain(
    ticking: Ticking,
    *,
    trained_at: datetime,
    tags: dict[str, str] | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """A run of the retrain job as the instance sees it: its tags, and a model with the time of its training."""

    @dg.asset(key=asset_key(PRODUCT, "model"))
    def model() -> dg.MaterializeResult[None]:
        meanwhile()
        return dg.MaterializeResult(metadata={"trained_at": trained_at.isoformat()})

    definitions = dg.Definitions([model], jobs=[dg.define_asset_job(retrain_name(PRODUCT), [model])])
    job = definitions.resolve_job_def(retrain_name(PRODUCT))
    assert job.execute_in_process(instance=ticking.instance, tags=tags, run_config=QUIET).success


def requested(answer: dg.RunRequest | str) -> dg.RunRequest:
    assert isinstance(answer, dg.RunRequest), answer
    return answer


def asked(ticking: Ticking, why: str, moment: datetime) -> dg.RunRequest | Any:
    """The answer to a request for yesterday."""
    partitions = partitions_of(PRODUCT, ticking.environment)
    return request_partition(ticking.instance, PRODUCT, partitions, YESTERDAY, why=why, moment=moment)


def days_before(days: int) -> list[date]:
    return [TODAY - timedelta(days=n) for n in range(days, 0, -1)]


# ---------------------------------------------------------------------- what is on


@pytest.mark.parametrize("name", product_names())
def test_everything_is_on_by_default(name: str, tmp_path: Path) -> None:
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path)})
    repository = build_pipeline(load_product(name), environment=environment).get_repository_def()
    on = {schedule.name: schedule.default_status.value for schedule in repository.schedule_defs}
    on |= {sensor.name: sensor.default_status.value for sensor in repository.sensor_defs}
    assert len(on) == 12
    assert set(on.values()) == {"RUNNING"}


# ---------------------------------------------------------------------- retraining


@pytest.mark.parametrize("sensor", [DRIFT, PERFORMANCE])
def test_a_cause_starts_one_retraining_and_no_second(ticking: Ticking, sensor: str) -> None:
    retrain(ticking, trained_at=NOW - timedelta(days=40))
    ticking.record_drift(dict.fromkeys(days_before(4), 0.1) | dict.fromkeys(days_before(2), 0.6))
    ticking.record_performance(dict.fromkeys(days_before(4), 0.9) | dict.fromkeys(days_before(2), 0.7))
    request = requested(ticking.ask(sensor))
    kind = "drift" if sensor == DRIFT else "performance"
    assert request.run_key == f"card_fraud/{kind}/v3/2026-09-29", "since the first day of the episode"
    assert request.tags["loopline/cause"] == kind
    assert requested(ticking.ask(sensor)).run_key == request.run_key, "the same tick again names the same run"

    retrain(ticking, trained_at=NOW - timedelta(days=39), tags=dict(request.tags))
    assert f"already answered by a run ({request.run_key})" in str(ticking.ask(sensor))

    ticking.crown("4")
    ticking.record_drift({YESTERDAY: 0.7}, model="4")
    ticking.record_performance({YESTERDAY: 0.6}, model="4")
    assert requested(ticking.ask(sensor)).run_key == f"card_fraud/{kind}/v4/2026-09-30", (
        "a new model has its own causes"
    )


@pytest.mark.parametrize("sensor", [DRIFT, PERFORMANCE])
def test_a_cause_within_the_cooldown_waits(ticking: Ticking, sensor: str) -> None:
    retrain(ticking, trained_at=NOW - timedelta(days=6))
    ticking.record_drift({YESTERDAY: 0.6})
    ticking.record_performance({YESTERDAY: 0.7})
    assert "wait until 2026-10-02T00:00" in str(ticking.ask(sensor))
    retrain(ticking, trained_at=NOW - timedelta(days=7))
    requested(ticking.ask(sensor))


def test_a_retraining_that_is_under_way_is_waited_for(ticking: Ticking) -> None:
    """Its model is not recorded yet, and the other sensor's cause is not among those that it answers."""
    retrain(ticking, trained_at=NOW - timedelta(days=40))
    ticking.record_drift({YESTERDAY: 0.6})
    ticking.record_performance({YESTERDAY: 0.7})
    request = requested(ticking.ask(DRIFT))
    answers: list[dg.RunRequest | str] = []
    retrain(
        ticking, trained_at=NOW, tags=dict(request.tags), meanwhile=lambda: answers.append(ticking.ask(PERFORMANCE))
    )
    (answer,) = answers
    assert "a retraining is under way: run" in str(answer)
    assert "wait until 2026-10-08" in str(ticking.ask(PERFORMANCE))


def test_what_is_unknown_is_said_and_starts_nothing(ticking: Ticking) -> None:
    none = "no figures of the champion, version 3, are recorded for recent days"
    assert ticking.ask(DRIFT) == f"unknown: drift: {none}"
    assert ticking.ask(PERFORMANCE) == f"unknown: performance: {none}"
    retrain(ticking, trained_at=NOW - timedelta(days=40))
    ticking.record_drift({YESTERDAY: 0.6}, rows=20)
    assert "20 rows in the window; at least 500 are needed" in str(ticking.ask(DRIFT))
    ticking.record_drift({TODAY - timedelta(days=9): 0.6})
    ticking.lake.replace(f"{PRODUCT.name}/drift", _nothing_of(ticking.lake), days=[YESTERDAY])
    assert "drift figures end on 2026-09-22, 9 days ago" in str(ticking.ask(DRIFT))


def _nothing_of(lake: Lake) -> pa.Table:
    return lake.schema(f"{PRODUCT.name}/drift").empty_table()


@pytest.mark.parametrize("sensor", [DRIFT, PERFORMANCE])
def test_a_new_champion_is_not_judged_by_figures_of_its_predecessor(ticking: Ticking, sensor: str) -> None:
    retrain(ticking, trained_at=NOW - timedelta(days=40))
    ticking.record_drift(dict.fromkeys(days_before(4), 0.6))
    ticking.record_performance(dict.fromkeys(days_before(4), 0.7))
    requested(ticking.ask(sensor))
    ticking.crown("4")
    assert "no figures of the champion, version 4, are recorded" in str(ticking.ask(sensor))


@pytest.mark.parametrize("sensor", [DRIFT, PERFORMANCE])
def test_an_episode_of_months_is_one_cause(ticking: Ticking, sensor: str) -> None:
    """Its first day stays, whatever day it is asked on."""
    retrain(ticking, trained_at=NOW - timedelta(days=400))
    record = ticking.record_drift if sensor == DRIFT else ticking.record_performance
    calm, moved = (0.1, 0.6) if sensor == DRIFT else (0.9, 0.7)
    record({TODAY - timedelta(days=n): moved if n < 200 else calm for n in range(210, 0, -1)})
    request = requested(ticking.ask(sensor))
    assert str(request.run_key).endswith(f"/v3/{TODAY - timedelta(days=199)}")
    retrain(ticking, trained_at=NOW - timedelta(days=30), tags=dict(request.tags))
    for later in range(1, 4):
        day = TODAY + timedelta(days=later)
        record({day - timedelta(days=1): moved})
        ticking.clock.today = day
        assert f"already answered by a run ({request.run_key})" in str(ticking.ask(sensor))


def died(ticking: Ticking, job: str, request: dg.RunRequest, *, refused: bool = False) -> dg.DagsterRun:
    """A run that a tick asked for, and that failed: in a step, or by a blocking check."""

    @dg.asset(
        check_specs=[dg.AssetCheckSpec("gate", asset="anything", blocking=True)],
        partitions_def=dg.DailyPartitionsDefinition("2026-09-01") if request.partition_key else None,
    )
    def anything() -> Iterator[dg.MaterializeResult[None]]:
        if not refused:
            raise RuntimeError("the machine went away")
        yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False, check_name="gate")])

    definitions = dg.Definitions([anything], jobs=[dg.define_asset_job(job, [anything])])
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=ticking.instance, partition_key=request.partition_key, raise_on_error=False, run_config=QUIET,
        tags={**request.tags, "dagster/run_key": str(request.run_key)},
    )  # fmt: skip
    assert not result.success
    return result.dagster_run


def test_a_retraining_that_died_answers_nothing_and_is_asked_for_again(ticking: Ticking) -> None:
    retrain(ticking, trained_at=NOW - timedelta(days=40))
    ticking.record_drift({YESTERDAY: 0.6})
    request = requested(ticking.ask(DRIFT))
    died(ticking, retrain_name(PRODUCT), request)
    assert "attempt 1 ended without success at" in str(ticking.ask(DRIFT))
    cause = Cause("drift", str(request.run_key), "retrain", ("it drifted",))
    for number, wait in ((2, timedelta(minutes=16)), (3, timedelta(hours=2)), (4, timedelta(hours=7))):
        soon = datetime.now(UTC) + wait
        again = requested(request_retraining(ticking.instance, PRODUCT, cause, NOW, moment=soon))
        assert again.run_key == f"{request.run_key}/attempt-{number}"
        assert again.tags["loopline/causes"] == request.run_key
        died(ticking, retrain_name(PRODUCT), again, refused=number == 4)
    later = datetime.now(UTC) + timedelta(days=9)
    answer = request_retraining(ticking.instance, PRODUCT, cause, NOW, moment=later)
    assert "already answered by a run" in str(answer), "a check refused the model, which is a result"


def test_a_day_whose_run_failed_is_asked_for_again(ticking: Ticking) -> None:
    ticking.made("features", TODAY - timedelta(days=2))
    land(ticking, YESTERDAY)
    request = requested(ticking.ask(LANDING))
    died(ticking, daily_name(PRODUCT), request)
    assert f"{YESTERDAY}: attempt 1 ended without success at" in str(ticking.ask(LANDING))
    for number in (2, 3):
        later = datetime.now(UTC) + timedelta(hours=2)
        again = requested(asked(ticking, "landed", later))
        assert (again.run_key, again.partition_key) == (f"landed:{YESTERDAY}/attempt-{number}", f"{YESTERDAY}")
        died(ticking, daily_name(PRODUCT), again)


def test_a_run_that_died_unrecorded_is_asked_for_again_after_a_day(ticking: Ticking) -> None:
    """Killed with its machine, it never ends in the records."""
    key = YESTERDAY.isoformat()
    tags = {"dagster/partition": key, "dagster/run_key": f"landed:{key}"}
    job = ticking.definitions.resolve_job_def(daily_name(PRODUCT))
    ticking.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    moment = datetime.now(UTC) + timedelta(hours=23)
    assert "is under way" in str(asked(ticking, "landed", moment))
    moment += timedelta(hours=2)
    again = requested(asked(ticking, "landed", moment))
    assert again.run_key == f"landed:{key}/attempt-2"


def test_attempts_wait_longer_each_time_and_at_most_a_day() -> None:
    waits = []
    for number in range(1, 8):
        earlier = [("k" if n == 1 else f"k/attempt-{n}", NOW) for n in range(1, number + 1)]
        attempt = next_attempt("k", [*earlier, ("k2", NOW), ("k2/attempt-99", NOW)], NOW)
        assert attempt.run_key == f"k/attempt-{number + 1}"
        assert attempt.wait_until is not None
        waits.append((attempt.wait_until - NOW) / timedelta(minutes=15))
    assert waits == [1, 4, 16, 64, 96, 96, 96]
    assert next_attempt("k", [("k2", NOW), ("k/attempt-x", NOW)], NOW) == Attempt("k")


def test_calm_figures_start_nothing(ticking: Ticking) -> None:
    retrain(ticking, trained_at=NOW - timedelta(days=40))
    ticking.record_drift({YESTERDAY: 0.1})
    ticking.record_performance({YESTERDAY: 0.89})
    assert str(ticking.ask(DRIFT)).startswith("none: drift: nothing is beyond its limit")
    assert str(ticking.ask(PERFORMANCE)).startswith("none: performance: realised AUC 0.890")


def test_drift_is_told_once_while_it_lasts_and_its_end_too(
    ticking: Ticking, capsys: pytest.CaptureFixture[str]
) -> None:
    """Further ticks have nothing to tell until the drift is gone."""
    ticking.record_drift({YESTERDAY - timedelta(days=1): 0.6, YESTERDAY: 0.6})
    assert ticking.ask(ALERTS) == "card_fraud/drift/v3/2026-09-29: open: not told yet"
    for _ in range(2):
        assert ticking.ask(ALERTS) == "nothing is due"
    assert capsys.readouterr().err.count("rows have drifted since 2026-09-29") == 1
    ticking.record_drift({YESTERDAY: 0.01})
    assert "resolve: drift is as it should be" in str(ticking.ask(ALERTS))
    assert ticking.ask(ALERTS) == "nothing is due"


def test_drift_without_a_training_on_record_is_a_contradiction(ticking: Ticking) -> None:
    ticking.record_drift({YESTERDAY: 0.6})
    assert "none is on record" in str(ticking.ask(DRIFT))


def test_the_retrain_schedule_keeps_its_cron_and_the_cooldown(ticking_on_disk: Ticking) -> None:
    ticking = ticking_on_disk
    repository = ticking.definitions.get_repository_def()
    assert repository.get_schedule_def(RETRAIN).cron_schedule == PRODUCT.retraining.cron
    due = datetime(2026, 10, 1, 4, tzinfo=UTC)
    request = requested(ticking.ask(RETRAIN, due))
    assert request.tags["loopline/cause"] == "schedule"
    retrain(ticking, trained_at=NOW - timedelta(days=2), tags=dict(request.tags))
    later = datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert "wait until 2026-10-06" in str(ticking.ask(RETRAIN, later)), "a clock that stands has nothing new to teach"
    retrain(ticking, trained_at=NOW - timedelta(days=8))
    assert requested(ticking.ask(RETRAIN, later)).run_key == "card_fraud/schedule/2026-11-01T04:00"


# ---------------------------------------------------------------------- days


def test_the_daily_schedule_asks_for_the_clocks_yesterday_once(ticking_on_disk: Ticking) -> None:
    ticking = ticking_on_disk
    machine = datetime(2026, 11, 20, 2, tzinfo=UTC)
    request = requested(ticking.ask(DAILY, machine))
    assert request.partition_key == "2026-09-30"
    assert request.tags["dagster/partition"] == "2026-09-30", "the job knows the day"
    ticking.made("features", YESTERDAY)
    assert "2026-09-30 is materialised already; the clock stands at 2026-10-01" in str(ticking.ask(DAILY, machine))


def land(ticking: Ticking, *days: date, sources: Sequence[str] = ("card_transactions", "fraud_labels")) -> None:
    for source in sources:
        folder = Path(ticking.environment.landing) / source
        folder.mkdir(parents=True, exist_ok=True)
        for day in days:
            (folder / f"{day}.csv").write_text("a header is a whole file\n")


def test_a_day_starts_when_all_its_files_have_landed(ticking: Ticking) -> None:
    land(ticking, *days_before(10))
    assert ticking.ask(LANDING) == "nothing is materialised yet; start with: loopline run card_fraud"
    ticking.made("features", *days_before(10)[:-1])
    (Path(ticking.environment.landing) / "fraud_labels" / f"{YESTERDAY}.csv").unlink()
    assert ticking.ask(LANDING) == f"{YESTERDAY} lacks files: fraud_labels/{YESTERDAY}.csv"
    land(ticking, YESTERDAY)
    request = requested(ticking.ask(LANDING))
    assert (request.partition_key, request.run_key) == ("2026-09-30", "landed:2026-09-30")


def test_days_that_have_landed_start_one_after_the_other(ticking: Ticking) -> None:
    """A day's features see the days before it, so the next day waits until they are there."""
    ticking.made("features", TODAY - timedelta(days=9))
    land(ticking, *days_before(8), TODAY)
    assert requested(ticking.ask(LANDING)).partition_key == "2026-09-23"
    assert requested(ticking.ask(LANDING)).run_key == "landed:2026-09-23", "the same run: nothing is there yet"
    ticking.made("features", TODAY - timedelta(days=8))
    assert requested(ticking.ask(LANDING)).partition_key == "2026-09-24"


def test_a_gap_is_left_to_people(ticking: Ticking) -> None:
    ticking.made("features", TODAY - timedelta(days=9), TODAY - timedelta(days=2))
    land(ticking, *days_before(8))
    assert requested(ticking.ask(LANDING)).partition_key == YESTERDAY.isoformat()


def test_files_after_the_sandboxs_end_start_nothing(ticking: Ticking) -> None:
    """A day that the bank does not have is no partition, and no tick fails over it."""
    ticking.made("features", YESTERDAY)
    land(ticking, TODAY)
    assert str(ticking.ask(LANDING)).startswith(f"card_fraud has no day {TODAY}:")


def test_a_day_that_is_being_made_is_not_started_again(ticking_on_disk: Ticking) -> None:
    ticking = ticking_on_disk
    ticking.made("features", TODAY - timedelta(days=2))
    land(ticking, YESTERDAY)
    answers: list[dg.RunRequest | str] = []

    @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-09-01"))
    def anything() -> None:
        answers.extend([ticking.ask(LANDING), ticking.ask(DAILY)])

    definitions = dg.Definitions([anything], jobs=[dg.define_asset_job(daily_name(PRODUCT), [anything])])
    definitions.resolve_job_def(daily_name(PRODUCT)).execute_in_process(
        instance=ticking.instance, partition_key=YESTERDAY.isoformat(), run_config=QUIET
    )
    assert [str(answer).startswith(f"{YESTERDAY} is under way: run ") for answer in answers] == [True, True]
    requested(ticking.ask(LANDING))
