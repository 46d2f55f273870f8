"""Three answers against plain loops over every pair of thresholds."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from assets.metrics.profit import choose_threshold
from assets.metrics.ranking import EvaluationError
from assets.metrics.review import OPEN, REFERRED, REFUSED, at_answers, choose_answers
from assets.product import DecisionPolicy, Profit

TWO = DecisionPolicy(accept="yes", refuse="no", profit=Profit(good=10, bad=100), max_refused=1.0)
THREE = replace(TWO, refer="ask", review_cost=4.0, review_accuracy=0.9)


def some_rows(count: int = 150, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    generator = np.random.default_rng(seed)
    scores = np.round(generator.beta(1, 4, count), 2)
    return scores, (generator.random(count) < scores).astype(np.int8)


def earned(score: float, bad: int, refer: float, refuse: float, policy: DecisionPolicy) -> float:
    """What one row is expected to earn, by the words of the policy."""
    accepted = -policy.profit.bad if bad else policy.profit.good
    if score >= refuse:
        return 0.0
    if score < refer:
        return accepted
    share_accepted = 1 - policy.review_accuracy if bad else policy.review_accuracy
    return share_accepted * accepted - policy.review_cost


@pytest.mark.parametrize(
    "change",
    [{}, {"review_capacity": 5.0}, {"max_refused": 0.1}, {"max_refused": 0.1, "review_capacity": 2.0},
     {"review_cost": 0.0, "review_accuracy": 1.0}, {"review_capacity": 0.01}],
)  # fmt: skip
@pytest.mark.parametrize("seed", [0, 1])
def test_both_thresholds_are_the_best_of_every_pair(change: dict[str, float], seed: int) -> None:
    policy, (scores, y), days = replace(THREE, **change), some_rows(seed=seed), 3.0
    chosen = choose_answers(scores, y, policy, None, days=days)
    room = len(y) if policy.review_capacity is None else policy.review_capacity * days
    cuts = [*sorted(set(scores)), 2.0]
    best = max(
        sum(earned(s, b, refer, refuse, policy) for s, b in zip(scores, y, strict=True))
        for refuse in cuts
        for refer in cuts
        if refer <= refuse
        and (scores >= refuse).mean() <= policy.max_refused
        and ((scores >= refer) & (scores < refuse)).sum() <= room
    )
    assert chosen.profit == pytest.approx(best)
    assert chosen.refer_from <= chosen.threshold
    assert chosen.refused_share <= policy.max_refused
    assert chosen.referred_share * len(y) <= room
    assert chosen == at_answers(chosen, scores, y, policy, None)
    assert {"refer_threshold", "referred_share"} <= set(chosen.to_dict())


def test_a_review_that_is_not_worth_its_cost_is_not_made() -> None:
    scores, y = some_rows()
    dear = choose_answers(scores, y, replace(THREE, review_cost=1000.0), None, days=1.0)
    two = choose_threshold(scores, y, TWO.profit, None, 1.0)
    assert (dear.refer_threshold, dear.threshold, dear.referred_share) == (two.threshold, two.threshold, 0.0)
    assert dear.profit == pytest.approx(two.profit)


def test_two_answers_without_rules_are_those_of_before() -> None:
    scores, y = some_rows()
    chosen = choose_answers(scores, y, replace(TWO, max_refused=0.2), None, days=1.0)
    assert chosen == choose_threshold(scores, y, TWO.profit, None, 0.2)
    assert set(chosen.to_dict()) == {"threshold", "profit", "profit_accept_all", "refused_share", "gain"}


def test_rules_take_rows_from_the_choice_and_reviews_from_the_capacity() -> None:
    scores, y = some_rows()
    ruled = np.zeros(len(y), dtype=np.int8)
    ruled[::5], ruled[1::10] = REFUSED, REFERRED
    policy = replace(THREE, review_capacity=25.0)
    chosen = choose_answers(scores, y, policy, None, ruled=ruled, days=1.0)
    rest = choose_answers(
        scores[ruled == OPEN], y[ruled == OPEN], replace(policy, review_capacity=10.0), None, days=1.0
    )
    assert (chosen.threshold, chosen.refer_threshold) == (rest.threshold, rest.refer_threshold)
    reviewed = [earned(0.5, b, 0.0, 1.0, policy) for b in y[ruled == REFERRED] if True]
    late = sum(
        0.0 if s >= chosen.threshold else review for s, review in zip(scores[ruled == REFERRED], reviewed, strict=True)
    )
    assert chosen.profit == pytest.approx(rest.profit + late)
    assert chosen.referred_share * len(y) <= 25
    with pytest.raises(EvaluationError, match="rules refuse or refer every one of the 150 rows"):
        choose_answers(scores, y, policy, None, ruled=np.full(len(y), REFUSED, dtype=np.int8), days=1.0)
