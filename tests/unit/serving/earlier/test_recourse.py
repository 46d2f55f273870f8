"""Proved reasons and recourse of a thousand declined decisions, each held against the live bundle."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from assets.bundle.bundle import BundleParts
from assets.bundle.scorer import Scorer
from assets.product import Change, Recourse
from assets.replay.decision import replay
from assets.serving.decision import CannotReplay, Decision
from assets.serving.earlier.allowed import allowed_values, changes_of, count_of
from assets.serving.earlier.details import details_of
from assets.serving.earlier.recourse import RecourseFound, recourse_of
from assets.serving.engine import Engine
from assets.serving.judgement import Case
from resources.online_store.lmdb.store import LmdbStore
from tests.support.models.explained import RECOURSE, explained_parts, requests
from tests.support.models.serving_samples import NOW, bundle_of, fill_store, sample_parts

DECLINED = 1_000


@dataclass(frozen=True)
class Declined:
    """Declined requests, with their decisions."""

    engine: Engine
    store: LmdbStore
    decisions: tuple[Decision, ...]

    @property
    def scorer(self) -> Scorer:
        return self.engine.scorer


@pytest.fixture(scope="module")
def declined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Declined]:
    store = LmdbStore(tmp_path_factory.mktemp("online") / "loans")
    fill_store(store)
    engine = Engine(bundle_of(explained_parts()), store, as_of_allowed=True)
    found: list[Decision] = []
    for request in requests():
        decision = engine.decide(request, now=NOW)
        if decision.outcome == "decline":
            found.append(decision)
        if len(found) == DECLINED:
            break
    yield Declined(engine, store, tuple(found))
    store.close()


def recourse(decision: Decision, scorer: Scorer, policy: Recourse) -> RecourseFound:
    case = Case(decision.row_id, decision.as_of, decision.inputs, decision.keys)
    return recourse_of(case, decision.features, scorer, policy)


def test_each_reason_moves_the_score_in_the_direction_of_its_words(declined: Declined) -> None:
    """The proof is computed again here, from the recorded features and the bundle's medians alone."""
    parts, scorer = declined.engine.bundle.parts, declined.scorer
    shown = 0
    for decision in declined.decisions:
        reasons = [reason for reason in decision.reasons if reason.rule is None]
        if decision.score is None or decision.score < decision.threshold:
            assert reasons == [], "the rule alone declined"
            continue
        assert reasons
        together = [str(reason.feature) for reason in reasons if reason.together]
        for reason in reasons:
            assert reason.feature is not None
            matrix = scorer.encode_row(decision.features)
            for name in together or [reason.feature]:
                place = parts.encoder.places[name]
                matrix[0, place] = [parts.usual.cells[column] for column in range(place.start, place.stop)]
            score = float(scorer.score(matrix)[0])
            assert score < decision.score
            assert score == reason.score_if_usual
            value, words = decision.features[reason.feature], parts.policy.reasons[reason.feature]
            if isinstance(value, float) and not isinstance(words, str) and words.median is not None:
                assert reason.text == f"{reason.feature} is {'high' if value > words.median else 'low'}"
            shown += 1
    assert shown > 2 * DECLINED


def test_each_counterfactual_is_accepted_by_the_live_bundle(declined: Declined) -> None:
    """And keeps to the policy and the contract; the decision of the changed request has exactly the foretold score."""
    found = [recourse(decision, declined.scorer, RECOURSE) for decision in declined.decisions]
    for decision, one in zip(declined.decisions, found, strict=True):
        assert one.tried > 0
        assert (one.nearest is None) == (one.accepted == 0)
        if one.nearest is None:
            continue
        change = one.nearest.change
        assert 1 <= len(change) <= RECOURSE.at_once
        for name, value in change.items():
            _keeps_to_policy(name, decision.inputs[name], value)
        again = declined.engine.decide(
            {**_request_of(decision), **change, "as_of": decision.as_of.isoformat()}, now=NOW
        )
        assert (again.outcome, again.score) == ("approve", one.nearest.score)
    with_recourse = sum(one.nearest is not None for one in found)
    assert 0 < with_recourse < DECLINED, "some have a recourse, some have none"


def _keeps_to_policy(name: str, present: object, value: object) -> None:
    assert value != present
    if name == "purpose":
        assert value in ("home", "education")
        return
    assert isinstance(present, float)
    assert isinstance(value, float)
    if name == "amount":
        assert 1_000 <= value < present, "the contract allows no less than 1,000"
        assert value % 250 == 0
    else:
        assert name == "income_monthly"
        assert present < value <= min(5_500, present * 1.5)
        assert value % 100 == 0


def _request_of(decision: Decision) -> dict[str, object]:
    return {"application_id": decision.row_id, **decision.keys, **decision.inputs}


