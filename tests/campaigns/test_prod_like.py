"""The whole of `credit_risk` on all the real servers of prod at once: `make prod-like`.

PostgreSQL, S3, Redis, a Kafka broker, a Spark cluster, an MLflow server and the credit bureau are stopped in three ways
and started again, one after the other, under a slow stream of decisions and beside commands. It takes about a quarter
of an hour on two cores.
"""

import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.feedback.assets import decisions_asset
from assets.product import Partitions
from assets.product.names import DECISIONS, table_name
from pipelines.connections import connections
from pipelines.jobs import PRODUCT_TAG
from pipelines.operations.loop.run_job import dagster_instance
from pipelines.products import load_product
from pipelines.runs.failures import first_failure
from resources.lake import Lake
from tests.campaigns.prod_like.bank import CUSTOMERS, yesterday
from tests.campaigns.prod_like.deployment import Command, Deployment
from tests.campaigns.prod_like.traffic import Answered, Traffic
from tests.support.servers.prod_servers import Way

pytestmark = [
    pytest.mark.skipif(os.environ.get("LOOPLINE_CAMPAIGN") != "1", reason="minutes; run: make prod-like"),
    pytest.mark.timeout(3600),
]

PRODUCT = "credit_risk"
STOPPED = ("PostgreSQL", "S3", "Redis", "Kafka", "Spark", "MLflow", "bureau")
OUTAGE_SECONDS: dict[Way, float] = {"SIGTERM": 6.0, "SIGKILL": 6.0, "SIGSTOP": 20.0}
COMMAND_SECONDS = 300.0
_LONGEST_SENTENCE = 900
_OVER_SECONDS = 240.0


