"""The assets `fingerprints` and `data_faults` over days in a lake, and what follows: the check, the hold, the alert."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from assets.monitoring.distributions.figures import Drift, drift_table
from assets.monitoring.faults.assets import data_faults_asset, fingerprints_asset
from assets.monitoring.faults.finding import Finding, findings_of
from assets.monitoring.faults.holding import StandingFaults, held_drift, held_performance, standing_faults
from assets.monitoring.performance.estimates import ESTIMATED_SCHEMA
from assets.monitoring.retraining.verdict import RetrainSignals, retrain_verdict
from assets.monitoring.signals import drift_cause, estimated_cause
from assets.monitoring.verdicts import MonitoringAction
from assets.product import AcceptedChange, Partitions, Product, ProductError, Verdict
from pipelines.alerting.monitors import of_faults
from pipelines.products import load_product
from resources.environments import load_environment
from resources.lake import Lake
from resources.lake.origins import stale_days
from tests.support.data.faulty_cards import FIRST, PLANTED, day_of_number, quiet_day, write_cards

PRODUCT = load_product("card_fraud")
N = 12
LAST = day_of_number(N - 1)
NOW = datetime.combine(LAST + timedelta(days=1), time(), UTC)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
CENTS = PLANTED["cents"][2]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """Eleven quiet days, and cents for euros on the last."""
    lake = Lake(load_environment({"LOOPLINE_HOME": str(tmp_path / "home")}).lake)
    write_cards(lake, [*(quiet_day(n) for n in range(N - 1)), CENTS(quiet_day(N - 1))], range(N))
    return lake


def make(lake: Lake, first: int, last: int, product: Product = PRODUCT) -> dg.ExecuteInProcessResult:
    """Both assets for these days, in one run."""
    days = {"dagster/asset_partition_range_start": str(day_of_number(first)),
            "dagster/asset_partition_range_end": str(day_of_number(last))}  # fmt: skip
    resources = {"lake": lake, "io_manager": dg.mem_io_manager}
    assets = [one(product, Partitions("day", FIRST)) for one in (fingerprints_asset, data_faults_asset)]
    return dg.materialize(assets, tags=days, resources=resources, run_config=QUIET)


def findings(lake: Lake) -> tuple[Finding, ...]:
    return findings_of(lake.read("card_fraud/data_faults"))


def mend(lake: Lake) -> None:
    write_cards(lake, [quiet_day(N - 1)], range(N - 1, N))


def record_drift(lake: Lake, *moved: str) -> None:
    names = ("amount", "card_mean_amount_1d", "card_count_1d", "terminal_risk_1d", "score")
    psi = {name: 0.9 if name in moved else 0.01 for name in names}
    kinds = dict.fromkeys(names[:-1], "numeric") | {"score": "score"}
    figures = tuple(
        Drift(name, kinds[name], psi[name], 0.0, 1.0, 9000, 0.0, psi_limit=0.25, limits_from="a test") for name in names
    )
    table = drift_table({LAST: figures})
    lake.replace("card_fraud/drift", table.append_column("model_version", [["3"] * table.num_rows]), days=[LAST])


def record_estimate(lake: Lake, auc: float) -> None:
    row = {
        "day": LAST, "method": "pape", "part": "all", "group": "", "rows": 9000, "accepted": 8000, "auc": auc,
        "auc_low": auc - 0.01, "auc_high": auc + 0.01,
    }  # fmt: skip
    table = pa.Table.from_pylist([row], schema=ESTIMATED_SCHEMA).append_column("approved_auc", [[0.9]])
    lake.replace("card_fraud/estimated_performance", table.append_column("model_version", [["3"]]), days=[LAST])


def test_cents_for_euros_are_told_with_the_features_that_follow_until_the_day_is_mended(lake: Lake) -> None:
    done = make(lake, 0, N - 1)
    root, *following = findings(lake)
    assert (root.place, root.kind, root.day, root.since) == ("card_transactions.amount", "scaled", LAST, LAST)
    assert (root.owner, root.figures["factor"]) == ("cards@bank.example", 100)
    assert root.moved == ("amount", "card_mean_amount_1d")
    assert {one.place for one in following} == {"features.amount", "features.card_mean_amount_1d"}
    assert {one.follows_from for one in following} == {"card_transactions.amount scaled"}
    (check,) = done.get_asset_check_evaluations()
    assert (check.asset_check_key.name, check.passed) == ("no_data_fault", False)
    assert "card_transactions.amount is 100 times the usual" in str(check.description)
    assert f"loopline backfill card_fraud --from {LAST} --to {LAST}" in str(check.description)

    mend(lake)
    assert stale_days(lake, ["card_fraud/fingerprints"]) == {"card_fraud/fingerprints": {LAST}}
    (check,) = make(lake, N - 1, N - 1).get_asset_check_evaluations()
    assert (findings(lake), check.passed) == ((), True)
    standing = standing_faults(PRODUCT, lake)
    assert (standing.latest, standing.late(NOW)) == ((), "")


def test_each_planted_fault_is_told_on_its_day_and_asks_for_no_model(tmp_path: Path) -> None:
    """A fault a day, in one history: a faulty day is no usual one for the days after it."""
    lake, first = Lake(str(tmp_path / "lake")), 14
    quiet, edits = [quiet_day(n) for n in range(first)], [edit for _, _, edit in PLANTED.values()]
    faulty = [edit(quiet_day(n)) for n, edit in enumerate(edits, start=first)]
    write_cards(lake, [*quiet, *faulty], range(first + len(faulty)))
    make(lake, 0, first + len(faulty) - 1)
    told: dict[date, list[tuple[str, str]]] = {}
    for one in findings(lake):
        if not one.follows_from and one.rows_of == "card_transactions":
            told.setdefault(one.day, []).append((one.kind, one.column))
    planted = [(kind, column) for kind, column, _ in PLANTED.values()]
    assert told == {day_of_number(first + n): [fault] for n, fault in enumerate(planted)}
    standing = standing_faults(PRODUCT, lake)
    assert standing.latest
    assert "was made" in standing.late(NOW + timedelta(days=30))


def test_a_change_that_was_accepted_is_no_fault_and_holds_nothing(lake: Lake) -> None:
    make(lake, 0, N - 1)
    change = AcceptedChange("card_transactions.amount", LAST, "the source sends cents now")
    accepting = replace(PRODUCT, monitoring=replace(PRODUCT.monitoring, accepted=(change,)))
    accepting.check()
    assert standing_faults(accepting, lake).findings == ()
    make(lake, N - 1, N - 1, product=accepting)
    assert findings(lake) == ()
    wrong = replace(change, column="card_transactions.sum")
    with pytest.raises(ProductError, match=r"accepted has the column 'card_transactions.sum', which no contract has"):
        replace(PRODUCT, monitoring=replace(PRODUCT.monitoring, accepted=(wrong,))).check()


def test_a_day_by_the_hour_is_judged_once_its_last_hour_is_there(lake: Lake) -> None:
    make(lake, 0, N - 2)
    assets = [one(PRODUCT, Partitions("hour", FIRST)) for one in (fingerprints_asset, data_faults_asset)]
    resources = {"lake": lake, "io_manager": dg.mem_io_manager}

    def hour(name: str) -> tuple[int, str]:
        done = dg.materialize(assets, partition_key=f"{LAST}-{name}", resources=resources, run_config=QUIET)
        (check,) = done.get_asset_check_evaluations()
        return len(findings(lake)), str(check.description)

    assert hour("05:00") == (0, f"{LAST} is judged when it is over")
    assert hour("23:00")[0] > 0


def test_labels_that_were_turned_round_hold_what_they_explain() -> None:
    """The same scores have other outcomes then, and a new model would learn the wrong ones."""
    flipped = Finding(LAST, "fraud_labels", "is_fraud", "flag_moved", LAST, {"share": 0.3, "usual": 0.02, "rows": 900})
    standing = StandingFaults(PRODUCT, (flipped,), LAST)
    concept: Verdict[MonitoringAction] = Verdict("retrain", ("concept drift",))
    calm: Verdict[MonitoringAction] = Verdict("none", ("calm",))

    def held(day: date, without: Callable[[frozenset[str]], Verdict[MonitoringAction]]) -> Verdict[MonitoringAction]:
        return held_drift(concept, day, lambda: standing, without)

    while_it_counts = held(LAST + timedelta(days=3), lambda names: calm if "concept" in names else concept)
    assert while_it_counts.action == "alert"
    assert while_it_counts.reasons[0].startswith("a data fault explains it: flag_moved: fraud_labels.is_fraud has its")
    assert held(LAST + timedelta(days=3), lambda _: concept) == concept, "features have drifted as well"
    assert held(LAST + timedelta(days=60), lambda _: calm) == concept, "those labels have left the window"


def test_a_retraining_that_a_fault_explains_is_held_until_it_is_mended(lake: Lake) -> None:
    make(lake, 0, N - 1)
    record_drift(lake, "amount", "card_mean_amount_1d", "score")
    held = drift_cause(PRODUCT, lake, "3", NOW)
    assert held.action == "alert"
    assert held.reasons[0].startswith("a data fault explains it: scaled: card_transactions.amount is 100 times")
    verdict = retrain_verdict(RetrainSignals((held,), (NOW - timedelta(days=90),)), PRODUCT.retraining, NOW)
    assert (verdict.action, verdict.run_key) == ("alert", None)

    fallen: Verdict[MonitoringAction] = Verdict("retrain", ("realised AUC 0.70, 0.90 at approval",))
    standing = standing_faults(PRODUCT, lake)
    of_labels = held_performance(fallen, LAST + timedelta(days=7), lambda: standing, is_realised=True)
    assert (of_labels.action, of_labels.reasons[-1]) == ("alert", *fallen.reasons)
    days = [LAST + timedelta(days=n) for n in range(-1, 100)]
    realised, estimated = (
        [day for day in days if held_performance(fallen, day, lambda: standing, is_realised=known) != fallen]
        for known in (True, False)
    )
    assert realised[0] == estimated[0] == LAST
    assert realised[-1] - estimated[-1] == PRODUCT.label.maturity, "its labels mature later"

    record_estimate(lake, 0.7)
    of_estimates = estimated_cause(PRODUCT, lake, "3", NOW)
    assert (of_estimates.action, of_estimates.reasons[0]) == ("alert", held.reasons[0])

    record_drift(lake, "amount", "card_count_1d", "terminal_risk_1d", "score")
    assert drift_cause(PRODUCT, lake, "3", NOW).action == "retrain", "the fault does not explain the other features"

    record_drift(lake, "amount", "card_mean_amount_1d", "score")
    mend(lake)
    make(lake, N - 1, N - 1)
    assert drift_cause(PRODUCT, lake, "3", NOW).action == "retrain"
    assert estimated_cause(PRODUCT, lake, "3", NOW).action == "retrain"


def test_people_are_told_of_a_fault_until_it_is_mended_and_of_days_that_nobody_makes(lake: Lake) -> None:
    nothing = of_faults(PRODUCT, lake, NOW)
    assert (nothing.alerts, nothing.over) == ((), {}), "no day was judged yet"
    make(lake, 0, N - 1)
    found = of_faults(PRODUCT, lake, NOW)
    (alert,) = found.alerts
    assert (alert.title, alert.partition) == ("data fault: card_transactions.amount scaled", str(LAST))
    assert alert.case == f"card_fraud/data_fault/card_transactions.amount-scaled/{LAST}"
    assert (alert.owner, found.ending(alert)) == ("cards@bank.example", "")
    assert alert.message.startswith("scaled: card_transactions.amount is 100 times")
    again = f"loopline backfill card_fraud --from {LAST} --to {LAST}, and: loopline run card_fraud"
    assert alert.remedy == f"ask cards@bank.example to mend card_transactions.amount, then: {again}"

    mend(lake)
    make(lake, N - 1, N - 1)
    mended = of_faults(PRODUCT, lake, NOW)
    assert mended.alerts == ()
    assert "it was mended" in mended.ending(alert)
    assert nothing.ending(alert) == "", "unknown is not calm"

    (late,) = of_faults(PRODUCT, lake, NOW + timedelta(days=4)).alerts
    assert late.title == "data fault: feed_missing"
    assert f"no day after {LAST} was made" in late.message
    assert "card_transactions (cards@bank.example)" in late.remedy
