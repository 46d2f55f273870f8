from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from assets.monitoring.drift import DRIFT_SCHEMA, DriftError, drift, drift_by_day, drift_of_day, drift_table
from scipy.stats import ks_2samp

from assets.bundle.profile import ProfileError, ReferenceProfile, build_profile
from tests.support.monitored_rows import FIRST

Draw = Callable[..., Any]


def figures(profile: ReferenceProfile, table: pa.Table, scores: np.ndarray) -> dict[str, Any]:
    return {figure.name: figure for figure in drift(profile, table, scores)}


def test_the_same_rows_have_not_drifted(profile: ReferenceProfile, rows: Draw, scores: Draw) -> None:
    for figure in drift(profile, rows(5000), scores(5000)):
        assert figure.psi == pytest.approx(0, abs=1e-9)
        assert figure.ks is None or figure.ks < 0.005


def test_rows_of_the_same_distribution_stay_calm(profile: ReferenceProfile, rows: Draw, scores: Draw) -> None:
    for figure in drift(profile, rows(600, seed=9), scores(600, seed=9)):
        assert figure.psi is not None
        assert figure.psi < 0.1
        assert figure.p_value is None or figure.p_value > 0.001


def test_only_what_moved_is_seen_to_move(profile: ReferenceProfile, rows: Draw, scores: Draw) -> None:
    by_name = figures(profile, rows(600, seed=2, shift=3.0), scores(600, seed=2))
    assert by_name["amount"].psi > 0.25
    assert by_name["amount"].ks > 0.15
    assert by_name["amount"].p_value < 1e-6
    assert all(by_name[name].psi < 0.1 for name in ("income", "late_count", "purpose", "score"))


def test_missing_values_are_drift_in_psi_and_not_in_ks(profile: ReferenceProfile, rows: Draw, scores: Draw) -> None:
    income = figures(profile, rows(600, seed=2, missing=0.7), scores(600))["income"]
    assert income.psi > 0.25
    assert income.ks < 0.15
    assert income.missing_share == pytest.approx(0.7, abs=0.06)


def test_an_unseen_category_is_drift(profile: ReferenceProfile, rows: Draw, scores: Draw) -> None:
    table = rows(600, seed=2)
    table = table.set_column(3, "purpose", pa.array(["boat"] * 600))
    assert figures(profile, table, scores(600))["purpose"].psi > 1


def test_ks_is_scipys_over_the_kept_sample(profile: ReferenceProfile, rows: Draw, scores: Draw) -> None:
    table = rows(700, seed=4, shift=1.2)
    for name, figure in figures(profile, table, scores(700, seed=4)).items():
        if figure.ks is None:
            continue
        values = scores(700, seed=4) if name == "score" else np.array(table[name].cast(pa.float64()).to_numpy())
        part = profile.score if name == "score" else profile.numeric[name]
        assert figure.ks == pytest.approx(ks_2samp(part.sample, values[~np.isnan(values)]).statistic, abs=1e-12)


def test_ks_of_the_sample_is_near_that_of_all_reference_rows(
    profile: ReferenceProfile, rows: Draw, scores: Draw
) -> None:
    table = rows(700, seed=4, shift=1.2)
    amount = figures(profile, table, scores(700, seed=4))["amount"]
    all_rows = ks_2samp(rows(5000)["amount"].to_numpy(), table["amount"].to_numpy(), method="asymp")
    assert amount.ks == pytest.approx(all_rows.statistic, abs=1 / 512 + 1e-9)
    assert np.log10(amount.p_value) == pytest.approx(np.log10(all_rows.pvalue), abs=1)


def test_no_rows_give_no_figures(profile: ReferenceProfile, rows: Draw) -> None:
    for figure in drift(profile, rows(5).slice(0, 0), np.empty(0)):
        assert (figure.psi, figure.ks, figure.p_value, figure.rows, figure.missing_share) == (None, None, None, 0, None)


