"""What starts by itself: schedules, sensors and the online store's policy, asked over a real instance and lake."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import pyarrow as pa
import pytest

from assets.materialising import asset_key
from assets.monitoring.retraining.verdict import RetrainSignals
from assets.monitoring.verdicts import Cause
from pipelines.build import build_pipeline
from pipelines.jobs import daily_name, retrain_name
from pipelines.partitions import partitions_of
from pipelines.products import load_product, product_names
from pipelines.runs.requests import Attempt, next_attempt, request_partition, request_retraining
from resources.environments import load_environment
from resources.lake import Lake
from tests.graph.conftest import NOW, PRODUCT, QUIET, TODAY, YESTERDAY, Ticking, over

ALERTS = f"{PRODUCT.name}_alerts_sensor"
SENSOR = f"{PRODUCT.name}_retrain_sensor"
Monitored = Literal["drift", "performance"]
MONITORED = pytest.mark.parametrize("kind", ["drift", "performance"])
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
    assert len(on) == 11
    assert set(on.values()) == {"RUNNING"}


# ---------------------------------------------------------------------- retraining


def record(ticking: Ticking, kind: Monitored, moved: Sequence[date], calm: Sequence[date] = (), **terms: Any) -> None:
    """Figures of days on which the champion drifted, or lost, and of calm ones."""
    if kind == "drift":
        ticking.record_drift(dict.fromkeys(calm, 0.1) | dict.fromkeys(moved, 0.6), **terms)
    else:
        ticking.record_performance(dict.fromkeys(calm, 0.9) | dict.fromkeys(moved, 0.7), **terms)


@MONITORED
def test_a_cause_starts_one_retraining_and_no_second(ticking: Ticking, kind: Monitored) -> None:
    retrain(ticking, trained_at=NOW - timedelta(days=20))
    record(ticking, kind, days_before(2), days_before(4)[:2])
    request = requested(ticking.ask(SENSOR))
    assert request.run_key == f"card_fraud/{kind}/v3/2026-09-29", "since the first day of the episode"
    assert request.tags["loopline/cause"] == kind
    assert requested(ticking.ask(SENSOR)).run_key == request.run_key, "the same tick again names the same run"

    retrain(ticking, trained_at=NOW - timedelta(days=19), tags=dict(request.tags))
    assert f"already answered by a run ({request.run_key})" in str(ticking.ask(SENSOR))

    ticking.crown("4")
    record(ticking, kind, [YESTERDAY], model="4")
    assert requested(ticking.ask(SENSOR)).run_key == f"card_fraud/{kind}/v4/2026-09-30", (
        "a new model has its own causes"
    )


def test_two_causes_in_one_tick_are_one_retraining(ticking: Ticking) -> None:
    retrain(ticking, trained_at=NOW - timedelta(days=40))
    record(ticking, "drift", days_before(2))
    record(ticking, "performance", days_before(3))
    request = requested(ticking.ask(SENSOR))
    assert request.run_key == "card_fraud/performance/v3/2026-09-28"
    assert sorted(request.tags["loopline/causes"].split(",")) == [
        "card_fraud/drift/v3/2026-09-29",
        "card_fraud/performance/v3/2026-09-28",
        "card_fraud/schedule/2026-09-01T04:00",
    ]
    retrain(ticking, trained_at=NOW - timedelta(days=10), tags=dict(request.tags))
    answer = str(ticking.ask(SENSOR))
    assert answer.count("already answered") == 2


def test_a_sensor_that_was_restarted_or_runs_twice_asks_for_one_run(ticking: Ticking, tmp_path: Path) -> None:
    """Nothing is kept between ticks: a second process over the same records gives the same answer, and the same key."""
    retrain(ticking, trained_at=NOW - timedelta(days=20))
    record(ticking, "drift", [YESTERDAY])
    twin = over(ticking.instance, tmp_path)
    keys = {requested(one.ask(SENSOR)).run_key for one in (ticking, twin, ticking)}
    assert keys == {"card_fraud/drift/v3/2026-09-30"}
    begun = requested(ticking.ask(SENSOR))
    job = ticking.definitions.resolve_job_def(retrain_name(PRODUCT))
    tags = {**begun.tags, "dagster/run_key": str(begun.run_key)}
    ticking.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.NOT_STARTED)
    for one in (ticking, twin):
        assert "a retraining is under way" in str(one.ask(SENSOR)), "a daemon was killed before it started this run"


@MONITORED
def test_a_cause_within_the_cooldown_waits(ticking: Ticking, kind: Monitored) -> None:
    retrain(ticking, trained_at=NOW - timedelta(days=6))
    record(ticking, kind, [YESTERDAY])
    assert "wait until 2026-10-02T00:00" in str(ticking.ask(SENSOR))
    ticking.clock.today = TODAY + timedelta(days=1)
    assert requested(ticking.ask(SENSOR)).run_key == f"card_fraud/{kind}/v3/2026-09-30", (
        "it waited and is not forgotten"
    )


def test_a_scheduled_retraining_that_fell_into_the_cooldown_is_made_up_for(ticking: Ticking) -> None:
    """Also one whose time nobody saw, as while the daemon was down."""
    retrain(ticking, trained_at=datetime(2026, 9, 28, tzinfo=UTC))
    ticking.clock.today = date(2026, 10, 2)
    assert "wait: trained less than 7 days ago: wait until 2026-10-05T00:00" in str(ticking.ask(SENSOR))
    ticking.clock.today = date(2026, 10, 5)
    request = requested(ticking.ask(SENSOR))
    assert request.run_key == "card_fraud/schedule/2026-10-01T04:00"
    retrain(ticking, trained_at=datetime(2026, 10, 5, tzinfo=UTC), tags=dict(request.tags))
    assert isinstance(ticking.ask(SENSOR), str), "it was made up for"


def test_the_budget_holds_what_asks_until_a_training_is_long_past(ticking: Ticking) -> None:
    for days in range(8, 8 + PRODUCT.retraining.budget):
        retrain(ticking, trained_at=NOW - timedelta(days=days))
    record(ticking, "drift", [YESTERDAY])
    answer = str(ticking.ask(SENSOR))
    assert "wait: 12 trainings in 90 days, and the budget is 12: wait until 2026-12-11T00:00" in answer


def test_a_retraining_that_is_under_way_is_waited_for(ticking: Ticking) -> None:
    """Its model is not recorded yet, and a cause that came up meanwhile is not among those that it answers."""
    retrain(ticking, trained_at=NOW - timedelta(days=20))
    record(ticking, "drift", [YESTERDAY])
    request = requested(ticking.ask(SENSOR))
    answers: list[dg.RunRequest | str] = []

    def meanwhile() -> None:
        record(ticking, "performance", [YESTERDAY])
        answers.append(ticking.ask(SENSOR))

    retrain(ticking, trained_at=NOW, tags=dict(request.tags), meanwhile=meanwhile)
    (answer,) = answers
    assert "a retraining is under way: run" in str(answer)
    assert "wait until 2026-10-08" in str(ticking.ask(SENSOR))


def test_what_is_unknown_is_said_and_starts_nothing(ticking: Ticking) -> None:
    none = "no figures of the champion, version 3, are recorded for recent days"
    answer = str(ticking.ask(SENSOR))
    assert answer.startswith("unknown: ")
    for kind in ("drift", "performance", "estimated"):
        assert f"{kind}: {none}" in answer
    assert "3 of card_fraud is not published in this rollout store" in answer
    retrain(ticking, trained_at=NOW - timedelta(days=20))
    ticking.record_drift({YESTERDAY: 0.6}, rows=20)
    assert "20 rows in the window; at least 500 are needed" in str(ticking.ask(SENSOR))
    ticking.record_drift({TODAY - timedelta(days=9): 0.6})
    ticking.lake.replace(f"{PRODUCT.name}/drift", _nothing_of(ticking.lake), days=[YESTERDAY])
    assert "drift figures end on 2026-09-22, 9 days ago" in str(ticking.ask(SENSOR))


def _nothing_of(lake: Lake) -> pa.Table:
    return lake.schema(f"{PRODUCT.name}/drift").empty_table()


@MONITORED
def test_a_new_champion_is_not_judged_by_figures_of_its_predecessor(ticking: Ticking, kind: Monitored) -> None:
    retrain(ticking, trained_at=NOW - timedelta(days=20))
    record(ticking, kind, days_before(4))
    requested(ticking.ask(SENSOR))
    ticking.crown("4")
    assert "no figures of the champion, version 4, are recorded" in str(ticking.ask(SENSOR))


@MONITORED
def test_an_episode_of_months_is_one_cause(ticking: Ticking, kind: Monitored) -> None:
    """Its first day stays, whatever day it is asked on."""
    retrain(ticking, trained_at=NOW - timedelta(days=400))
    days = [TODAY - timedelta(days=n) for n in range(210, 0, -1)]
    record(ticking, kind, days[11:], days[:11])
    request = requested(ticking.ask(SENSOR))
    assert str(request.run_key).endswith(f"/v3/{TODAY - timedelta(days=199)}")
    retrain(ticking, trained_at=NOW + timedelta(hours=5), tags=dict(request.tags))
    for later in range(1, 4):
        day = TODAY + timedelta(days=later)
        record(ticking, kind, [day - timedelta(days=1)])
        ticking.clock.today = day
        assert f"already answered by a run ({request.run_key})" in str(ticking.ask(SENSOR))


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
    retrain(ticking, trained_at=NOW - timedelta(days=20))
    ticking.record_drift({YESTERDAY: 0.6})
    request = requested(ticking.ask(SENSOR))
    died(ticking, retrain_name(PRODUCT), request)
    assert "attempt 1 ended without success at" in str(ticking.ask(SENSOR))
    cause = Cause("drift", str(request.run_key), "retrain", ("it drifted",))
    signals = RetrainSignals((cause,), (NOW - timedelta(days=20),))
    for number, wait in ((2, timedelta(minutes=16)), (3, timedelta(hours=2)), (4, timedelta(hours=7))):
        soon = datetime.now(UTC) + wait
        again = requested(request_retraining(ticking.instance, PRODUCT, signals, NOW, moment=soon))
        assert again.run_key == f"{request.run_key}/attempt-{number}"
        assert again.tags["loopline/causes"] == request.run_key
        died(ticking, retrain_name(PRODUCT), again, refused=number == 4)
    later = datetime.now(UTC) + timedelta(days=9)
    answer = request_retraining(ticking.instance, PRODUCT, signals, NOW, moment=later)
    assert "already answered by a run" in str(answer), "a check refused the model, which is a result"


def test_a_retraining_killed_with_its_machine_is_asked_for_again_after_a_day(ticking: Ticking) -> None:
    """Half-way through, and never recorded as ended: its cause is not answered, and no other run starts meanwhile."""
    retrain(ticking, trained_at=NOW - timedelta(days=20))
    ticking.record_drift({YESTERDAY: 0.6})
    request = requested(ticking.ask(SENSOR))
    job = ticking.definitions.resolve_job_def(retrain_name(PRODUCT))
    tags = {**request.tags, "dagster/run_key": str(request.run_key)}
    ticking.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    signals = RetrainSignals(
        (Cause("drift", str(request.run_key), "retrain", ("it drifted",)),), (NOW - timedelta(20),)
    )
    moment = datetime.now(UTC) + timedelta(hours=23)
    assert "is under way" in str(request_retraining(ticking.instance, PRODUCT, signals, NOW, moment=moment))
    moment += timedelta(hours=2)
    again = requested(request_retraining(ticking.instance, PRODUCT, signals, NOW, moment=moment))
    assert again.run_key == f"{request.run_key}/attempt-2"


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
    retrain(ticking, trained_at=NOW - timedelta(days=20))
    ticking.record_drift({YESTERDAY: 0.1})
    ticking.record_performance({YESTERDAY: 0.89})
    assert str(ticking.ask(SENSOR)).startswith("unknown: estimated: no figures"), "what is calm is not told beside it"


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
    assert "none is on record" in str(ticking.ask(SENSOR))


def test_the_schedule_starts_the_first_training_and_leaves_the_next_to_the_sensor(ticking_on_disk: Ticking) -> None:
    ticking = ticking_on_disk
    repository = ticking.definitions.get_repository_def()
    assert repository.get_schedule_def(RETRAIN).cron_schedule == PRODUCT.retraining.cron
    due = datetime(2026, 10, 1, 4, tzinfo=UTC)
    request = requested(ticking.ask(RETRAIN, due))
    assert (request.run_key, request.tags["loopline/cause"]) == ("card_fraud/schedule/2026-10-01T04:00", "schedule")
    retrain(ticking, trained_at=NOW - timedelta(days=8), tags=dict(request.tags))
    later = datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert "card_fraud_retrain_sensor starts the next one when it is due" in str(ticking.ask(RETRAIN, later))
    assert "due" not in str(ticking.ask(SENSOR)), "a clock that stands has nothing new to teach"
    ticking.clock.today = date(2026, 11, 2)
    assert requested(ticking.ask(SENSOR)).run_key == "card_fraud/schedule/2026-11-01T04:00"


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
