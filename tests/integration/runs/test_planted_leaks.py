"""Leaks planted in a training set are caught by the audit, each by its own check; the clean one passes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.features.kernel.kernel import compile_features
from assets.product import (
    DecisionPolicy,
    Files,
    GatePolicy,
    Label,
    ModelSpec,
    Product,
    Profit,
    Spine,
)
from assets.training.assets import training_set_asset
from assets.training.leakage.audit import gather_evidence
from assets.training.leakage.verdict import LeakageFinding, leakage_findings
from assets.vocabulary import Category, Events, FeatureSet, HashedCategory, LearnedCategory, Number, Ratio, days
from resources.lake import Lake
from tests.support.clocks import StoppedClock

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=200)
TIME = pa.timestamp("us", tz="UTC")
ROWS, CUSTOMERS, EVENTS = 1500, 120, 6000
_DAY = 86_400_000_000

CONTRACT = """
source: {source}
description: made up
owner: tests@bank.example
key: [{key}]
event_time: event_time
known_at: known_at
max_quarantined: 0.05
columns:
  {key}: {{type: string, description: names the row}}
  customer_id: {{type: string, description: whom it is about}}
  event_time: {{type: timestamp, description: when it happened}}
  known_at: {{type: timestamp, description: when it could first be known}}
  amount: {{type: number, description: how much, resolution: 0.01}}
"""
payments = Events("payments", key="customer_id")
FEATURES = FeatureSet(
    owner="tests",
    request=(Number("amount"), Category("purpose", values=("car", "home"))),
    history=(
        payments.count(days(30), name="payments_30d"),
        payments.sum("amount", days(60), name="paid_60d", empty=0),
        payments.time_since_last(name="since_payment"),
    ),
    derived=(Ratio("paid_to_amount", numerator="paid_60d", denominator="amount"),),
)


@dataclass(frozen=True)
class World:
    """A product with a lake, an honest training set, and the label events."""

    product: Product
    lake: Lake
    rows: pa.Table
    labels: pa.Table

    def findings(self, rows: pa.Table | None = None, features: FeatureSet = FEATURES) -> tuple[LeakageFinding, ...]:
        """The findings of the audit on the training set, or on another one."""
        product = replace(self.product, features=features)
        evidence = gather_evidence(product, self.lake, self.rows if rows is None else rows, self.labels, NOW)
        assert evidence.rows == product.gates.audited_rows
        return leakage_findings(evidence, product.gates)

    def with_column(self, name: str, values: np.ndarray) -> pa.Table:
        return self.rows.append_column(name, pa.array(values, pa.float64(), from_pandas=True))


def times(values: np.ndarray) -> pa.Array:
    return pa.array(int(START.timestamp() * 1e6) + values.astype(np.int64), pa.int64()).cast(TIME)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder, random = tmp_path_factory.mktemp("leaks"), np.random.default_rng(4)
    contracts = folder / "contracts"
    contracts.mkdir()
    for source, key in (("applications", "row_id"), ("payments", "payment_id"), ("outcomes", "outcome_id")):
        (contracts / f"{source}.yaml").write_text(CONTRACT.format(source=source, key=key), encoding="utf-8")
    lake = Lake(str(folder / "lake"))
    asked = np.sort(random.integers(60 * _DAY, 120 * _DAY, ROWS))
    applications = pa.table(
        {
            "row_id": [f"A{number}" for number in range(ROWS)],
            "customer_id": [f"C{number}" for number in random.integers(0, CUSTOMERS, ROWS)],
            "event_time": times(asked),
            "known_at": times(asked),
            "amount": np.round(random.uniform(500, 9000, ROWS), 2),
            "purpose": random.choice(["car", "home"], ROWS),
        }
    )
    paid = random.integers(0, 140 * _DAY, EVENTS)
    # A third of the payments become known up to twelve days after they were made.
    late = np.where(random.random(EVENTS) < 0.33, random.integers(0, 12 * _DAY, EVENTS), 0)
    events = pa.table(
        {
            "payment_id": [f"P{number}" for number in range(EVENTS)],
            "customer_id": [f"C{number}" for number in random.integers(0, CUSTOMERS, EVENTS)],
            "event_time": times(paid),
            "known_at": times(paid + late),
            "amount": np.round(random.gamma(2.0, 40.0, EVENTS), 2),
        }
    )
    bad = random.random(ROWS) < 0.05 + 0.4 * (applications["amount"].to_numpy() > 6000)
    fell = asked + np.where(bad, random.integers(5 * _DAY, 30 * _DAY, ROWS), 30 * _DAY)
    outcomes = pa.table(
        {
            "row_id": applications["row_id"],
            "event_time": times(fell),
            "known_at": times(fell),
            "is_bad": pa.array(bad.astype(np.int64)),
        }
    )
    for name, table in (("applications", applications), ("payments", events), ("outcomes", outcomes)):
        store(lake, f"loans/validated_{name}", table)
    product = product_with(contracts)
    kernel = compile_features(FEATURES, product.resolutions)
    spine = applications.append_column("as_of", applications["event_time"])
    computed = kernel.compute({"payments": events}, spine)
    rows = spine.select(["row_id", "customer_id", "as_of"]).append_column("label", pa.array(bad.astype(np.int8)))
    for name in FEATURES.names:
        rows = rows.append_column(name, computed[name])
    return World(product, lake, rows, outcomes)


def store(lake: Lake, name: str, table: pa.Table) -> None:
    """A table with a partition a day of `known_at`."""
    day = table["known_at"].cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
    days = sorted(pc.unique(day).to_pylist())
    all_days = [days[0] + timedelta(days=number) for number in range((days[-1] - days[0]).days + 1)]
    lake.replace(name, table.append_column("day", day), days=all_days)


def product_with(contracts: Path) -> Product:
    return Product(
        name="loans", title="Loans", question="?", owner="tests@bank.example", impact="standard",
        start=date(2026, 1, 1), contracts=contracts,
        sources=tuple(Files(name, f"{name}/{{day}}.csv") for name in ("applications", "payments", "outcomes")),
        spine=Spine("applications", row_id="row_id"),
        label=Label("outcomes", "row_id", "is_bad", 1, timedelta(days=30), timedelta(days=1), "bad within 30 days"),
        features=FEATURES,
        model=ModelSpec(train_days=None, test_days=20),
        decision=DecisionPolicy("approve", "decline", Profit(1, 5)),
        gates=GatePolicy(min_auc=0.7),
    )  # fmt: skip


def test_a_clean_training_set_passes(world: World) -> None:
    """Kernel and brute force agree, and no honest feature is accused."""
    assert world.findings() == ()


@pytest.mark.parametrize("purpose", [LearnedCategory("purpose", top=1), HashedCategory("purpose", buckets=4)])
def test_a_category_whose_values_are_learned_or_hashed_is_audited_too(
    world: World, purpose: LearnedCategory | HashedCategory
) -> None:
    """It is encoded for the audit alone; an honest one passes."""
    assert world.findings(features=replace(FEATURES, request=(Number("amount"), purpose))) == ()


def test_a_feature_over_events_that_were_not_known_yet_is_caught(world: World) -> None:
    """Computed as if every payment had been known when it was made: the source is named."""
    kernel = compile_features(FEATURES, world.product.resolutions)
    events = world.lake.read("loans/validated_payments")
    early = events.set_column(events.column_names.index("known_at"), "known_at", events["event_time"])
    spine = world.rows.select(["row_id", "customer_id", "as_of", "amount", "purpose"])
    leaking = kernel.compute({"payments": early}, spine)["payments_30d"]
    rows = world.rows.set_column(world.rows.column_names.index("payments_30d"), "payments_30d", leaking)
    (finding,) = world.findings(rows)
    assert (finding.check, finding.feature) == ("follows_from_the_past", "payments_30d")
    assert "events of payments that became known only afterwards" in finding.reason
    assert "known_at" in finding.reason


def test_a_feature_that_counts_events_after_the_decision_is_caught(world: World) -> None:
    """All of a customer's payments, those after the decision included."""
    features = replace(FEATURES, history=(*FEATURES.history, payments.count(name="payments_ever")))
    counts = {row["values"]: row["counts"] for row in pc.value_counts(
        world.lake.read("loans/validated_payments")["customer_id"]).to_pylist()}  # fmt: skip
    values = np.array([float(counts.get(customer, 0)) for customer in world.rows["customer_id"].to_pylist()])
    (finding,) = world.findings(world.with_column("payments_ever", values), features)
    assert (finding.check, finding.feature) == ("follows_from_the_past", "payments_ever")
    assert "events of payments that became known only afterwards" in finding.reason


