"""Deciding with one bundle: parity, fallbacks, reasons."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import xgboost as xgb

from assets.bundle.bundle import BundleParts
from assets.bundle.scorer import Scorer
from assets.replay.decision import replay
from assets.serving.decision import Decision
from assets.serving.engine import Engine
from assets.serving.requests.parse import RequestError, StaleEvents
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.lmdb.store import LmdbStore
from resources.online_store.protocol import StreamPosition
from tests.support.models.serving_samples import (
    FEATURES,
    NOW,
    REQUEST,
    broken_model,
    bundle_of,
    fill_store,
    kernel,
    sample_features,
    transactions,
)


@pytest.fixture
def engine(parts: BundleParts, store: LmdbStore) -> Engine:
    return Engine(bundle_of(parts), store, as_of_allowed=True)


def test_a_decision_has_the_features_that_training_computes(engine: Engine) -> None:
    """The offline kernel over all customers' events gives exactly the recorded features."""
    for customer in ("C1", "C2", "C49", "stranger"):
        request = REQUEST | {"customer_id": customer}
        decision = engine.decide(request, now=NOW)
        spine = pa.table(
            {
                "customer_id": [customer],
                "as_of": pa.array([NOW], TIMESTAMP),
                "amount": [9000.0],
                "income_monthly": [2500.0],
                "purpose": ["car"],
            }
        )
        expected = kernel().compute({"transactions": transactions(events_each=200)}, spine).to_pylist()[0]
        assert decision.features == expected
        assert decision.score == engine.score(pa.table({name: [v] for name, v in expected.items()}))[0]


def test_a_batch_scores_like_single_rows_to_the_last_bit(engine: Engine) -> None:
    table = sample_features(rows=300, seed=9)
    together = engine.score_table(table)
    alone = [engine.score(table.slice(row, 1))[0] for row in range(300)]
    assert together.scores.tolist() == alone
    policy = engine.bundle.policy
    expected = ["decline" if score >= policy.threshold else "approve" for score in alone]
    assert list(together.outcomes) == expected
    assert 0 < together.outcomes.count("decline") < 300


def test_the_score_is_the_calibrated_probability_of_the_booster(engine: Engine, parts: BundleParts) -> None:
    table = sample_features(rows=200, seed=9)
    booster = xgb.Booster()
    booster.load_model(bytearray(parts.booster))
    raw = booster.predict(xgb.DMatrix(parts.encoder.encode(table)))
    assert np.allclose(engine.score(table), parts.calibration.apply(raw), atol=1e-5)


def decided(engine: Engine, **change: object) -> Decision:
    return engine.decide(REQUEST | change, now=NOW)


def test_a_refusal_names_what_counted_against_the_person(engine: Engine) -> None:
    decision = decided(engine, amount=19_000, income_monthly=900)
    assert decision.outcome == "decline"
    first = decision.reasons[0]
    assert (first.feature, first.text) == ("amount_to_income", "The amount is high for the income")
    contributions = [reason.contribution for reason in decision.reasons]
    assert contributions == sorted(contributions, reverse=True)
    assert min(contributions) > 0
    assert len(decision.reasons) <= 3
    texts = {reason.feature: reason.text for reason in decision.reasons}
    described = {name: FEATURES.describe(name) for name in texts if name != "amount_to_income"}
    assert described.items() <= texts.items()


def test_an_acceptance_has_reasons_only_on_demand(engine: Engine) -> None:
    small = REQUEST | {"amount": 600}
    assert engine.decide(small, now=NOW).outcome == "approve"
    assert engine.decide(small, now=NOW).reasons == ()
    assert engine.decide(small, now=NOW, explain=True).reasons != ()


def test_without_the_store_the_policy_answers(parts: BundleParts, store: LmdbStore, tmp_path: Path) -> None:
    engine = Engine(bundle_of(parts), store, as_of_allowed=True)
    shutil.rmtree(tmp_path / "online")
    decision = decided(engine)
    assert (decision.outcome, decision.fallback, decision.score) == ("review", "policy", None)
    assert "is not there" in (decision.problem or "")
    assert (decision.features, decision.reasons) == ({}, ())
    assert decided(Engine(bundle_of(parts), None, as_of_allowed=True)).fallback == "policy"


@pytest.mark.parametrize(("late", "fallback"), [(timedelta(days=2), None), (timedelta(days=2, seconds=1), "policy")])
def test_events_that_end_too_long_before_the_decision_are_stale(
    parts: BundleParts, store: LmdbStore, late: timedelta, fallback: str | None
) -> None:
    """After the pipeline stopped, the policy's fallback answers, and says until when events are known."""
    policy = replace(parts.policy, max_age_seconds=2 * 86_400.0)
    engine = Engine(bundle_of(replace(parts, policy=policy)), store, as_of_allowed=True)
    decision = decided(engine, as_of=(NOW + late).isoformat())
    assert (decision.fallback, decision.store_version) == (fallback, "v1")
    if fallback:
        assert (decision.outcome, decision.score, decision.features) == ("review", None, {})
        assert "events of transactions are known until 2026-03-01T12:00:00+00:00, 2.0 days" in (decision.problem or "")


