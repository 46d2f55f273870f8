"""Alerts from end to end: sensors send, the book keeps, commands silence and acknowledge, what is over ends."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.governance.audit_database import open_audit
from assets.materialising import asset_key
from assets.monitoring.performance.verdicts import KpiSignal
from assets.monitoring.signals import KpiFigures
from assets.monitoring.verdicts import Cause
from assets.product import Verdict
from pipelines.alerting.alerts import approval_wanted, rollout_held
from pipelines.alerting.endings import endings
from pipelines.alerting.monitors import Watched, of_cause, of_kpis
from pipelines.connections import alert_desk
from pipelines.partitions import partitions_of
from pipelines.products import load_product
from resources.alerts.life import AlertState, seen
from resources.environments import load_environment
from resources.notifications import Alert
from resources.rollout_store.manifest import Move, Release, RolloutManifest
from tests.support.processes.in_process import answer_of

PRODUCT = load_product("card_fraud")
DAY = date(2026, 9, 30)
NOW = datetime(2026, 10, 1, 3, tzinfo=UTC)
FAILED = Alert(
    severity="error", title="card_fraud_daily failed", product="card_fraud", message="no file", kind="run_failed",
    subject="card_fraud_daily", episode="2026-09-29-to-2026-09-30", run_id="", asset="features",
    partition="2026-09-29 to 2026-09-30",
)  # fmt: skip
MANIFEST = RolloutManifest(
    product="card_fraud", champion=Release(version="3", digest="ab" * 32), updated_at=NOW, by="tests", reason="tests"
)
DRIFT = Cause("drift", "card_fraud/drift/v3/2026-09-20", "retrain", ("score: PSI 0.31 above 0.25",))
NOTHING = Watched()
MOVE = Move(generation=7, action="pause", version="4", by="steward", reason="no evidence", at=NOW)


def standing(alert: Alert, at: datetime = NOW) -> dict[str, AlertState]:
    return {alert.case: seen(None, alert, PRODUCT.owner, at)}


def ended(
    alert: Alert, instance: dg.DagsterInstance, *, manifest: RolloutManifest = MANIFEST, monitors: Watched = NOTHING
) -> Mapping[str, str]:
    return endings(
        PRODUCT,
        partitions_of(PRODUCT, load_environment({})),
        instance,
        manifest,
        monitors,
        standing(alert, datetime.now(UTC) - timedelta(minutes=1)),
    )


def test_a_failed_run_ends_once_every_day_of_it_is_made_again() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        alert = FAILED
        for day in ("2026-09-29", "2026-09-30"):
            assert ended(alert, instance) == {}
            instance.report_runless_asset_event(dg.AssetMaterialization(asset_key(PRODUCT, "features"), partition=day))
        assert ended(alert, instance) == {alert.case: "features was made again"}


def test_an_answer_ends_what_waited_for_it() -> None:
    waiting = {"version": "4", "reason": "all gates passed", "model_card": "card", "approve": "a", "reject": "r"}
    alert, key = approval_wanted(PRODUCT, "run", waiting), asset_key(PRODUCT, "deployment")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata={"waiting": waiting}))
        assert ended(alert, instance) == {}
        instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata={"champion": "4"}))
        assert ended(alert, instance) == {alert.case: "it was answered, or a later version took its place"}


def test_a_rollout_that_goes_on_and_drift_that_is_gone_end_theirs() -> None:
    paused = rollout_held(PRODUCT, MOVE)
    back = rollout_held(PRODUCT, replace(MOVE, action="roll_back"))
    drifted = of_cause(PRODUCT, DRIFT)
    (alert,) = drifted.alerts
    calm = replace(DRIFT, action="none", reasons=("nothing drifted",))
    unknown = replace(DRIFT, action="unknown", reasons=("too few rows",))
    with dg.DagsterInstance.ephemeral() as instance:
        assert ended(paused, instance, manifest=replace(MANIFEST, hold="paused")) == {}
        assert ended(paused, instance) == {paused.case: "promote by tests: tests"}
        assert ended(back, instance) == {}
        later = replace(MANIFEST, generation=8, action="start", subject="5")
        assert ended(back, instance, manifest=later) == {back.case: "start of version 5 by tests"}
        assert ended(alert, instance, monitors=drifted) == {}
        assert ended(alert, instance, monitors=of_cause(PRODUCT, unknown)) == {}
        assert ended(alert, instance, monitors=of_cause(PRODUCT, calm)) == {alert.case: "drift is as it should be"}


def test_drift_is_one_alert_for_as_long_as_it_lasts() -> None:
    (first,) = of_cause(PRODUCT, DRIFT).alerts
    (tomorrow,) = of_cause(PRODUCT, replace(DRIFT, reasons=("score: PSI 0.40 above 0.25",))).alerts
    assert first.case == tomorrow.case == "card_fraud/drift/v3/2026-09-20"
    assert first.runbook.endswith("RUNBOOK.md#drift")


def test_a_cause_that_asks_for_people_alone_is_one_alert_whatever_its_day_until_a_retraining_takes_its_place() -> None:
    asks = replace(DRIFT, action="alert", reasons=("a data fault explains it: scaled",))
    found = [of_cause(PRODUCT, replace(asks, key=f"card_fraud/drift/v3/2026-09-2{day}")) for day in (1, 2)]
    (first,), (second,) = (one.alerts for one in found)
    assert first.case == second.case == "card_fraud/drift/v3"
    assert first.remedy.startswith("no retraining starts by itself")
    assert of_cause(PRODUCT, DRIFT).ending(first) == "another alert has its place"


def test_each_business_figure_is_an_alert_and_an_unknown_one_ends_none() -> None:
    odd = KpiSignal("approval_rate", 0.4, 0.7, 0.8, "target", outside=True)
    calm = KpiSignal("profit", 9, 1, 20, "target", outside=False)
    (alert,) = of_kpis(PRODUCT, KpiFigures(DAY, (odd, calm), Verdict("alert", (odd.sentence,)))).alerts
    assert alert.case == "card_fraud/kpi/approval_rate"
    assert alert.message == "approval rate 0.4, expected 0.7 to 0.8 (by target)"
    for outside, action, over in ((False, "none", True), (None, "none", False), (False, "unknown", False)):
        signals = (replace(odd, outside=outside), calm)
        later = of_kpis(PRODUCT, KpiFigures(DAY, signals, Verdict(action, ("tests",))))
        assert bool(later.ending(alert)) is over, (outside, action)


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return {"LOOPLINE_HOME": str(tmp_path)}


def test_the_commands_show_silence_and_acknowledge_and_the_audit_log_says_who(variables: dict[str, str]) -> None:
    environment = load_environment(variables)
    alert_desk(PRODUCT, environment).send(FAILED)
    shown = answer_of(["alerts", "card_fraud", "--json"], variables)
    (one,) = shown.told["alerts"]
    assert (one["case"], one["owner"], one["severity"]) == (FAILED.case, PRODUCT.owner, "error")
    assert FAILED.case in shown.people
    by = ["--by", "ada", "--reason", "known outage"]
    until = f"{date.today() + timedelta(days=2)}"
    silent = answer_of(["silence", "card_fraud", FAILED.case, "--until", until, *by, "--json"], variables)
    assert (silent.status, silent.told["until"]) == (0, f"{until}T00:00:00+00:00")
    assert answer_of(["acknowledge", "card_fraud", FAILED.case, *by, "--json"], variables).status == 0
    entries = [(one.action, one.actor, one.details["case"]) for one in open_audit(environment.records).entries()]
    assert entries == [("silence", "ada", FAILED.case), ("acknowledge", "ada", FAILED.case)]
    late = answer_of(["silence", "card_fraud", FAILED.case, "--until", "2020-01-01", *by, "--json"], variables)
    assert (late.status, "has ended already" in late.people) == (1, True)
    assert len(list(open_audit(environment.records).entries())) == 2
    unknown = answer_of(["acknowledge", "card_fraud", "card_fraud/x", *by, "--json"], variables)
    assert (unknown.status, unknown.told["error"]["kind"]) == (1, "AlertError")
