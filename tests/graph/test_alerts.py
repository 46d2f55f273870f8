"""Alerts: what people are told of a run that failed, through a webhook of this machine."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import pyarrow as pa
import pytest

from assets.materialising import CAUSE_TAG, asset_key
from assets.monitoring.performance.kpis import KPI_SCHEMA
from pipelines.jobs import daily_name
from pipelines.sensors import approval_alert, failure_alert
from resources.environments import CHECKOUT
from resources.notifications import WebhookNotifier
from resources.rollout_store.store import RolloutStore
from resources.sources.readers import SourceUnavailable
from tests.graph.conftest import PRODUCT, QUIET, YESTERDAY, Ticking
from tests.support.servers.http_server import QuietHandler, serving


@dataclass
class Receiver:
    """A webhook of this machine and what was posted to it."""

    url: str
    alerts: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    alerts: list[dict[str, Any]] = []

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            alerts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(200)

    with serving(Handler) as server:
        yield Receiver(f"http://127.0.0.1:{server.server_port}/hook", alerts)


def tell(ticking: Ticking, receiver: Receiver, result: dg.ExecuteInProcessResult) -> None:
    """The failure sensor sees the run."""
    run = ticking.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE
    context = dg.build_run_status_sensor_context(
        sensor_name=f"{PRODUCT.name}_failure_alert",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=ticking.instance,
        dagster_run=run,
        resources={
            "notifier": WebhookNotifier(receiver.url),
            "rollout": RolloutStore.open(ticking.environment.rollout, ticking.environment.home / "fetched"),
        },
    )
    failure_alert(PRODUCT, ticking.environment)(context.for_run_failure())


def run_yesterday(ticking: Ticking, tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
    """The daily job's first asset, for a day whose file is not there."""
    return ticking.definitions.resolve_job_def(daily_name(PRODUCT)).execute_in_process(
        instance=ticking.instance,
        partition_key=YESTERDAY.isoformat(),
        asset_selection=[asset_key(PRODUCT, "raw_card_transactions")],
        tags=tags,
        run_config=QUIET,
        raise_on_error=False,
    )


def test_a_run_that_failed_for_good_is_told_once(ticking: Ticking, receiver: Receiver) -> None:
    failed = run_yesterday(ticking)
    tell(ticking, receiver, failed)
    (alert,) = receiver.alerts
    assert (alert["product"], alert["asset"], alert["partition"]) == (
        "card_fraud",
        "raw_card_transactions",
        "2026-09-30",
    )
    assert alert["message"].startswith("source card_transactions, day 2026-09-30: no file ")
    assert "ask the owner to deliver it, then run the day again" in alert["message"]
    assert (alert["title"], alert["run_id"]) == ("card_fraud_daily failed", failed.run_id)
    assert alert["link"] == f"{ticking.environment.dagster_url}/runs/{failed.run_id}"
    assert urlsplit(alert["link"]).hostname == "127.0.0.1"
    assert alert["remedy"] == "loopline backfill card_fraud --from 2026-09-30 --to 2026-09-30"
    assert (CHECKOUT / alert["runbook"].partition("#")[0]).is_file()
    assert (alert["kind"], alert["owner"]) == ("run_failed", PRODUCT.contract("card_transactions").owner)
    for told in ("card_fraud", "raw_card_transactions", "2026-09-30", "no file", "RUNBOOK.md"):
        assert told in alert["text"]


def test_an_attempt_that_will_be_retried_is_no_news(ticking: Ticking, receiver: Receiver) -> None:
    tell(ticking, receiver, run_yesterday(ticking, {"dagster/retry_on_asset_or_op_failure": "true"}))
    assert receiver.alerts == []


def test_an_error_that_is_not_ours_is_told_in_its_own_words(ticking: Ticking, receiver: Receiver) -> None:
    @dg.asset(key=asset_key(PRODUCT, "raw_card_transactions"))
    def raw() -> None:
        raise SourceUnavailable("source card_transactions, day 2026-09-30: the broker does not answer")

    result = dg.materialize(
        [raw],
        instance=ticking.instance,
        tags={
            "dagster/asset_partition_range_start": "2026-09-29",
            "dagster/asset_partition_range_end": "2026-09-30",
        },
        run_config=QUIET,
        raise_on_error=False,
    )
    tell(ticking, receiver, result)
    (alert,) = receiver.alerts
    assert alert["partition"] == "2026-09-29 to 2026-09-30"
    assert alert["message"].endswith("source card_transactions, day 2026-09-30: the broker does not answer")


def run_refused(ticking: Ticking, tags: dict[str, str]) -> dg.ExecuteInProcessResult:
    """A training whose model a gate refuses."""
    key = asset_key(PRODUCT, "evaluation")

    @dg.asset(key=key, check_specs=[dg.AssetCheckSpec("auc", asset=key, blocking=True)])
    def evaluation() -> Iterator[dg.MaterializeResult[Any]]:
        refused = dg.AssetCheckResult(
            passed=False, check_name="auc", description="auc: 0.61; at least 0.75 is required"
        )
        yield dg.MaterializeResult(check_results=[refused])

    return dg.materialize([evaluation], instance=ticking.instance, run_config=QUIET, raise_on_error=False, tags=tags)


