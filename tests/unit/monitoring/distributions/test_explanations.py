"""What explains a shift, since when, and which kind of drift it is."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from assets.monitoring.distributions.attribution import feature_sums, segment_sums, shifts, sums_table
from assets.monitoring.distributions.change import last_change
from assets.monitoring.distributions.explained import label_figures
from assets.monitoring.distributions.figures import Drift
from assets.monitoring.distributions.labels import label_shift
from assets.monitoring.distributions.limits import Limits
from assets.monitoring.distributions.told_apart import kinds_of_drift
from assets.product import MonitoringPolicy

FIRST = date(2026, 3, 1)


def test_features_together_explain_the_whole_shift_of_the_log_odds() -> None:
    rng = np.random.default_rng(0)
    then, now = rng.normal(0, 1, (300, 3)), rng.normal([0.5, 0, -0.2], 1, (200, 3))
    days = [FIRST, FIRST + timedelta(days=1)]
    table = pa.concat_tables(
        sums_table("1", "ab", day, feature_sums(values, ["a", "b", "b"]))
        for day, values in zip(days, (then, now), strict=True)
    )
    found = {one.name: one for one in shifts(table, days[:1], days[1:])}
    assert sum(one.shift for one in found.values()) == pytest.approx((now.sum(1).mean() - then.sum(1).mean()), abs=1e-5)
    assert found["a"].shift == pytest.approx(now[:, 0].mean() - then[:, 0].mean(), abs=1e-5)
    assert found["a"].share + found["b"].share == pytest.approx(1)
    assert shifts(table, days[:1], []) == ()


def test_segments_together_explain_the_shift_of_the_mean_score() -> None:
    rng = np.random.default_rng(1)
    tables, means = [], []
    for place, share in enumerate((0.3, 0.6)):
        member, scores = (rng.random(400) < share).astype(np.int64), rng.random(400)
        scores = scores * np.where(member == 1, 0.9, 0.1)
        means.append(scores.mean())
        sums = segment_sums("sex", ["f", "m"], member, scores)
        tables.append(sums_table("1", "ab", FIRST + timedelta(days=place), sums))
    found = shifts(pa.concat_tables(tables), [FIRST], [FIRST + timedelta(days=1)])
    assert sum(one.shift for one in found) == pytest.approx(means[1] - means[0], abs=1e-5)
    assert found[0].name == "sex=m"


@pytest.mark.parametrize(("level", "at"), [(2.0, 30), (6.0, 59), (1.0, 20)])
def test_the_day_of_a_change_is_found(level: float, at: int) -> None:
    series = np.random.default_rng(4).normal(0, 0.2, 60)
    series[at:] += level
    assert last_change(series) == at
    series[10] = np.nan
    assert last_change(series) == at


def test_a_level_that_stays_has_no_change() -> None:
    rng = np.random.default_rng(5)
    found = [last_change(rng.normal(0, 1, 90)) for _ in range(200)]
    assert sum(one is not None for one in found) <= 4
    assert last_change(np.full(40, np.nan)) is None
    assert last_change(np.zeros(40)) is None


def test_of_two_changes_the_last_is_told() -> None:
    series = np.random.default_rng(6).normal(0, 0.2, 80) + np.repeat([0.0, 3.0, 6.0], [30, 25, 25])
    assert last_change(series) == 55


def test_more_bad_rows_with_high_scores_are_no_concept_drift() -> None:
    then, given = np.array([[900, 100], [400, 400]]), np.array([0.1, 0.5])
    other_mix, other_meaning = np.array([200, 800]), np.array([1000, 800])
    mixed = label_shift(then.ravel(), np.rint(np.stack([other_mix * (1 - given), other_mix * given], 1)).ravel())
    moved = label_shift(then.ravel(), np.array([[800, 200], [300, 500]]).ravel())
    assert mixed is not None
    assert moved is not None
    assert mixed.z > 5
    assert abs(mixed.concept_z) < 1
    assert moved.concept_z > 5
    assert other_meaning.sum() == moved.rows
    assert label_shift(then.ravel(), np.zeros(4, np.int64)) is None


def test_the_four_kinds_are_told_apart() -> None:
    common = {"psi": None, "ks": None, "p_value": None, "rows": 100, "missing_share": None}
    quiet = Drift("income", "numeric", **{**common, "psi": 0.1}, psi_limit=0.2)  # type: ignore[arg-type]
    feature = Drift("amount", "numeric", **{**common, "psi": 0.3}, psi_limit=0.2)  # type: ignore[arg-type]
    concept = Drift("concept", "concept", **common, label_rate=0.2, expected_rate=0.1, z=6.0, z_limit=3.0)  # type: ignore[arg-type]
    refused = Drift("outcome", "outcome", **common, refused_share=0.9, refused_high=0.1)  # type: ignore[arg-type]
    found = kinds_of_drift([quiet, feature, concept, refused])
    assert found == {
        "covariate": "other rows come: amount",
        "prediction": "the model answers differently: outcome",
        "concept": "the same scores have other outcomes than they had",
    }
    assert kinds_of_drift([quiet]) == {}


def test_labels_that_come_in_bursts_are_judged_by_how_much_their_weeks_vary() -> None:
    """One week of an evaluation does not tell: twelve weeks of the training before it do."""
    policy, days = MonitoringPolicy(window_days=7, judged="answered"), [date(2026, 3, 8)]

    def weeks(*bad: int) -> NDArray[np.int64]:
        """Each with 980 rows, a seventh a day, in one bin of the score."""
        by_day = np.repeat(np.array(bad) // 7, 7)
        return np.stack([140 - by_day, by_day], axis=1)

    then, now, limits = weeks(7), weeks(56), Limits(None, None, "fixed")
    bursts, even = weeks(*(7, 7, 42, 14, 7, 56) * 2), weeks(*(14,) * 12)
    limit = {}
    for name, history in (("none", None), ("even", even), ("bursts", bursts)):
        label, concept = label_figures(then, now, days, policy, limits, history)[days[0]]
        assert (label.rows, label.expected_rate) == (980, pytest.approx(7 / 980)), "history tells nothing else"
        assert concept.z is not None
        limit[name] = concept.z_limit or 0.0
    assert limit["none"] == limit["even"] < concept.z < limit["bursts"]
