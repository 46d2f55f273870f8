"""A candidate with categories that are learned and hashed, from its training set to a decision."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import xgboost as xgb

from assets.bundle.bundle import ReasonWords
from assets.bundle.encoder import Encoder, bucket
from assets.bundle.files import load_bundle, write_bundle
from assets.bundle.scorer import Scorer
from assets.features.kernel.kernel import compile_features
from assets.product import (
    CandidateName,
    Compare,
    DecisionPolicy,
    Files,
    GatePolicy,
    IsNull,
    Label,
    ModelSpec,
    Product,
    ProductError,
    Profit,
    Rule,
    Spine,
    Words,
)
from assets.replay.decision import replay
from assets.serving.decision import Decision
from assets.serving.engine import Engine
from assets.training.candidate import candidate_parts, labelled_rows
from assets.training.candidates import train_candidates
from assets.vocabulary import FeatureError, FeatureSet, HashedCategory, LearnedCategory, Number

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = b"k" * 32
FEATURES = FeatureSet(
    request=(
        Number("amount", unit="EUR"),
        LearnedCategory("shop", top=3, at_least=20),
        HashedCategory("bank", buckets=8),
    ),
)
CONTRACT = """
source: applications
description: Applications.
owner: someone@bank.example
key: [application_id]
event_time: event_time
known_at: known_at
max_quarantined: 0.02
columns:
  application_id: {type: integer, description: names it}
  event_time: {type: timestamp, description: when}
  known_at: {type: timestamp, description: when known}
  amount: {type: number, description: amount, unit: EUR, resolution: 0.01}
