"""Some rows of a source, decided a day later, with the load of the whole bank and a table of outcomes: for real."""

from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pyarrow.compute as pc

from assets.materialising import asset_key
from assets.product.names import FEATURES, ONLINE_STORE, TRAINING_SET, table_name
from assets.vocabulary import Events, FeatureSet, Number, at_least, days
from pipelines.build import build_pipeline
from pipelines.connections import clock_of
from pipelines.jobs import daily_name, retrain_name
from pipelines.operations.loop.run_job import run_job
from pipelines.products import load_product
from tests.integration.conftest import LAST, Small

FRAUD = load_product("card_fraud")
FEATURE_SET = FeatureSet(
    owner="tests",
    request=(Number("amount"),),
    history=(
        Events("card_transactions").count(days(1), name="load_1d"),
        Events("card_transactions").sum("amount", days(2), name="volume_2d"),
        Events("card_transactions", key="card_id").count(days(7), name="own_7d"),
        Events("fraud_labels", key="terminal_id", time="known_at").count(days(28), name="reports_28d"),
    ),
)
PRODUCT = replace(
    FRAUD,
    spine=replace(FRAUD.spine, sequence=None, after=timedelta(days=1)).where(amount=at_least(40)),
    label=replace(FRAUD.label, kind="outcome"),
    features=FEATURE_SET,
    decision=replace(FRAUD.decision, reasons={}),
    model=replace(FRAUD.model, monotone={}),
    monitoring=replace(FRAUD.monitoring, slices=()),
)
FIRST = LAST - timedelta(days=40)


def test_what_is_known_a_day_after_the_request_follows_from_the_past(small) -> None:
    bank: Small = small("card_fraud")
    clock = clock_of(PRODUCT, bank.environment)
    definitions = build_pipeline(PRODUCT, environment=bank.environment, resources={"clock": clock})
    layers = [f"{layer}_{source.name}" for source in PRODUCT.sources for layer in ("raw", "validated")]
    keys = [asset_key(PRODUCT, name) for name in (*layers, FEATURES, ONLINE_STORE)]
    run_job(definitions, bank.instance, daily_name(PRODUCT), days=(FIRST, LAST), selection=keys)
    rows = bank.lake.read(table_name(PRODUCT.name, FEATURES))
    requests = bank.lake.read("card_fraud/validated_card_transactions")
    wanted = requests.filter(pc.greater_equal(requests["amount"], 40))
    decided = wanted.filter(pc.less(wanted["day"], LAST))  # those of the last day are decided a day later
    assert set(rows["transaction_id"].to_pylist()) == set(decided["transaction_id"].to_pylist())
    at = dict(zip(requests["transaction_id"].to_pylist(), requests["event_time"].to_pylist(), strict=True))
    assert all(row["as_of"] == at[row["transaction_id"]] + timedelta(days=1) for row in rows.to_pylist())
    assert pc.all(pc.equal(rows["day"], rows["as_of"].cast("date32"))).as_py()
    assert pc.min(rows.filter(pc.greater(rows["day"], FIRST + timedelta(days=2)))["load_1d"]).as_py() > 50

    run_job(definitions, bank.instance, retrain_name(PRODUCT), selection=[asset_key(PRODUCT, TRAINING_SET)])
    event = bank.instance.get_latest_materialization_event(asset_key(PRODUCT, TRAINING_SET))
    assert event is not None
    checks = bank.instance.get_records_for_run(event.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    found = [record.event_log_entry.dagster_event.asset_check_evaluation_data for record in checks]  # type: ignore[union-attr]
    assert {check.check_name: check.passed for check in found}["follows_from_the_past"]
    training = bank.lake.read(table_name(PRODUCT.name, TRAINING_SET))
    assert set(training["label"].to_pylist()) == {0, 1}