def test_a_stream_that_is_read_keeps_its_source_fresh(parts: BundleParts, store: LmdbStore) -> None:
    """An old load is fresh enough if the events since were read from the stream."""
    engine = Engine(bundle_of(parts), store, as_of_allowed=True)
    later = NOW + timedelta(days=4)
    assert decided(engine, as_of=later.isoformat()).fallback == "policy"
    state = store.state()
    assert state is not None
    store.append_stream("transactions", [], StreamPosition({"0": 1}, later), token=state.token)
    assert decided(engine, as_of=later.isoformat()).fallback is None


def test_a_product_may_refuse_to_decide_with_stale_events(parts: BundleParts, store: LmdbStore) -> None:
    """Where even the fallback would do harm."""
    policy = replace(parts.policy, when_stale="refuse")
    engine = Engine(bundle_of(replace(parts, policy=policy)), store, as_of_allowed=True)
    with pytest.raises(StaleEvents, match="stale: events of transactions .* at most 3.0 days are allowed. Load"):
        decided(engine, as_of=(NOW + timedelta(days=4)).isoformat())
    assert decided(engine).fallback is None


def test_a_store_without_a_needed_column_is_a_fallback(parts: BundleParts, store: LmdbStore) -> None:
    table = transactions(events_each=5).drop(["category"])
    store.put_events("transactions", "customer_id", table, version="v2", watermark=NOW)
    store.publish("v2")
    decision = decided(Engine(bundle_of(parts), store, as_of_allowed=True))
    assert decision.fallback == "policy"
    assert "['category']" in (decision.problem or "")


def test_a_model_that_fails_gives_way_to_the_scorecard(parts: BundleParts, store: LmdbStore) -> None:
    engine = Engine(bundle_of(parts), store, as_of_allowed=True)
    failing = Scorer.__new__(Scorer)
    failing.__dict__.update(engine.scorer.__dict__)
    import onnxruntime as ort

    failing._session = ort.InferenceSession(broken_model(parts.model), providers=["CPUExecutionProvider"])
    engine.scorer = failing
    decision = decided(engine, amount=19_000, income_monthly=900)
    matrix = parts.encoder.encode(pa.table({name: [value] for name, value in decision.features.items()}))
    assert decision.fallback == "scorecard"
    assert decision.score == parts.scorecard.apply(matrix)[0] == pytest.approx(1 / (1 + np.exp(-1)))
    assert decision.outcome == "decline"
    assert [(reason.feature, reason.contribution) for reason in decision.reasons] == [("amount_to_income", 1.0)]
    assert "instead of a probability" in (decision.problem or "")
    assert replay(decision, bundle_of(parts)) == ()


def test_a_wrong_request_is_no_decision(engine: Engine) -> None:
    with pytest.raises(RequestError, match="boat"):
        decided(engine, purpose="boat")


def test_events_after_the_as_of_time_are_not_used(engine: Engine, store: LmdbStore) -> None:
    before = decided(engine)
    event = {"customer_id": "C7", "amount": 500.0, "direction": "debit", "category": "rent"}
    later = NOW + timedelta(hours=1)
    assert store.append_event("transactions", event | {"event_time": later, "known_at": later})
    assert decided(engine).features == before.features
    after = decided(engine, as_of=(later + timedelta(seconds=1)).isoformat())
    assert after.features["transactions_30d"] != before.features["transactions_30d"]


def test_an_appended_event_counts_at_once(engine: Engine, store: LmdbStore) -> None:
    moment = NOW + timedelta(seconds=1)
    before = decided(engine, as_of=moment.isoformat())
    event = {"customer_id": "C7", "amount": 500.0, "direction": "debit", "category": "rent"}
    store.append_event("transactions", event | {"event_time": moment, "known_at": moment})
    after = decided(engine, as_of=moment.isoformat())
    assert after.features["max_spent_90d"] == max(500.0, before.features["max_spent_90d"])  # type: ignore[type-var]
    assert after.features["spent_30d"] == pytest.approx(before.features["spent_30d"] + 500.0, abs=1e-9)  # type: ignore[operator]


def test_a_new_version_of_the_store_is_seen_by_the_next_decision(engine: Engine, store: LmdbStore) -> None:
    assert decided(engine).store_version == "v1"
    fill_store(store, events_each=20, version="v2")
    assert decided(engine).store_version == "v2"