@pytest.mark.parametrize(
    ("cause", "has_champion", "severity"),
    [("schedule", True, "info"), ("schedule", False, "error"), ("drift", True, "error"), ("", True, "error")],
)
def test_a_check_that_refused_is_told_with_its_reason(
    ticking: Ticking, receiver: Receiver, cause: str, has_champion: bool, severity: str
) -> None:
    """A model that only the calendar asked for is not missed, unless it were the first."""
    if not has_champion:
        (Path(ticking.environment.rollout) / PRODUCT.name / "manifest.json").unlink()
    tell(ticking, receiver, run_refused(ticking, {CAUSE_TAG: cause} if cause else {}))
    (alert,) = receiver.alerts
    assert (alert["asset"], alert["message"]) == ("evaluation", "refused by auc: 0.61; at least 0.75 is required")
    assert alert["severity"] == severity
    assert ("the champion goes on" in alert["title"]) == (severity == "info")


def run_chosen(ticking: Ticking, name: str, **terms: Any) -> dg.ExecuteInProcessResult:
    """A run of one asset in the job that Dagster makes for chosen assets, as the UI and automation start it."""
    job = ticking.definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=ticking.instance,
        asset_selection=[asset_key(PRODUCT, name)],
        run_config=QUIET,
        raise_on_error=False,
        **terms,
    )


def test_a_run_of_chosen_assets_names_its_days_and_the_remedy(ticking: Ticking, receiver: Receiver) -> None:
    days = {
        "dagster/asset_partition_range_start": "2026-09-29",
        "dagster/asset_partition_range_end": "2026-09-30",
    }
    tell(ticking, receiver, run_chosen(ticking, "validated_fraud_labels", tags=days))
    tell(ticking, receiver, run_chosen(ticking, "validated_fraud_labels", partition_key="2026-09-30"))
    several, one = receiver.alerts
    assert several["title"] == "card_fraud: validated_fraud_labels failed"
    assert several["partition"] == "2026-09-29 to 2026-09-30"
    assert several["remedy"].endswith("--from 2026-09-29 --to 2026-09-30 --select validated_fraud_labels")
    assert one["partition"] == "2026-09-30"
    assert one["remedy"].endswith("--from 2026-09-30 --to 2026-09-30 --select validated_fraud_labels")
    assert one["remedy"] in one["text"]


def test_a_load_that_failed_names_the_command_that_loads(ticking: Ticking, receiver: Receiver) -> None:
    """Automation starts it, without a day."""
    tell(ticking, receiver, run_chosen(ticking, "online_store"))
    (alert,) = receiver.alerts
    assert alert["title"] == "card_fraud: online_store failed"
    assert alert["remedy"] == "loopline load card_fraud"


def test_a_version_that_waits_for_an_approver_is_an_alert_with_its_card_and_the_commands(
    ticking: Ticking, receiver: Receiver
) -> None:
    card = "http://127.0.0.1:4701/#/experiments/1/runs/f00d/artifacts/documents/model_card.md"
    terms = f"{PRODUCT.name} 4 --by NAME --reason TEXT"
    waiting = {
        "version": "4", "reason": "all 18 gates passed; waits for an approver other than risk", "model_card": card,
        "approve": f"loopline approve {terms}", "reject": f"loopline reject {terms}",
    }  # fmt: skip
    sensor = approval_alert(PRODUCT)

    def tick(cursor: str | None) -> str | None:
        resources = {"notifier": WebhookNotifier(receiver.url)}
        with dg.build_sensor_context(ticking.instance, cursor=cursor, resources=resources) as context:
            return sensor.evaluate_tick(context).cursor

    def deploy(**metadata: Any) -> None:
        key = asset_key(PRODUCT, "deployment")
        ticking.instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata=metadata))

    cursor = tick(None)
    deploy(champion="3")
    cursor = tick(cursor)
    assert receiver.alerts == []
    deploy(champion="3", waiting=waiting)
    cursor = tick(cursor)
    tick(cursor)
    (alert,) = receiver.alerts
    assert (alert["title"], alert["severity"], alert["link"]) == ("version 4 waits for an approver", "warning", card)
    assert all(word in alert["message"] for word in (card, waiting["approve"], waiting["reject"], waiting["reason"]))


def test_a_business_figure_outside_of_the_expected_is_told_once_and_once_that_it_is_over(
    ticking: Ticking, capsys: pytest.CaptureFixture[str]
) -> None:
    def tick(value: float) -> str:
        """What the console has of one tick."""
        row = {
            "day": YESTERDAY, "figure": "approval_rate", "value": value, "expected": 0.75, "low": 0.7, "high": 0.8,
            "rows": 900, "over": "all", "basis": "approval", "outside": not 0.7 <= value <= 0.8,
        }  # fmt: skip
        ticking.lake.replace("card_fraud/kpis", pa.Table.from_pylist([row], schema=KPI_SCHEMA), days=[YESTERDAY])
        ticking.ask(f"{PRODUCT.name}_alerts_sensor")
        return capsys.readouterr().err

    assert "business figures" not in tick(0.75)
    first = tick(0.41)
    assert "business figures: approval rate is not as expected" in first
    assert f"approval rate 0.41, expected 0.7 to 0.8 (by approval)\nasset: kpis\npartition: {YESTERDAY}" in first
    assert "card_fraud/kpi/approval_rate" in first
    assert "business figures" not in tick(0.42)
    assert "ended: business figures" in tick(0.76)
    assert "business figures" not in tick(0.77)
