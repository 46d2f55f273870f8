"""Groups and crossings against Fairlearn, and groups that are too small."""

from dataclasses import dataclass

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_ratio,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from assets.evaluation.fairness.limits import contrasts
from assets.evaluation.fairness.standing import Answered, AttributeStanding, standings
from assets.metrics.ranking import EvaluationError
from assets.product import Limit, Protected

PROTECTED = (Protected("sex"), Protected("age", bands=(25, 40, 60)))


@dataclass(frozen=True)
class Population:
    values: dict[str, NDArray[np.generic]]
    answered: Answered

    def standings(self, least: int = 100, crossed: int = 2) -> tuple[AttributeStanding, ...]:
        return standings(PROTECTED, self.values, self.answered, crossed=crossed, min_group_rows=least, confidence=0.95)


def population(count: int = 4000, *, others: int = 0) -> Population:
    """Men are accepted more often; the last rows are of the sex "other" and "unknown", in turn."""
    generator = np.random.default_rng(1)
    sex = generator.choice(np.array(["female", "male"], dtype=object), count)
    sex[count - others :] = np.resize(np.array(["other", "unknown"], dtype=object), others)
    age = generator.integers(18, 80, count).astype(np.float64)
    scores = generator.beta(1.5, 5.0, count) + 0.05 * (sex == "female")
    y = (generator.random(count) < scores).astype(np.int8)
    return Population({"sex": sex, "age": age}, Answered(y, scores, scores < 0.3))


def test_every_share_equals_fairlearns() -> None:
    """Of each attribute and of the crossing, to the last digits."""
    people = population()
    y, refused = people.answered.y, (~people.answered.accepted).astype(int)
    under = [people.values["age"] < edge for edge in (25, 40, 60)]
    age = np.select(under, ["under 25", "25 to 40", "40 to 60"], default="60 and over")
    found = {one.attribute: one for one in people.standings()}
    for attribute, features in (
        ("sex", people.values["sex"]),
        ("age", age),
        ("sex and age", np.array([f"{one}, {other}" for one, other in zip(people.values["sex"], age, strict=True)])),
    ):
        rates = {"refused": selection_rate, "true": true_positive_rate, "false": false_positive_rate}
        frame = MetricFrame(metrics=rates, y_true=y, y_pred=refused, sensitive_features=features)
        groups = {group.group: group for group in found[attribute].groups}
        assert set(groups) == set(frame.by_group.index)
        for name, group in groups.items():
            expected = frame.by_group.loc[name]
            assert group.accepted.value == pytest.approx(1.0 - expected["refused"], abs=1e-12)
            assert group.true_positive_rate is not None
            assert group.true_positive_rate.value == pytest.approx(expected["true"], abs=1e-12)
            assert group.false_positive_rate is not None
            assert group.false_positive_rate.value == pytest.approx(expected["false"], abs=1e-12)
            assert group.accepted.low < group.accepted.value < group.accepted.high
        gaps = frame.difference()
        for measure, name in (("true_positive_gap", "true"), ("false_positive_gap", "false")):
            largest = max(one.value for one in contrasts([found[attribute]], Limit(measure, 0.1), 0.95))
            assert largest == pytest.approx(gaps[name], abs=1e-12)
        ratio = min(one.value for one in contrasts([found[attribute]], Limit("selection_ratio", 0.8), 0.95))
        parity = demographic_parity_ratio(y, 1 - refused, sensitive_features=features)
        assert ratio == pytest.approx(parity, abs=1e-12)


def test_small_groups_are_pooled_and_compared_with_all_others_by_an_exact_test() -> None:
    people = population(others=140)
    sex = people.standings(least=100)[0]
    measure = sex.measures["selection_ratio"]
    assert [group.group for group in measure.judged] == ["female", "male", "other or unknown"]
    assert measure.unjudged is None
    pool = measure.judged[2]
    own, accepted = np.isin(people.values["sex"], ["other", "unknown"]), people.answered.accepted
    assert pool.share.value == pytest.approx(accepted[own].mean(), abs=1e-12)
    counts = [[(accepted & rows).sum(), (~accepted & rows).sum()] for rows in (own, ~own)]
    assert pool.p_value == pytest.approx(fisher_exact(counts)[1], abs=1e-12)


def test_a_pool_that_is_too_small_says_what_it_lacks() -> None:
    found = population(others=30).standings(least=100)[0].measures
    small = found["selection_ratio"].unjudged
    assert small is not None
    assert (small.groups, small.missing) == (("other", "unknown"), "30 of 100 rows")
    assert small.p_value is not None
    of_bad = found["true_positive_gap"].unjudged
    assert of_bad is not None
    assert of_bad.missing.startswith("30 of 100 rows and ")
    assert of_bad.missing.endswith(" of 20 bad rows")


def test_a_group_with_few_rows_of_a_class_is_pooled_for_its_rate_alone() -> None:
    people = population()
    y = people.answered.y.copy()
    y[people.values["age"] < 25] = 0
    age = Population(people.values, Answered(y, people.answered.scores, people.answered.accepted)).standings()[1]
    assert age.measures["selection_ratio"].unjudged is None
    small = age.measures["true_positive_gap"].unjudged
    assert small is not None
    assert (small.groups, small.missing, small.p_value) == (("under 25",), "0 of 20 bad rows", None)


def test_calibration_compares_a_group_with_its_scores() -> None:
    people = population()
    sex = people.standings()[0]
    for group in sex.groups:
        own = people.values["sex"] == group.group
        assert group.observed.value == pytest.approx(people.answered.y[own].mean(), abs=1e-12)
        assert group.predicted == pytest.approx(people.answered.scores[own].mean(), abs=1e-12)


def test_crossings_are_as_many_as_asked_for() -> None:
    people = population()
    assert [one.attribute for one in people.standings(crossed=1)] == ["sex", "age"]
    assert [one.attribute for one in people.standings(crossed=2)] == ["sex", "age", "sex and age"]


def test_values_of_other_rows_are_refused() -> None:
    people = population()
    with pytest.raises(EvaluationError, match="'age': 3 values for 4000 rows"):
        Population({**people.values, "age": np.zeros(3)}, people.answered).standings()