@dataclass
class Trial:
    """What happened: the deployment, the answers of the stream, and the outages by server and way."""

    deployment: Deployment
    answers: list[Answered]
    outages: list[tuple[str, Way, float, float]]

    def during(self, moment: float) -> str:
        """The outage at a moment, for messages."""
        found = [f"{name} {way}" for name, way, begun, ended in self.outages if begun <= moment <= ended]
        return ", ".join(found) or "no outage"


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    """Brings prod up, stops and starts each server under traffic, and waits until every run is over."""
    folder = Path(tempfile.mkdtemp(prefix="loopline-prod-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own
    deployment = Deployment(folder)
    found = Trial(deployment, [], [])
    try:
        deployment.bring_up()
        for name, value in deployment.variables.items():
            os.environ[name] = value
        _bring_to_a_champion(deployment)
        product = load_product(PRODUCT)
        port = deployment.environment.ports.decisions
        with Traffic(port, PRODUCT, product.request_example, CUSTOMERS, _key_of(deployment)) as traffic:
            found.answers = traffic.record
            time.sleep(5)
            for name in STOPPED:
                for way in OUTAGE_SECONDS:
                    _stop_and_start(found, name, way)
            time.sleep(10)
        _wait_until_over(deployment)
        yield found
    finally:
        deployment.take_down()
    if not os.environ.get("LOOPLINE_KEEP"):
        shutil.rmtree(folder)


def _bring_to_a_champion(deployment: Deployment) -> None:
    for arguments in (
        ("doctor",),
        ("run", PRODUCT),
        ("approve", PRODUCT, "1", "--by", "Ada", "--reason", "the first model"),
        ("load", PRODUCT),
        ("up",),
    ):
        done = deployment.run(*arguments, seconds=900)
        assert done.status == 0, done.said


def _key_of(deployment: Deployment) -> str:
    """A key for the traffic: prod answers nobody without one."""
    named = ("--name", "traffic", "--role", "decide", "--by", "Ada", "--reason", "a trial", "--json")
    done = deployment.run("keys", "add", *named)
    assert done.status == 0, done.said
    return str(json.loads(next(line for line in done.said.splitlines() if line.startswith("{")))["key"])


def _stop_and_start(trial: Trial, name: str, way: Way) -> None:
    """An outage in the middle of a command that needs the server."""
    deployment, server = trial.deployment, trial.deployment.servers[name]
    command = deployment.start(*_command(name, way))
    time.sleep(random.Random(f"{name} {way}").uniform(4, 12))
    begun = time.monotonic()
    server.stop(way)
    time.sleep(OUTAGE_SECONDS[way])
    server.start()
    trial.outages.append((name, way, begun, time.monotonic()))
    command.ended(COMMAND_SECONDS)
    if name == "Spark" and way != "SIGSTOP":
        # The worker of a master that came back registers again by itself.
        time.sleep(5)


def _command(name: str, way: Way) -> tuple[str, ...]:
    """A command that uses the server: days again, the load of the online store, an answer."""
    last = yesterday()
    days = ("--from", f"{last - timedelta(days=1)}", "--to", f"{last}")
    if name == "MLflow":
        return {
            "SIGTERM": ("reject", PRODUCT, "1", "--by", "Ada", "--reason", "a trial"),
            "SIGKILL": ("repair", PRODUCT),
            "SIGSTOP": ("features", PRODUCT),
        }[way]
    if name == "Redis" and way != "SIGTERM":
        return ("load", PRODUCT)
    return ("backfill", PRODUCT, *days)


def _wait_until_over(deployment: Deployment) -> None:
    """Waits until no run of Dagster is active; asserted by the test that reads the runs."""
    deadline = time.monotonic() + _OVER_SECONDS
    with dagster_instance(deployment.environment) as instance:
        while instance.get_runs(_ACTIVE) and time.monotonic() < deadline:
            time.sleep(1)


_ACTIVE = dg.RunsFilter(
    statuses=[
        dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING,
    ]
)  # fmt: skip


def test_every_request_was_answered(trial: Trial) -> None:
    """With a decision, or with the fallback and its reason; no connection was dropped."""
    assert len(trial.answers) > 500
    wrong = [(trial.during(one.at), one) for one in trial.answers if one.status != 200 or not one.answer.get("outcome")]
    assert not wrong, wrong[:10]
    assert {one.answer["fallback"] for one in trial.answers} - {None}, "no outage reached the decisions"
    assert [one for one in trial.answers if one.answer["fallback"] is None]
    slow = [(trial.during(one.at), one.seconds) for one in trial.answers if one.seconds > 2]
    assert not slow, slow[:10]


def test_decisions_are_made_by_the_model_again_after_the_outages(trial: Trial) -> None:
    assert [one.answer["fallback"] for one in trial.answers[-10:]] == [None] * 10


def test_every_answer_is_in_the_log_and_in_the_lake(trial: Trial) -> None:
    environment, product = trial.deployment.environment, load_product(PRODUCT)
    days = sorted({datetime.now(UTC).date(), *(_day(one) for one in trial.answers)})
    # As the schedule of tomorrow sees it: then today is over.
    tomorrow = dg.DailyPartitionsDefinition(product.start.isoformat(), timezone="UTC", end_offset=1)
    asset = decisions_asset(product, Partitions("day", product.start))
    lake = Lake(environment.lake)
    with dagster_instance(environment) as instance:
        done = dg.materialize(
            [asset.map_asset_specs(lambda spec: spec.replace_attributes(partitions_def=tomorrow))],
            instance=instance,
            resources=dict(connections(product, environment)),
            tags={
                "dagster/asset_partition_range_start": days[0].isoformat(),
                "dagster/asset_partition_range_end": days[-1].isoformat(),
            },
        )
    assert done.success
    kept = set(lake.read(table_name(PRODUCT, DECISIONS), days=days)["decision_id"].to_pylist())
    answered = {str(one.answer["decision_id"]) for one in trial.answers}
    assert answered <= kept, sorted(answered - kept)[:10]


def _day(one: Answered) -> date:
    return datetime.fromisoformat(one.answer["decided_at"]).date()


def test_every_run_finished_or_failed_with_one_sentence(trial: Trial) -> None:
    with dagster_instance(trial.deployment.environment) as instance:
        runs = instance.get_runs()
        hanging = [(run.run_id, run.job_name, run.status.value) for run in runs if not run.is_finished]
        failed = {
            run.run_id: first_failure(instance, run.run_id, run.tags.get(PRODUCT_TAG, PRODUCT)).sentence
            for run in runs
            if run.status is dg.DagsterRunStatus.FAILURE
        }
    assert not hanging
    wrong = {run_id: said for run_id, said in failed.items() if not is_a_sentence(said)}
    assert not wrong, "\n\n".join(f"{run_id}: {said}" for run_id, said in wrong.items())


def test_every_command_finished_or_failed_with_one_sentence(trial: Trial) -> None:
    wrong = [command for command in trial.deployment.commands if command.status != 0 and not _refused(command)]
    assert not wrong, "\n\n".join(f"{' '.join(one.arguments)}: {one.status}\n{one.said[-4000:]}" for one in wrong)
    noisy = [command for command in trial.deployment.commands if "Traceback" in command.said]
    assert not noisy, "\n\n".join(f"{' '.join(one.arguments)}\n{one.said[-4000:]}" for one in noisy)


def _refused(command: Command) -> bool:
    """Whether it ended with status 1 and one sentence at its end."""
    lines = command.said.strip().splitlines()
    return command.status == 1 and lines[-1].startswith("✗ ") and is_a_sentence(lines[-1].removeprefix("✗ "))


def is_a_sentence(said: str) -> bool:
    """Whether it is one line for a person that names a remedy."""
    remedies = ("; ", ": ", "run ", "again", "start")
    return (
        0 < len(said) < _LONGEST_SENTENCE
        and "\n" not in said.strip()
        and "Traceback" not in said
        and any(word in said for word in remedies)
    )