def test_the_share_is_that_of_every_allowed_change(declined: Declined) -> None:
    """Counted here by deciding each change: a policy of one category and a coarse amount has few enough of them."""
    policy = Recourse(
        {
            "amount": Change("fall", low=1_000, step=4_000),
            "income_monthly": Change("never"),
            "purpose": Change("either"),
        }
    )
    bundle = bundle_of(explained_parts(recourse=policy))
    engine = Engine(bundle, declined.store, as_of_allowed=True)
    shares = set()
    for decision in declined.decisions[:40]:
        found = recourse(decision, engine.scorer, policy)
        amounts = [None, *(a for a in np.arange(4_000, decision.inputs["amount"], 4_000))]
        purposes = [None, *(p for p in ("car", "home", "education") if p != decision.inputs["purpose"])]
        changes = [
            {"amount": a or decision.inputs["amount"], "purpose": p or decision.inputs["purpose"]}
            for a in amounts
            for p in purposes
            if a or p
        ]
        taken = [engine.decide(_request_of(decision) | {"as_of": NOW.isoformat()} | c, now=NOW) for c in changes]
        accepted = sum(one.outcome == "approve" for one in taken)
        assert (found.tried, found.accepted) == (len(changes), accepted)
        assert found.share == accepted / len(changes)
        shares.add(found.share)
    assert len(shares) > 2


def test_who_seems_to_have_no_recourse_is_searched_more_closely(declined: Declined) -> None:
    """With so many allowed values that some alone are tried: it is said, and counted."""
    policy = Recourse(
        {
            "amount": Change("fall", low=500, step=1),
            "income_monthly": Change("rise", high=6_000, step=1),
            "purpose": Change("never"),
        },
    )
    closer = 0
    for decision in declined.decisions[:150]:
        found = recourse(decision, declined.scorer, policy)
        allowed = allowed_values(declined.engine.bundle, policy, decision.inputs)
        spread = len(changes_of(allowed, policy.at_once))
        assert found.whole == (spread == count_of(allowed, policy.at_once))
        assert found.to_dict(decision.inputs)["every_change_tried"] is found.whole
        assert found.tried == spread or not found.whole
        closer += found.tried > spread
    assert closer > 0


def test_an_acceptance_by_exploration_is_no_recourse(declined: Declined) -> None:
    """A bundle that lets half of the refusals of a score past it: the next request may not be drawn."""
    parts = explained_parts()
    exploring = replace(parts, policy=replace(parts.policy, exploration=0.5, explore_keys=("customer_id",)))
    scorer = Scorer(bundle_of(exploring))
    for decision in declined.decisions[:40]:
        assert recourse(decision, scorer, RECOURSE) == recourse(decision, declined.scorer, RECOURSE)


def test_where_nothing_may_change_nobody_has_a_recourse(declined: Declined) -> None:
    policy = Recourse({name: Change("never") for name in ("amount", "income_monthly", "purpose")})
    found = recourse(declined.decisions[0], declined.scorer, policy)
    assert found == RecourseFound(
        score=declined.decisions[0].score, tried=0, accepted=0, at_once=2, nearest=None, whole=True
    )
    assert found.share is None
    assert found.to_dict(declined.decisions[0].inputs)["without_recourse"] is True


def test_a_record_that_its_bundle_does_not_give_has_no_recourse(declined: Declined) -> None:
    """A request whose derived features were not computed by this kernel: the features of the search would be others."""
    decision = declined.decisions[0]
    assert details_of(decision, declined.scorer)["recourse"]["allowed_changes"] > 0
    altered = replace(decision, inputs={**decision.inputs, "amount": 1_234.0})
    with pytest.raises(CannotReplay, match=f"its request has the score .* now, recorded {decision.score}"):
        details_of(altered, declined.scorer)


def test_decisions_replay_to_the_last_bit(declined: Declined) -> None:
    """Those of a bundle with proofs, and those of one of before: without usual values, its reasons are as they were."""
    for decision in declined.decisions[:100]:
        assert replay(decision, declined.engine.bundle, declined.scorer) == ()
        assert replay(Decision.from_record(decision.to_record()), declined.engine.bundle, declined.scorer) == ()


def test_a_decision_of_an_earlier_bundle_replays(parts: BundleParts, store: LmdbStore) -> None:
    engine = Engine(bundle_of(parts), store, as_of_allowed=True)
    refused = [engine.decide(request, now=NOW) for request, _ in zip(requests(), range(50), strict=False)]
    for decision in (one for one in refused if one.outcome == "decline"):
        assert decision.reasons
        assert all("score_if_usual" not in reason for reason in decision.to_record()["reasons"])
        assert replay(Decision.from_record(decision.to_record()), engine.bundle, engine.scorer) == ()
    assert sample_parts("1").usual is None