"""


@pytest.fixture
def product(tmp_path: Path) -> Product:
    (tmp_path / "applications.yaml").write_text(CONTRACT)
    return Product(
        name="loans", title="Loans", question="Bad?", owner="risk", impact="standard", start=date(2026, 1, 1),
        contracts=tmp_path, sources=(Files("applications", "a/{day}.csv"),),
        spine=Spine(source="applications", row_id="application_id"),
        label=Label("applications", "application_id", "late", 1, timedelta(days=4), timedelta(days=1), "late"),
        features=FEATURES, model=ModelSpec(train_days=None, test_days=20, trials=2),
        decision=DecisionPolicy(accept="approve", refuse="decline", profit=Profit(1, 3)), gates=GatePolicy(min_auc=0.5),
    )  # fmt: skip


def _training_set(count: int = 3_000) -> pa.Table:
    """120 days; in the first 70 there are five shops, in the last 50 nearly all rows are of one that was not there."""
    random = np.random.default_rng(2)
    days = np.sort(random.uniform(0, 120, count))
    shops = random.choice(["book", "bar", "inn", "zoo", "kiosk"], count, p=[0.3, 0.3, 0.2, 0.195, 0.005])
    shops = np.where((days > 70) & (random.random(count) < 0.9), "fresh", shops).astype(object)
    shops[random.random(count) < 0.02] = None
    amount = np.round(random.exponential(100, count), 2)
    odds = amount / 60 - 2 + (shops == "bar") * 1.5
    decided_at = pa.array(
        (days * 86_400_000_000).astype(np.int64) + 1_767_225_600_000_000, pa.timestamp("us", tz="UTC")
    )
    return pa.table(
        {
            "application_id": np.arange(count), "as_of": decided_at, "amount": amount,
            "shop": pa.array(shops, pa.string()),
            "bank": [f"bank {number}" for number in random.integers(0, 400, count)],
            "label": pa.array((random.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int8)),
            "label_known_at": decided_at,
        }
    )  # fmt: skip


def test_a_vocabulary_is_learned_from_the_training_rows_alone(product: Product) -> None:
    """A value that floods the calibration and the test rows is not among those kept, nor is a rare one."""
    table = _training_set()
    rows, split, encoder = labelled_rows(product, table)
    trained = table.take(pa.array(split.train))["shop"].to_pylist()
    counts = {shop: trained.count(shop) for shop in ("book", "bar", "inn", "zoo", "fresh", "kiosk")}
    kept = sorted((shop for shop in counts if counts[shop] >= 20), key=lambda shop: (-counts[shop], shop))[:3]
    assert encoder.categories == {"shop": tuple(kept)}
    assert "fresh" not in kept
    assert counts["kiosk"] < 20
    fresh = rows.columns.index("shop=(other)")
    assert rows.matrix[split.test, fresh][table.take(pa.array(split.test))["shop"].to_numpy() == "fresh"].all()


def test_it_is_learned_from_values_and_not_from_their_order(product: Product) -> None:
    """The same rows in another order make the same encoder."""
    table = _training_set()
    order = np.random.default_rng(4).permutation(len(table))
    assert labelled_rows(product, table.take(pa.array(order)))[2] == labelled_rows(product, table)[2]


def test_the_words_of_a_reason_carry_the_median_of_the_accepted_training_rows(product: Product, tmp_path: Path) -> None:
    """The bundle brings them back from its files; the median is that of the rows below the threshold."""
    words = Words(high="The amount is higher than usual", low="The amount is lower than usual")
    product = replace(product, decision=replace(product.decision, reasons={"amount": words, "shop": "The shop"}))
    table = _training_set()
    rows, split, encoder = labelled_rows(product, table)
    parts = candidate_parts(
        product, rows, split, train_candidates(rows, split, product.model), encoder, pins={}, created_at=NOW
    )
    write_bundle(parts, tmp_path / "bundle", KEY)
    bundle = load_bundle(tmp_path / "bundle", KEY, None)
    assert bundle.policy == parts.policy
    train = rows.take(split.train)
    accepted = Engine(bundle, None).score(table.take(pa.array(split.train))) < bundle.policy.threshold
    median = float(np.median(train.matrix[accepted, train.columns.index("amount")]))
    assert dict(bundle.policy.reasons) == {"amount": ReasonWords(words.high, words.low, median), "shop": "The shop"}
    assert 0 < accepted.sum() < len(train)
    assert bundle.parts.usual is not None
    place = encoder.places["shop"]
    shops = train.matrix[accepted, place]
    assert bundle.parts.usual.cells[encoder.places["amount"].start] == median
    assert bundle.parts.usual.cells[place] == tuple(float(n == shops.sum(axis=0).argmax()) for n in range(4))


def test_rules_and_three_answers_travel_with_the_bundle(product: Product, tmp_path: Path) -> None:
    """A rule that began after the rows counts on them, one in shadow or ended does not; the capacity is of a day."""
    late, table = date(2100, 1, 1), _training_set()
    amount = float(np.quantile(table["amount"].to_numpy(), 0.9))
    large = Rule("large", "knock_out", Compare("amount", ">", amount), "Too large", "owner", late)
    shadow = Rule("shadow", "limit", IsNull("amount"), "Unknown", "owner", date(2020, 1, 1), mode="shadow")
    ended = Rule(
        "ended", "limit", Compare("amount", ">", 0), "Ended", "owner", date(2000, 1, 1), valid_until=date(2000, 1, 2)
    )
    decision = replace(product.decision, refer="review", review_accuracy=0.9, review_capacity=1.5, exploration=0.05)
    product = replace(product, rules=(large, shadow, ended), decision=decision)
    rows, split, encoder = labelled_rows(product, table)
    assert rows.ruled is not None
    by_id = dict(zip(table["application_id"].to_pylist(), table["amount"].to_pylist(), strict=True))
    assert [code == 2 for code in rows.ruled] == [by_id[row] > amount for row in rows.row_ids.tolist()]
    candidates = train_candidates(rows, split, product.model)
    parts = candidate_parts(product, rows, split, candidates, encoder, pins={}, created_at=NOW)
    calibrate = rows.take(split.calibrate)
    scores = candidates.boosted.predict(calibrate.matrix)
    policy = parts.policy
    between = (scores >= policy.refer_from) & (scores < policy.threshold) & (calibrate.ruled == 0)
    assert 0 < between.sum() <= 1.5 * calibrate.span_days
    write_bundle(parts, tmp_path / "bundle", KEY)
    bundle = load_bundle(tmp_path / "bundle", KEY, None)
    assert (bundle.policy, bundle.parts.rules) == (policy, product.rules)
    assert (policy.refer, policy.exploration, policy.explore_by) == ("review", 0.05, "accept")
    assert policy.explore_keys == product.features.key_columns


def test_one_text_for_every_value_of_a_number_is_refused(product: Product) -> None:
    with pytest.raises(ProductError, match=r"the reason of 'amount' must be Words\(high"):
        replace(product, decision=replace(product.decision, reasons={"amount": "The amount is high"}))
    with pytest.raises(ProductError, match="the reason of 'shop' must be one text"):
        replace(product, decision=replace(product.decision, reasons={"shop": Words(high="much")}))


def test_a_decision_sees_the_vocabulary_of_training(product: Product, tmp_path: Path) -> None:
    """The encoder of the bundle is that of the training rows, and a live request is encoded like a row of training."""
    table = _training_set()
    rows, split, encoder = labelled_rows(product, table)
    candidates = train_candidates(rows, split, product.model)
    parts = candidate_parts(product, rows, split, candidates, encoder, pins={}, created_at=NOW)
    write_bundle(parts, tmp_path / "bundle", KEY)
    bundle = load_bundle(tmp_path / "bundle", KEY, None)
    assert bundle.parts.encoder == encoder
    again, _, _ = labelled_rows(product, table, bundle.parts.encoder)
    np.testing.assert_array_equal(again.matrix, rows.matrix)

    engine = Engine(bundle, None)
    engine.warm()
    for shop, bank in (("bar", "bank 7"), ("never seen before", "a new bank"), (None, None)):
        request = {"application_id": 1, "amount": 80.0, "shop": shop, "bank": bank}
        decision = engine.decide(request, now=NOW)
        row = pa.table({"amount": [80.0], "shop": pa.array([shop], pa.string()), "bank": pa.array([bank], pa.string())})
        # ONNX Runtime and XGBoost add trees up in single precision, each in its own order.
        assert decision.score == pytest.approx(float(candidates.boosted.predict(encoder.encode(row))[0]), abs=1e-5)
        assert decision.score == engine.score(row)[0]
        assert decision.fallback is None


@pytest.mark.parametrize("name", ["scorecard", "histogram", "xgboost"])
def test_whatever_candidate_won_the_bundle_decides_explains_and_replays(
    product: Product, tmp_path: Path, name: CandidateName
) -> None:
    words = {"amount": Words(high="A high amount", low="A low amount"), "shop": "The shop", "bank": "The bank"}
    product = replace(
        product,
        model=replace(product.model, candidates=(name,)),
        decision=replace(product.decision, reasons=words),
    )
    table = _training_set()
    rows, split, encoder = labelled_rows(product, table)
    candidates = train_candidates(rows, split, product.model)
    assert candidates.choice.chosen == name
    parts = candidate_parts(product, rows, split, candidates, encoder, pins={}, created_at=NOW)
    write_bundle(parts, tmp_path / "bundle", KEY)
    bundle = load_bundle(tmp_path / "bundle", KEY, None)
    engine, outcomes = Engine(bundle, None), set()
    for number, row in enumerate(table.slice(0, 200).to_pylist()):
        request = {"application_id": number, "amount": row["amount"], "shop": row["shop"], "bank": row["bank"]}
        decision = engine.decide(request, now=NOW, explain=True)
        assert decision.fallback is None
        assert replay(Decision.from_record(json.loads(json.dumps(decision.to_record()))), bundle) == ()
        if row["amount"] > 250:
            assert (decision.reasons[0].feature, decision.reasons[0].text) == ("amount", "A high amount")
        outcomes.add(decision.outcome)
    assert outcomes == {"approve", "decline"}
    matrix, scorer = rows.matrix[:300], Scorer(bundle)
    pushes = scorer.contributions(matrix).sum(axis=1)
    spread = candidates.boosted.booster.predict(xgb.DMatrix(matrix), output_margin=True).astype(np.float64)
    np.testing.assert_allclose(pushes - pushes[0], spread - spread[0], atol=2e-4)
    if name == "scorecard":
        # The model is the fallback too: both rank rows alike.
        assert np.corrcoef(bundle.parts.scorecard.log_odds(matrix), spread)[0, 1] == pytest.approx(1.0, abs=1e-9)


def test_without_training_rows_nothing_is_learned() -> None:
    """A learned category needs training rows for its encoder, a declared one does not."""
    with pytest.raises(FeatureError, match="category 'shop' is learned: give the rows that the model is trained on"):
        Encoder.from_features(FEATURES)
    plain = replace(FEATURES, request=FEATURES.request[::2])
    assert Encoder.from_features(plain).columns == ("amount", *(f"bank#{number}" for number in range(8)))


def test_a_hash_is_the_same_for_ever() -> None:
    """Recorded buckets: another hash function would put live requests into other columns than training."""
    assert [bucket(text, 1_000) for text in ("", "bank 7", "Zürich")] == [876, 355, 848]
    compiled = compile_features(FEATURES, {})
    assert compiled.features.categories == {"shop": (), "bank": ()}
