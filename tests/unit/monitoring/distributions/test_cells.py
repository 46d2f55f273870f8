"""Cells: every value in one, bins as sums of cells, and the same cell for a value alone and among many."""

import numpy as np
import pytest

from assets.bundle.profile import NumericProfile, build_profile
from assets.monitoring.distributions.cells import Layout, assigned, cells_of, numeric_counts, numeric_subject
from assets.monitoring.distributions.judged import usual_rows, volume_of, window_sums
from tests.support.data.monitored_rows import layout

ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300, 5e-324, 1.0, np.nextafter(1.0, 2)])


def profile_of(values: np.ndarray) -> NumericProfile:
    import pyarrow as pa

    rows = pa.table({"x": values})
    return build_profile(rows, np.full(len(values), 0.5), ["x"], [], positive_rate=0.1, auc=0.5).numeric["x"]


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=900),
        np.random.default_rng(1).poisson(0.4, 900).astype(float),
        np.full(50, 7.0),
        np.zeros(50),
        np.array([1e308, -1e308, 3.0]),
        np.full(20, np.nan),
        np.array([0.0, 1.0, np.nextafter(1.0, 2)]),
    ],
)
def test_bins_are_sums_of_cells_whatever_the_values(values: np.ndarray) -> None:
    profile = profile_of(values)
    subject = numeric_subject("x", "numeric", profile)
    assert (np.diff(subject.bins) >= 0).all()
    rng = np.random.default_rng(2)
    drawn = np.concatenate([ODD, values, rng.normal(size=500) * 100, rng.permutation(subject.points)])
    cells = assigned(subject, drawn)
    known = drawn[~np.isnan(drawn)]
    np.testing.assert_array_equal(subject.bins[assigned(subject, known)], profile.assign(known))
    points = subject.points[1::2]
    np.testing.assert_array_equal(numeric_counts(points, drawn), np.bincount(cells, minlength=subject.cells))
    assert subject.sample.sum() == len(profile.sample)
    assert numeric_counts(points, values)[: len(subject.points)].sum() == (~np.isnan(values)).sum()
    assert len(subject.parts) == len(subject.labels) == len(subject.bins) == len(subject.points) + 1


def test_ends_are_those_of_the_sample_and_steps_double_beyond_them() -> None:
    subject = numeric_subject("x", "numeric", profile_of(np.arange(100.0)))
    part = dict(zip(subject.labels, subject.parts, strict=True))
    assert part["0"] == part["99"] == "within"
    assert [subject.parts[cell] for cell in cells_of(subject.points[1::2], np.array([-0.1, 99.1, np.nan]))] == [
        "below", "above", "missing",
    ]  # fmt: skip
    steps = np.diff(subject.points[1::2][-10:])
    np.testing.assert_allclose(steps[1:] / steps[:-1], 2.0)


def test_a_layout_has_one_row_of_counts_for_all_its_subjects(request: pytest.FixtureRequest) -> None:
    cells: Layout = layout(request.getfixturevalue("profile"))
    assert [subject.kind for subject in cells.subjects] == [*["numeric"] * 3, "category", "score", "outcome"]
    assert cells.cells == cells.starts[-1] + cells.subjects[-1].cells


def test_days_before_the_first_row_are_not_usual() -> None:
    rows = np.concatenate([np.zeros(60, np.int64), np.full(35, 200)])
    for window in (1, 7):
        usual = usual_rows(rows, window)
        assert np.isnan(usual[: 60 + 14 + window - 1]).all(), "two weeks of rows are not there yet"
        assert usual[-1] == 200 * window
    gone = usual_rows(np.concatenate([np.full(35, 200), np.zeros(8, np.int64)]), 7)
    assert gone[-1] == 1400, "a service that has stopped answers too little"


def test_usual_rows_are_those_of_the_same_weekdays_before_the_window() -> None:
    rows = np.tile([10, 10, 10, 10, 10, 2, 2], 12)
    for window in (1, 7, 10):
        usual, sums = usual_rows(rows, window), window_sums(rows[:, None], window)[:, 0]
        known = ~np.isnan(usual)
        assert known.sum() == len(rows) - (7 * (-(-window // 7) + 1) + window - 1)
        np.testing.assert_array_equal(usual[known], sums[known])
        np.testing.assert_allclose(volume_of(rows, window)[known], 0, atol=1e-12)