def test_a_score_that_the_model_did_not_give_is_missing(profile: ReferenceProfile, rows: Draw) -> None:
    score = figures(profile, rows(300), np.full(300, np.nan))["score"]
    assert (score.ks, score.missing_share) == (None, 1.0)
    assert score.psi > 1


def test_by_day_is_the_same_as_window_by_window(profile: ReferenceProfile, by_day: Draw) -> None:
    table, window = by_day(20, 12, shift=1.5), 4
    days = [FIRST + timedelta(days=n) for n in (0, 3, 7, 11)]
    figures_by_day = drift_by_day(profile, table, days, window)
    stamp = np.array(table["day"].cast(pa.int32()))
    for day in days:
        last = (day - date(1970, 1, 1)).days
        in_window = table.filter(pa.array((stamp > last - window) & (stamp <= last)))
        assert drift_of_day(figures_by_day, day) == drift(profile, in_window, in_window["score"].to_numpy())


def test_by_day_ignores_other_days_and_their_order(profile: ReferenceProfile, by_day: Draw) -> None:
    table = by_day(20, 10)
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)))
    one = FIRST + timedelta(days=5)
    alone = drift_by_day(profile, table.slice(60, 60), [one], 3)
    assert drift_by_day(profile, shuffled, [one], 3).equals(alone)


def test_days_without_rows_are_in_the_table_without_figures(profile: ReferenceProfile, by_day: Draw) -> None:
    figures_by_day = drift_by_day(profile, by_day(20, 2), [FIRST, FIRST + timedelta(days=100)], 3)
    assert figures_by_day.schema == DRIFT_SCHEMA
    late = drift_of_day(figures_by_day, FIRST + timedelta(days=100))
    assert [figure.name for figure in late] == ["amount", "income", "late_count", "purpose", "score"]
    assert {figure.psi for figure in late} == {None}
    assert drift_by_day(profile, by_day(20, 2).slice(0, 0), [FIRST], 3).num_rows == 5
    assert drift_by_day(profile, by_day(20, 2), [], 3).num_rows == 0


def test_a_table_of_figures_gives_them_back(profile: ReferenceProfile, rows: Draw, scores: Draw) -> None:
    drifted = drift(profile, rows(50), scores(50))
    assert drift_of_day(drift_table({FIRST: drifted}), FIRST) == drifted
    assert drift_of_day(drift_table({FIRST: drifted}), FIRST + timedelta(days=1)) == ()


def test_many_rows_in_long_windows_are_fast(scores: Draw) -> None:
    """A month of a card product, ten features, every day: well under a second on one core; bound for slow machines."""
    from time import perf_counter

    n, days = 10_000, 30
    rng = np.random.default_rng(0)
    table = pa.table({f"x{i}": rng.normal(size=n * days) for i in range(10)})
    profile = build_profile(table.slice(0, n), scores(n), table.column_names, [], positive_rate=0.1, auc=0.7)
    stamps = pa.array([FIRST + timedelta(days=i // n) for i in range(n * days)], pa.date32())
    table = table.append_column("score", pa.array(scores(n * days))).append_column("day", stamps)
    began = perf_counter()
    drift_by_day(profile, table, [FIRST + timedelta(days=i) for i in range(days)], 28)
    assert perf_counter() - began < 5


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda t: t.drop_columns(["amount"]), ProfileError, "no column 'amount'"),
        (lambda t: t.drop_columns(["score"]), ProfileError, "no column 'score'"),
        (lambda t: t.drop_columns(["day"]), DriftError, "date32"),
    ],
)
def test_what_is_lacking_is_named(
    profile: ReferenceProfile, by_day: Draw, change: Draw, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        drift_by_day(profile, change(by_day(5, 2)), [FIRST], 3)


def test_a_window_of_no_days_and_a_missing_score_are_refused(profile: ReferenceProfile, by_day: Draw) -> None:
    with pytest.raises(DriftError, match="at least 1"):
        drift_by_day(profile, by_day(5, 2), [FIRST], 0)
    with pytest.raises(DriftError, match="one score per row"):
        drift(profile, by_day(5, 2), np.zeros(3))
