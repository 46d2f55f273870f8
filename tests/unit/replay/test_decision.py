"""Recorded decisions, replayed: identical to the last bit, or the difference is named."""

import json
from dataclasses import replace

import pytest

from assets.bundle.bundle import BundleParts
from assets.replay.decision import Difference, replay
from assets.rollout.assignment import CHAMPION, Arm, assigned
from assets.serving.decision import Assignment, CannotReplay, Decision
from assets.serving.engine import Engine
from resources.online_store.lmdb.store import LmdbStore
from resources.rollout_store.manifest import Role
from tests.support.models.serving_samples import NOW, REQUEST, bundle_of


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


def test_a_replay_computes_the_arm_of_the_entity_again(engine: Engine, parts: BundleParts) -> None:
    bundle = bundle_of(parts)
    arms = (Arm("8", 0.2, True), Arm(bundle.version, 0.3, True), Arm("9", 0.1, False))
    seen = set()
    for number in range(60):
        request = REQUEST | {"customer_id": f"C{number}"}
        arm, share = assigned("loans/r1", [f"C{number}"], arms)
        role: Role = "champion" if arm == CHAMPION else "challenger"
        if arm != 0:
            chosen = Assignment(role=role, rollout="r1", share=share, arms=arms)
            decision = engine.decide(request, now=NOW, assignment=chosen)
            read_back = Decision.from_record(json.loads(json.dumps(decision.to_record())))
            assert replay(read_back, bundle) == ()
            other = replace(read_back, role="champion" if role == "challenger" else "challenger", share=0.25)
            assert {difference.name for difference in replay(other, bundle)} == {"role", "share"}
        else:
            stolen = engine.decide(request, now=NOW, assignment=Assignment(rollout="r1", share=0.5, arms=arms))
            assert {difference.name for difference in replay(stolen, bundle)} == {"role", "share", "bundle"}
        seen.add((role, share))
    assert seen == {("champion", 0.5), ("challenger", 0.2), ("challenger", 0.3)}


def test_a_replay_needs_the_bundle_that_decided(engine: Engine, parts: BundleParts) -> None:
    decision = decided(engine)
    with pytest.raises(CannotReplay, match="fetch the bundle that decided"):
        replay(decision, replace(bundle_of(parts), digest="ef" * 32))
    with pytest.raises(CannotReplay, match="were erased"):
        replay(replace(decision, erased=True), bundle_of(parts))
    with pytest.raises(CannotReplay, match="spent_30d"):
        replay(replace(decision, features={}), bundle_of(parts))
