"""The gates of fairness: what refuses a model by name, and what is never a pass."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from assets.evaluation.fairness.gate_names import fairness_gate_names
from assets.evaluation.fairness.limits import contrasts, fairness_gates
from assets.evaluation.fairness.standing import Answered, AttributeStanding, standings
from assets.evaluation.gates import GateResult
from assets.product import FairnessPolicy, Jurisdiction, Limit, Protected
from assets.product.policies.fairness import RefuseWhen
from tests.unit.evaluation.fairness.test_standing import population

RATIO = Limit("selection_ratio", 0.8)


def policy(*limits: Limit, **terms: object) -> FairnessPolicy:
    place = Jurisdiction("somewhere", "the equal treatment act", limits)
    return FairnessPolicy((place,), proxies=None, **terms)  # type: ignore[arg-type]


def groups_of(accepted: Mapping[str, tuple[int, int]], *, least: int = 100) -> tuple[AttributeStanding, ...]:
    """The standing of groups by name: how many rows are accepted, of how many."""
    values = np.array([name for name, (_, rows) in accepted.items() for _ in range(rows)], dtype=object)
    let = np.concatenate([np.arange(rows) < hits for hits, rows in accepted.values()])
    y = (np.arange(len(let)) % 3 == 0).astype(np.int8)
    answered = Answered(y, np.full(len(let), 1 / 3), let)
    return standings([Protected("sex")], {"sex": values}, answered, crossed=2, min_group_rows=least, confidence=0.95)


def judged(found: FairnessPolicy, standing: tuple[AttributeStanding, ...]) -> GateResult:
    (result,) = fairness_gates(found, standing)
    return result


def test_a_limit_that_is_broken_names_groups_interval_and_law() -> None:
    result = judged(policy(RATIO), groups_of({"female": (300, 600), "male": (540, 600)}))
    assert (result.name, result.passed) == ("somewhere_selection_ratio", False)
    assert result.value == pytest.approx(5 / 9)
    assert "sex: accepted share of 'female' over that of 'male' is 0.5556 (interval 0.5" in result.reason
    assert "corrected for 1 comparisons); at least 0.8 is required by the equal treatment act" in result.reason


@pytest.mark.parametrize(
    ("when", "female", "passed"),
    [
        ("shown_beyond", 440, True),  # 0.78: below the bound, but not shown to be
        ("estimate_beyond", 440, False),
        ("estimate_beyond", 465, True),  # 0.83: above it, but not shown to be
        ("not_shown_within", 465, False),
        ("not_shown_within", 545, True),
        ("shown_beyond", 380, False),
    ],
)
def test_what_refuses_is_declared(when: RefuseWhen, female: int, passed: bool) -> None:
    standing = groups_of({"female": (female, 620), "male": (560, 620)})
    assert judged(policy(replace(RATIO, refuse_when=when)), standing).passed is passed


def test_a_small_group_is_not_passed_in_silence() -> None:
    result = judged(policy(RATIO), groups_of({"female": (500, 600), "male": (500, 600), "other": (30, 37)}))
    assert (result.passed, result.value) == (False, None)
    assert result.reason.startswith(
        "somewhere_selection_ratio: cannot be judged: sex: other together have 37 of 100 rows; exact test against all "
        "others: p = "
    )


def test_a_small_group_may_be_accepted_by_name_and_is_told() -> None:
    known = policy(RATIO, accepted_unjudged={"sex=other": "reviewed by hand each quarter"})
    result = judged(known, groups_of({"female": (500, 600), "male": (500, 600), "other": (30, 37)}))
    assert result.passed is True
    assert "accepted unjudged: sex: other together have 37 of 100 rows" in result.reason
    assert "(reviewed by hand each quarter)" in result.reason


def test_a_small_group_that_the_exact_test_shows_to_differ_is_accepted_by_nobody() -> None:
    known = policy(RATIO, accepted_unjudged={"sex=other": "reviewed by hand each quarter"})
    result = judged(known, groups_of({"female": (500, 600), "male": (500, 600), "other": (5, 37)}))
    assert result.passed is False
    assert result.reason.endswith("which shows a difference")


def test_small_groups_are_judged_in_their_pool() -> None:
    result = judged(policy(RATIO), groups_of({"female": (500, 600), "male": (500, 600), "a": (12, 70), "b": (10, 70)}))
    assert result.passed is False
    assert "'a or b' over that of " in result.reason


def test_one_group_alone_cannot_be_judged() -> None:
    result = judged(policy(RATIO), groups_of({"female": (500, 600)}))
    assert result.reason.endswith("cannot be judged: fewer than two groups have enough rows to be compared")


def test_crossings_may_be_left_out_of_a_limit() -> None:
    people = population()
    whole, alone = policy(RATIO), policy(replace(RATIO, crossed=False))
    assert "corrected for 35 comparisons" in judged(whole, people.standings()).reason
    assert "corrected for 7 comparisons" in judged(alone, people.standings()).reason


def test_a_part_of_a_crossing_that_is_accepted_accepts_the_crossing() -> None:
    known = policy(RATIO, accepted_unjudged={"sex=other": "few", "sex=unknown": "few"})
    assert judged(known, population(others=30).standings()).passed is True
    assert judged(policy(RATIO), population(others=30).standings()).passed is False


def test_every_interval_of_a_gate_holds_at_once() -> None:
    """Without any difference, a limit with six groups is shown to be broken in at most 5% of the samples."""
    generator = np.random.default_rng(5)
    alarms, naive, runs = 0, 0, 200
    for _ in range(runs):
        counts = {name: (int(generator.binomial(200, 0.6)), 200) for name in "abcdef"}
        standing = groups_of(counts)
        found = contrasts(standing, Limit("selection_ratio", 0.999), 0.95)
        alarms += any(one.high < 1.0 for one in found)
        naive += any(one.high < 1.0 for one in contrasts(standing, Limit("selection_ratio", 0.999), 1 - 0.05 * 15))
    assert alarms / runs <= 0.07
    assert naive / runs > 0.2


def test_without_figures_every_gate_refuses_and_without_a_policy_there_is_none() -> None:
    union = Jurisdiction("eu", "law", (RATIO, Limit("calibration_gap", 0.1)))
    both = FairnessPolicy((union, Jurisdiction("us", "law")))
    results = fairness_gates(both)
    assert [(one.name, one.passed) for one in results] == [
        ("eu_selection_ratio", False), ("eu_calibration_gap", False), ("proxies", False),
    ]  # fmt: skip
    assert [(one.name, one.comparison, one.threshold) for one in results] == [*fairness_gate_names(both)]
    assert fairness_gates(None) == ()


def test_a_badly_calibrated_group_is_found() -> None:
    people = population()
    scores = people.answered.scores + 0.12 * (people.values["sex"] == "male")
    moved = replace(people, answered=replace(people.answered, scores=scores))
    result = judged(policy(Limit("calibration_gap", 0.05, crossed=False)), moved.standings())
    assert result.passed is False
    assert "sex: gap of observed and predicted rate of 'male'" in result.reason