def test_a_single_altered_bit_is_caught(world: World) -> None:
    """The comparison is exact: the next double is another value, and no event explains it."""
    values = np.nextafter(world.rows["paid_60d"].to_numpy(), np.inf)
    rows = world.rows.set_column(world.rows.column_names.index("paid_60d"), "paid_60d", pa.array(values))
    (finding,) = world.findings(rows)
    assert (finding.check, finding.feature) == ("follows_from_the_past", "paid_60d")
    assert "no event explains it" in finding.reason


@pytest.mark.parametrize(
    ("plant", "checks"),
    [
        pytest.param(
            lambda bad, days, random: np.where(bad, days, 0) + random.normal(0, 0.1, len(bad)),
            {"follows_from_the_past", "label_timing", "label_proxy"},
            id="days until the loan fell",
        ),
        pytest.param(
            lambda bad, days, random: np.where(bad, -days, -random.uniform(5, 30, len(bad))),
            {"follows_from_the_past", "label_timing"},
            id="when, hidden among made-up times",
        ),
        pytest.param(
            lambda bad, days, random: bad + random.normal(0, 0.2, len(bad)),
            {"follows_from_the_past", "label_proxy"},
            id="the label with noise",
        ),
        pytest.param(
            lambda bad, days, random: np.where(bad, 0, random.choice([-1, 1], len(bad)) * random.uniform(1, 2)),
            {"follows_from_the_past", "label_proxy"},
            id="a value that only bad rows have, in the middle",
        ),
    ],
)
def test_a_column_filled_in_after_the_fact_is_caught(
    world: World, plant: Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray], checks: set[str]
) -> None:
    """A request column that the source of the requests never had, filled in from the outcome."""
    bad = world.rows["label"].to_numpy().astype(bool)
    waited = world.labels["event_time"].cast(pa.int64()).to_numpy() - world.rows["as_of"].cast(pa.int64()).to_numpy()
    rows = world.with_column("note_length", plant(bad, waited / _DAY, np.random.default_rng(8)))
    features = replace(FEATURES, request=(*FEATURES.request, Number("note_length")))
    findings = world.findings(rows, features)
    assert {finding.feature for finding in findings} == {"note_length"}
    assert {finding.check for finding in findings} == checks


