"""The asset `retraining` in a run, and the causes that need the champion's bundle."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import pyarrow.compute as pc
import pytest

from assets.materialising import asset_key
from assets.monitoring.performance.assets import calibration_asset, estimated_performance_asset, kpis_asset
from assets.monitoring.retraining.assets import champion_of, retraining_asset, schedule_at
from assets.monitoring.retraining.causes import Champion, Examination, features_cause, staleness_cause
from assets.monitoring.retraining.gain import Earnings, shortfall
from assets.monitoring.retraining.table import recorded_verdict
from assets.monitoring.retraining.verdict import RetrainSignals
from assets.product import Partitions, Product, RetrainPolicy
from assets.vocabulary import FeatureSet
from resources.keys import Keys
from tests.support.data.scored_cards import A_DAY, DAYS, FIRST, PRODUCT, Bank

LAST = DAYS[-1]
END = datetime.combine(LAST + timedelta(days=1), time(), UTC)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    made = Bank(tmp_path_factory.mktemp("bank"))
    for day in (DAYS[9], LAST):  # the end of the test window, at which the champion was approved, and today
        assert made.make(calibration_asset, estimated_performance_asset, kpis_asset, day=day).success
    return made


def made(bank: Bank, product: Product, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    resources = {"lake": bank.lake, "rollout": bank.rollout, "keys": Keys.of(bank.environment.home)}
    asset = retraining_asset(product, Partitions("day", FIRST))
    return dg.materialize([asset], partition_key=LAST.isoformat(), resources=resources, instance=instance)


def trained(instance: dg.DagsterInstance, at: datetime) -> None:
    event = dg.AssetMaterialization(asset_key(PRODUCT, "model"), metadata={"trained_at": at.isoformat()})
    instance.report_runless_asset_event(event)


def test_a_day_is_recorded_with_its_causes_their_worth_and_what_holds_them(bank: Bank) -> None:
    """The crowned model knows nothing, and its estimates say so: they ask, and the cooldown of a training holds."""
    with dg.DagsterInstance.ephemeral() as instance:
        trained(instance, END - timedelta(days=2))
        trained(instance, END + timedelta(days=50))  # later than the day: a day that is made again does not see it
        done = made(bank, PRODUCT, instance)
        rows = {row["cause"]: row for row in bank.lake.read("card_fraud/retraining").to_pylist()}
        assert {"performance", "estimated", "drift", "features", "schedule"} == set(rows)
        estimated = rows["estimated"]
        assert (estimated["asks"], estimated["since"]) == ("retrain", DAYS[9]), "the first of its days"
        assert json.loads(estimated["evidence"])["rows"] == 7 * A_DAY
        assert rows["features"]["asks"] == "none"
        assert rows["drift"]["asks"] == "unknown"
        assert {row["action"] for row in rows.values()} == {"wait"}
        recorded = recorded_verdict(PRODUCT, bank.lake)
        assert recorded is not None
        assert list(recorded.holds) == ["cooldown"]
        assert (recorded.day, recorded.since, recorded.model_version) == (LAST, DAYS[9], "2")
        (event,) = done.get_asset_materialization_events()
        assert event.materialization.metadata["action"].value == "wait"
        content = bank.lake.read("card_fraud/retraining")
        made(bank, PRODUCT, instance)
        assert bank.lake.read("card_fraud/retraining").equals(content), "made again, a day says the same"


def signals(bank: Bank, product: Product, now: datetime = END) -> RetrainSignals:
    champion = champion_of(product, bank.rollout, Keys.of(bank.environment.home))
    found = Examination(product, bank.lake, champion, [LAST])
    return found.signals(now, [END - timedelta(days=60)], schedule_at(product, now), until=LAST)


def test_worth_is_the_shortfall_until_the_next_schedule(bank: Bank) -> None:
    """By the definition: the profit a row at approval less that of now, over all rows of the window."""
    estimates = bank.lake.read("card_fraud/estimated_performance")
    whole = estimates.filter(pc.and_(pc.equal(estimates["method"], "pape"), pc.equal(estimates["part"], "all")))
    by_day = {row["day"]: row for row in whole.to_pylist()}
    approved, now = by_day[DAYS[9]], by_day[LAST]
    lost = (approved["profit"] / approved["rows"] - now["profit"] / now["rows"]) * now["rows"]
    a_day = lost / PRODUCT.monitoring.window_days
    found = signals(bank, PRODUCT)
    left = (datetime(2026, 7, 1, 4, tzinfo=UTC) - END) / timedelta(days=1)
    kpis = bank.lake.read("card_fraud/kpis")
    of_profit = [row for row in kpis.to_pylist() if row["figure"] == "profit" and row["value"] is not None]
    window = [row for row in of_profit if row["day"] > LAST - timedelta(days=PRODUCT.monitoring.window_days)]
    realised = sum(row["expected"] - row["value"] for row in window) / PRODUCT.monitoring.window_days
    assert found.gain == pytest.approx(max(a_day, realised, 0.0) * left)
    assert "a day less than at approval" in found.gained


def test_without_figures_worth_is_not_known() -> None:
    assert shortfall(Earnings({}, {}, 1.0), LAST, 28) is None
    assert shortfall(Earnings({LAST: (90.0, 100)}, {}, None), LAST, 28) is None, "nobody knows what it was"
    found = shortfall(Earnings({LAST: (90.0, 100)}, {}, 1.46), LAST, 28)
    assert found is not None
    assert (found.basis, found.a_day) == ("estimated", pytest.approx(2.0))
    late = {LAST: 28.0, LAST - timedelta(days=27): 56.0, LAST - timedelta(days=28): 1e9}
    larger = shortfall(Earnings({LAST: (90.0, 100)}, late, 1.46), LAST, 28)
    assert larger is not None
    assert (larger.basis, larger.a_day, larger.until_next(10.0)) == ("realised", 3.0, 30.0)


def test_age_asks_from_its_day_on(bank: Bank) -> None:
    bundle = bank.bundle
    product = replace(PRODUCT, retraining=RetrainPolicy(max_age=timedelta(days=90)))
    begun = bundle.parts.created_at
    assert staleness_cause(product, bundle, begun + timedelta(days=89)).action == "none"
    asked = staleness_cause(product, bundle, begun + timedelta(days=90))
    assert (asked.action, asked.since) == ("retrain", (begun + timedelta(days=90)).date())
    assert staleness_cause(product, bundle, begun + timedelta(days=300)).key == asked.key, "it is asked for once"


def test_new_labels_ask_when_there_are_enough(bank: Bank) -> None:
    outcomes = bank.lake.read("card_fraud/batch_outcomes", columns=["label", "day"])
    since = bank.bundle.parts.created_at.date()
    known = outcomes.filter(pc.greater(outcomes["day"], since)) if since > date(2026, 1, 1) else outcomes
    count = int(pc.count(known["label"]).as_py())
    for enough, action in ((count, "retrain"), (count + 1, "none")):
        if enough:
            policy = RetrainPolicy(new_labels=enough, new_features=False)
            causes = {one.kind: one for one in signals(bank, replace(PRODUCT, retraining=policy)).causes}
            assert causes["labels"].action == action
            assert "features" not in causes


def test_a_feature_that_the_champion_lacks_asks_once_the_table_has_it(bank: Bank) -> None:
    bundle = bank.bundle
    features = PRODUCT.features
    fewer = FeatureSet(
        request=features.request, history=features.history[1:], derived=(), owner=features.owner
    )  # fmt: skip
    older = replace(bundle, parts=replace(bundle.parts, kernel=replace(bundle.parts.kernel, features=fewer)))
    new = [name for name in features.names if name not in fewer.names]
    asked = features_cause(PRODUCT, older, frozenset(features.names))
    assert asked.action == "retrain"
    assert new[0] in asked.reasons[0]
    waiting = features_cause(PRODUCT, older, frozenset())
    assert waiting.action == "none"
    assert "in no feature table yet" in waiting.reasons[0]


def test_a_bundle_that_cannot_be_read_makes_unknown_what_needs_it(bank: Bank) -> None:
    found = Examination(PRODUCT, bank.lake, Champion("2", problem="it was altered"), [LAST])
    causes = {one.kind: one for one in found.signals(END, [END], schedule_at(PRODUCT, END), until=LAST).causes}
    assert (causes["features"].action, causes["features"].reasons) == ("unknown", ("it was altered",))
    assert causes["estimated"].action == "retrain"
