"""Recorded decisions, replayed: identical to the last bit, or the difference is named."""

import json
from dataclasses import replace

import pytest

from assets.bundle.bundle import BundleParts
from assets.replay.decision import Difference, replay
from assets.serving.decision import CannotReplay, Decision
from assets.serving.engine import Engine
from resources.online_store.lmdb.store import LmdbStore
from tests.support.serving_samples import NOW, REQUEST, bundle_of


@pytest.fixture
def engine(parts: BundleParts, store: LmdbStore) -> Engine:
    return Engine(bundle_of(parts), store, as_of_allowed=True)


def decided(engine: Engine, **change: object) -> Decision:
    return engine.decide(REQUEST | change, now=NOW)


def test_a_replay_gives_the_same_to_the_last_bit(engine: Engine, parts: BundleParts) -> None:
    requests = [{"amount": amount, "purpose": purpose} for amount in (600, 9000, 19_999) for purpose in ("car", None)]
    for change in requests:
        decision = decided(engine, **change)
        read_back = Decision.from_record(json.loads(json.dumps(decision.to_record())))
        assert read_back == decision
        assert replay(read_back, bundle_of(parts)) == ()


def test_a_replay_of_a_policy_fallback_is_the_policy_again(parts: BundleParts) -> None:
    decision = decided(Engine(bundle_of(parts), None, as_of_allowed=True))
    assert replay(decision, bundle_of(parts)) == ()


def test_a_replay_names_the_altered_values(engine: Engine, parts: BundleParts) -> None:
    decision = decided(engine, amount=600)
    altered = replace(decision, score=0.9, outcome="decline")
    differences = replay(altered, bundle_of(parts))
    assert differences == (
        Difference("score", 0.9, decision.score),
        Difference("outcome", "decline", "approve"),
    )
    touched = replace(decision, features={**decision.features, "amount_to_income": 30.0})
    assert replay(touched, bundle_of(parts))


def test_a_replay_needs_the_bundle_that_decided(engine: Engine, parts: BundleParts) -> None:
    decision = decided(engine)
    with pytest.raises(CannotReplay, match="fetch the bundle that decided"):
        replay(decision, replace(bundle_of(parts), digest="ef" * 32))
    with pytest.raises(CannotReplay, match="were erased"):
        replay(replace(decision, erased=True), bundle_of(parts))
    with pytest.raises(CannotReplay, match="spent_30d"):
        replay(replace(decision, features={}), bundle_of(parts))