def test_a_column_filled_in_at_its_source_is_caught_by_what_it_tells(world: World, tmp_path: Path) -> None:
    """The source itself overwrote the column afterwards: brute force agrees, the proxy is caught all the same."""
    bad = world.rows["label"].to_numpy().astype(float)
    stored = world.lake.read("loans/validated_applications")
    known = dict(zip(world.rows["row_id"].to_pylist(), bad.tolist(), strict=True))
    lake = Lake(str(tmp_path / "lake"))
    applications = stored.append_column("status", pa.array([known[row] for row in stored["row_id"].to_pylist()]))
    store(lake, "loans/validated_applications", applications.drop_columns(["day"]))
    store(lake, "loans/validated_payments", world.lake.read("loans/validated_payments").drop_columns(["day"]))
    features = replace(FEATURES, request=(*FEATURES.request, Number("status")))
    findings = replace(world, lake=lake).findings(world.with_column("status", bad), features)
    assert {(finding.check, finding.feature) for finding in findings} == {("label_proxy", "status")}
    assert all("'status'" in finding.reason and "remove it from the features" in finding.reason for finding in findings)


def test_correct_features_pass_where_a_source_is_read_by_two_keys_and_one_is_missing(
    world: World, tmp_path: Path
) -> None:
    """A run of the training set: online payments have no shop, anonymous ones no customer, and so have applications."""
    random, lake = np.random.default_rng(8), Lake(str(tmp_path / "lake"))

    def with_keys(table: pa.Table) -> pa.Table:
        """A column of shops; a third of the shops and a tenth of the customers are missing."""
        shops = pa.array(random.choice(["S1", "S2", "S3"], len(table)), mask=random.random(len(table)) < 0.33)
        customers = pa.array(table["customer_id"].to_pylist(), mask=random.random(len(table)) < 0.1)
        at = table.column_names.index("customer_id")
        return table.set_column(at, "customer_id", customers).append_column("shop_id", shops).drop_columns(["day"])

    applications, events = (
        with_keys(world.lake.read(f"loans/validated_{name}")) for name in ("applications", "payments")
    )
    by_shop = Events("payments", key="shop_id")
    history = (*FEATURES.history, by_shop.sum("amount", days(7), name="shop_7d", empty=0), by_shop.time_since_last())
    features = replace(FEATURES, history=history)
    product = replace(world.product, features=features)
    spine = applications.append_column("as_of", applications["event_time"])
    computed = compile_features(features, product.resolutions).compute({"payments": events}, spine)
    rows = spine.select(["row_id", "customer_id", "shop_id", "as_of"])
    for name in features.names:
        rows = rows.append_column(name, computed[name])
    for name, table in (("applications", applications), ("payments", events), ("outcomes", world.labels)):
        store(lake, f"loans/validated_{name}", table)
    lake.replace("loans/features", rows.append_column("day", rows["as_of"].cast(pa.date32())), days=_days_of(rows))
    assert {None} < set(rows["shop_id"].to_pylist())
    made = dg.materialize(
        [training_set_asset(product)],
        resources={"lake": lake, "clock": StoppedClock(NOW.date()), "io_manager": dg.InMemoryIOManager()},
        raise_on_error=False,
    )
    checks = {check.check_name: check.passed for check in made.get_asset_check_evaluations()}
    assert checks["follows_from_the_past"]


def _days_of(rows: pa.Table) -> list[date]:
    first, last = (pick(rows["as_of"]).as_py().date() for pick in (pc.min, pc.max))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def test_the_cost_is_bounded_by_the_declared_sample(world: World) -> None:
    """As many rows are recomputed as the product's gates ask for, and no more than there are."""
    for wanted in (5, ROWS + 1):
        product = replace(world.product, gates=replace(world.product.gates, audited_rows=wanted))
        rows = world.rows.slice(0, 40)
        assert gather_evidence(product, world.lake, rows, world.labels, NOW).rows == min(wanted, 40)


def test_an_empty_training_set_is_no_clean_one(world: World) -> None:
    """Nothing could be measured, and an unknown does not pass."""
    evidence = gather_evidence(world.product, world.lake, world.rows.slice(0, 0), world.labels, NOW)
    (finding,) = leakage_findings(evidence, world.product.gates)
    assert finding.check == "label_proxy"
    assert finding.reason.startswith("no row has a known label yet")
