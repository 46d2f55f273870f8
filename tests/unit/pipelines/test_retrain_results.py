"""What became of a retraining, from real runs, and what people are told of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.bundle.bundle import Bundle
from assets.materialising import asset_key
from assets.monitoring.performance.figures import PERFORMANCE_SCHEMA
from assets.monitoring.retraining.helped import Retraining, help_verdict
from assets.monitoring.retraining.table import RecordedDay
from assets.monitoring.verdicts import Cause
from pipelines.alerting.monitors import of_retraining
from pipelines.jobs import retrain_name
from pipelines.products import load_product
from pipelines.runs.retrainings import last_retraining, with_causes
from resources.lake import Lake
from resources.rollout_store.manifest import Release, RolloutManifest

PRODUCT = load_product("card_fraud")
KEY = "card_fraud/performance/v3/2026-09-20"
TRAINED = datetime(2026, 9, 25, tzinfo=UTC)
DAY = date(2026, 9, 30)
STATE = RolloutManifest(
    product=PRODUCT.name, champion=Release(version="4", digest="ab" * 32), updated_at=TRAINED, by="tests", reason="t",
    former=(Release(version="3", digest="cd" * 32),),
)  # fmt: skip


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def ran(instance: dg.DagsterInstance, causes: str, *, version: str = "4", refused: bool = False) -> None:
    """A run of the retrain job: it trains, and registers a version, or a gate refuses the model."""

    @dg.asset(
        key=asset_key(PRODUCT, "model"),
        check_specs=[dg.AssetCheckSpec("min_auc", asset=asset_key(PRODUCT, "model"), blocking=True)],
    )
    def model() -> Iterator[dg.MaterializeResult[None]]:
        check = dg.AssetCheckResult(passed=not refused, check_name="min_auc", description="AUC 0.6 below 0.7")
        yield dg.MaterializeResult(metadata={"trained_at": TRAINED.isoformat()}, check_results=[check])

    @dg.asset(key=asset_key(PRODUCT, "registered_model"), deps=[asset_key(PRODUCT, "model")])
    def registered() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"version": version})

    job = dg.define_asset_job(retrain_name(PRODUCT), [model, registered])
    resolved = dg.Definitions([model, registered], jobs=[job]).resolve_job_def(retrain_name(PRODUCT))
    quiet: Any = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    done = resolved.execute_in_process(
        instance=instance, tags={"loopline/causes": causes}, raise_on_error=False, run_config=quiet
    )
    assert done.success != refused


def found(instance: dg.DagsterInstance, lake: Lake, state: RolloutManifest = STATE, bundle: Any = None) -> Retraining:
    made = last_retraining(instance, PRODUCT, lake, state, bundle)
    assert made is not None
    return made


def champion(low: float, high: float) -> Bundle:
    """The champion's bundle, of which only the version and the recorded comparison are read."""
    comparison = {"champion_auc": 0.75, "challenger_auc": 0.8, "difference": -0.05, "low": low, "high": high}
    return SimpleNamespace(version="4", parts=SimpleNamespace(metrics={"comparison": comparison}))  # type: ignore[return-value]


def test_a_run_that_nothing_asked_for_is_no_answer(instance: dg.DagsterInstance, lake: Lake) -> None:
    ran(instance, "")
    assert last_retraining(instance, PRODUCT, lake, STATE, None) is None


def test_a_version_that_decides_is_held_against_the_one_before(instance: dg.DagsterInstance, lake: Lake) -> None:
    ran(instance, f"{KEY},card_fraud/schedule/2026-09-01T04:00")
    better = found(instance, lake, bundle=champion(-0.08, -0.02))
    assert (better.kinds, better.since) == (frozenset({"performance", "schedule"}), date(2026, 9, 20))
    assert (better.version, better.fate, better.trained_at) == ("4", "decides", TRAINED)
    assert help_verdict(better).action == "helped"
    asks = Cause("performance", "card_fraud/performance/v4/2026-09-28", "retrain", ("it fell",))
    assert help_verdict(with_causes(better, "4", [asks])).action == "no help"
    assert with_causes(better, "5", [asks]).asks_again == frozenset(), "it asks for another version"
    assert help_verdict(found(instance, lake, bundle=champion(-0.03, 0.01))).action == "no help"


def test_labels_of_the_same_days_come_after_the_test_rows(instance: dg.DagsterInstance, lake: Lake) -> None:
    ran(instance, KEY)
    common = {"day": DAY, "rows": 900, "labelled": 900, "unlabelled": 0, "positives": 90, "scored": 900}
    rows = [{**common, "accepted": 450, "over": "all", "auc": auc} for auc in (0.7, 0.8)]
    table = pa.Table.from_pylist(rows, schema=PERFORMANCE_SCHEMA)
    lake.replace("card_fraud/batch_performance", table.append_column("model_version", pa.array(["4", "3"])), days=[DAY])
    made = found(instance, lake, bundle=champion(-0.08, -0.02))
    assert [(one.new, one.before) for one in made.compared] == [(0.8, 0.75), (0.7, 0.8)]
    assert help_verdict(made).action == "no help"


@pytest.mark.parametrize(
    ("state", "fate"),
    [
        (replace(STATE, champion=Release(version="3", digest="cd" * 32)), "waits"),
        (replace(STATE, champion=Release(version="5", digest="ef" * 32), former=(STATE.champion,)), "succeeded"),
        (
            replace(STATE, champion=Release(version="3", digest="cd" * 32)).changed(
                "roll_back", by="guard", reason="errors", at=TRAINED, subject="4"
            ),
            "rolled back",
        ),
    ],
)
def test_where_it_stands_is_read_from_the_rollout(
    instance: dg.DagsterInstance, lake: Lake, state: RolloutManifest, fate: str
) -> None:
    ran(instance, KEY)
    assert found(instance, lake, state).fate == fate


def test_a_refusal_is_told_with_what_else_may_be_wrong(instance: dg.DagsterInstance, lake: Lake) -> None:
    ran(instance, KEY, refused=True)
    made = found(instance, lake)
    assert (made.version, made.fate, made.refused) == (None, "refused", ("AUC 0.6 below 0.7",))
    (alert,) = of_retraining(PRODUCT, None, made).alerts
    assert alert.title == "a retraining did not help: the retraining"
    assert "its checks refused the model: AUC 0.6 below 0.7" in alert.message
    assert "what else may be wrong: the change is too young" in alert.message, "labels take seven days, it had five"


def test_what_is_held_by_money_is_an_alert_and_a_cooldown_is_none() -> None:
    held = RecordedDay(DAY, "wait", ("drift: it drifted",), {"cooldown": "wait"}, None, 0.0, date(2026, 9, 20), "3")
    assert of_retraining(PRODUCT, held, None).alerts == ()
    (alert,) = of_retraining(PRODUCT, replace(held, holds={"budget": "12 trainings in 90 days"}), None).alerts
    assert (alert.kind, alert.episode, alert.partition) == ("retraining", "2026-09-20", "2026-09-30")
    assert alert.message.startswith("12 trainings in 90 days. drift: it drifted")
    calm = of_retraining(PRODUCT, replace(held, action="none", holds={}), None)
    assert calm.ending(alert) == "it is held no longer, or a later retraining took its place"
