"""Figures of groups against counting by hand, and groups that are too small to judge."""

import numpy as np
import pytest
from fairlearn.metrics import demographic_parity_ratio, equalized_odds_difference
from numpy.typing import NDArray

from assets.evaluation.fairness.figures import FairnessReport, assess
from assets.metrics.groups import group_members
from assets.metrics.ranking import EvaluationError
from assets.product import Protected

SEX = Protected("sex")


def report(
    values: NDArray[np.generic], y: NDArray[np.int8], refused: NDArray[np.bool_], least: int = 30
) -> FairnessReport:
    return assess(SEX, values, y=y, scores=refused.astype(np.float64), threshold=0.5, min_group_rows=least)


def population(count: int = 2000) -> tuple[NDArray[np.object_], NDArray[np.int8], NDArray[np.bool_]]:
    generator = np.random.default_rng(0)
    sex = generator.choice(np.array(["female", "male"], dtype=object), count)
    y = (generator.random(count) < 0.3).astype(np.int8)
    return sex, y, generator.random(count) < np.where(sex == "male", 0.2, 0.4) + 0.2 * y


def test_figures_equal_counting_by_hand() -> None:
    sex, y, refused = population()
    result = report(sex, y, refused)
    assert [group.group for group in result.groups] == ["female", "male"]
    for group in result.groups:
        members = sex == group.group
        assert (group.rows, group.positives) == (members.sum(), y[members].sum())
        assert group.accepted_share == pytest.approx(1 - refused[members].mean())
        assert group.true_positive_rate == pytest.approx(refused[members & (y == 1)].mean())
        assert group.false_positive_rate == pytest.approx(refused[members & (y == 0)].mean())
        assert group.auc is not None


def test_the_spread_equals_fairlearns_own() -> None:
    sex, y, refused = population()
    result = report(sex, y, refused)
    accepted = (~refused).astype(int)
    assert result.selection_ratio == pytest.approx(demographic_parity_ratio(y, accepted, sensitive_features=sex))
    assert result.odds_gap == pytest.approx(equalized_odds_difference(y, refused.astype(int), sensitive_features=sex))


def test_a_small_group_is_reported_and_not_judged() -> None:
    sex, y, refused = population()
    sex[:25] = "other"
    refused[:25] = True
    result = report(sex, y, refused)
    other = next(group for group in result.groups if group.group == "other")
    assert (other.judged, other.accepted_share) == (False, 0.0)
    assert result.selection_ratio is not None
    assert result.selection_ratio > 0.5
    assert report(sex, y, refused, least=25).selection_ratio == 0.0


def test_rates_over_few_rows_of_a_class_are_unknown() -> None:
    sex, y, refused = population()
    y[sex == "male"] = 0
    y[np.flatnonzero(sex == "male")[:19]] = 1
    result = report(sex, y, refused)
    male = result.groups[1]
    assert (male.judged, male.true_positive_rate, male.auc) == (True, None, None)
    assert male.false_positive_rate is not None
    assert result.odds_gap is None
    assert result.lowest_auc == result.groups[0].auc


def test_one_judged_group_has_no_spread() -> None:
    _, y, refused = population()
    result = report(np.full(len(y), "female", dtype=object), y, refused)
    assert (result.selection_ratio, result.odds_gap) == (None, None)


def test_bands_are_half_open_and_named() -> None:
    ages = np.array([24.9, 25, 39, 40, 60, 91, np.nan])
    names, member = group_members(Protected("age", bands=(25, 40, 60)), ages)
    assert [names[position] for position in member] == [
        "under 25", "25 to 40", "25 to 40", "40 to 60", "60 and over", "60 and over", "missing",
    ]  # fmt: skip


def test_missing_values_are_a_group() -> None:
    names, member = group_members(SEX, np.array(["male", None, "female", float("nan")], dtype=object))
    assert [names[position] for position in member] == ["male", "missing", "female", "missing"]


def test_bands_over_words_are_refused() -> None:
    with pytest.raises(EvaluationError, match="not numbers"):
        group_members(Protected("sex", bands=(1,)), np.array(["male"], dtype=object))
