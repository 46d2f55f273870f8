"""The figures of days and windows, from exact counts."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp, wasserstein_distance

from assets.bundle.profile import ProfileError, ReferenceProfile
from assets.monitoring.distributions.figures import DRIFT_SCHEMA, Drift, drift_of_day, drift_table
from tests.support.data.monitored_rows import FIRST, counts_by_day, figures_by_day

Draw = Callable[..., Any]


def one_day(rows: pa.Table, scores: np.ndarray) -> pa.Table:
    table = rows.append_column("score", pa.array(scores))
    return table.append_column("day", pa.array([FIRST] * len(scores), pa.date32()))


def figures(profile: ReferenceProfile, table: pa.Table, scores: np.ndarray) -> dict[str, Drift]:
    found = figures_by_day(profile, one_day(table, scores), [FIRST], 3)[FIRST]
    return {figure.name: figure for figure in found if figure.horizon == "window"}


def test_the_same_rows_have_not_moved(profile: ReferenceProfile, rows: Draw, scores: Draw) -> None:
    for figure in figures(profile, rows(5000), scores(5000)).values():
        if figure.kind not in ("outcome", "volume"):
            assert figure.psi == pytest.approx(0, abs=1e-9)
            assert figure.ks is None or figure.ks < 0.005


def test_only_what_moved_is_seen_to_move(profile: ReferenceProfile, rows: Draw, scores: Draw) -> None:
    by_name = figures(profile, rows(600, seed=2, shift=3.0), scores(600, seed=2))
    amount = by_name["amount"]
    assert (amount.psi or 0) > 0.25
    assert (amount.ks or 0) > 0.15
    assert (amount.p_value or 1) < 1e-6
    assert all((by_name[name].psi or 0) < 0.1 for name in ("income", "late_count", "purpose", "score"))


def test_shares_are_of_all_rows(profile: ReferenceProfile, rows: Draw, scores: Draw) -> None:
    table = rows(600, seed=2, missing=0.7).set_column(3, "purpose", pa.array(["boat"] * 150 + ["car"] * 450))
    by_name = figures(profile, table, np.append(scores(300), np.full(300, 0.9)))
    missing = np.isnan(table["income"].to_numpy()).mean()
    assert by_name["income"].missing_share == pytest.approx(missing)
    assert by_name["purpose"].unseen_share == 0.25
    assert by_name["outcome"].refused_share == pytest.approx(0.5, abs=0.02)
    assert by_name["score"].out_of_range_share == pytest.approx(0.5, abs=0.02)


def test_numbers_a_hundred_times_too_large_are_farther_than_twice_too_large(
    profile: ReferenceProfile, rows: Draw, scores: Draw
) -> None:
    twice, hundred = (figures(profile, rows(600, seed=2, shift=s), scores(600))["amount"] for s in (2.0, 100.0))
    assert (hundred.wasserstein or 0) > 30 * (twice.wasserstein or 0) > 0
    assert (hundred.out_of_range_share or 0) > 0.9


def test_ks_and_wasserstein_are_scipys_over_the_kept_sample(
    profile: ReferenceProfile, rows: Draw, scores: Draw
) -> None:
    table, given = rows(700, seed=4, shift=1.2), scores(700, seed=4)
    for name, figure in figures(profile, table, given).items():
        if figure.ks is None:
            continue
        values = given if name == "score" else np.array(table[name].cast(pa.float64()).to_numpy())
        part, known = (profile.score if name == "score" else profile.numeric[name]), values[~np.isnan(values)]
        assert figure.ks == pytest.approx(ks_2samp(part.sample, known).statistic, abs=1e-9)
        # Values stand at their cell's point, at most half a gap away.
        theirs = wasserstein_distance(part.sample, known)
        assert figure.wasserstein == pytest.approx(theirs, abs=0.02 * float(np.ptp(part.sample)))


def test_windows_are_sums_of_days(profile: ReferenceProfile, by_day: Draw) -> None:
    table = by_day(20, 12, shift=1.5)
    days = [FIRST + timedelta(days=n) for n in range(12)]
    found = figures_by_day(profile, table, days, 4)
    together = {f.name: f for f in found[days[7]] if f.horizon == "window"}
    four = table.slice(4 * 20, 4 * 20)
    alone = figures(profile, four.drop_columns(["score", "day"]), four["score"].to_numpy())
    for name in ("amount", "income", "purpose", "score", "outcome"):
        assert together[name] == alone[name]
    assert [f.rows for f in found[days[0]] if f.name == "score"] == [20, 20]
    assert [f.rows for f in found[days[7]] if f.name == "score"] == [20, 80]


def test_counts_do_not_depend_on_the_order_of_rows(profile: ReferenceProfile, by_day: Draw) -> None:
    table = by_day(20, 3)
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)))
    days = [FIRST + timedelta(days=n) for n in range(3)]
    assert (counts_by_day(profile, table, days) == counts_by_day(profile, shuffled, days)).all()


def test_days_without_rows_have_no_figures(profile: ReferenceProfile, by_day: Draw) -> None:
    late = FIRST + timedelta(days=100)
    found = figures_by_day(profile, by_day(20, 2), [late], 3)[late]
    names = ["amount", "income", "late_count", "purpose", "score", "outcome", "volume"]
    assert [figure.name for figure in found] == names * 2
    assert {(f.psi, f.ks, f.p_value, f.rows, f.missing_share) for f in found} == {(None, None, None, 0, None)}


def test_a_score_that_the_model_did_not_give_is_missing(profile: ReferenceProfile, rows: Draw) -> None:
    score = figures(profile, rows(300), np.full(300, np.nan))["score"]
    assert (score.ks, score.missing_share) == (None, 1.0)
    assert (score.psi or 0) > 1


def test_a_table_of_figures_gives_them_back(profile: ReferenceProfile, by_day: Draw) -> None:
    found = figures_by_day(profile, by_day(50, 1), [FIRST], 3)
    table = drift_table(dict(found))
    assert table.schema == DRIFT_SCHEMA
    assert drift_of_day(table, FIRST) == found[FIRST]
    assert drift_of_day(table, FIRST + timedelta(days=1)) == ()


def test_a_lacking_column_is_named(profile: ReferenceProfile, by_day: Draw) -> None:
    with pytest.raises(ProfileError, match="no column 'amount'"):
        counts_by_day(profile, by_day(5, 1).drop_columns(["amount"]), [FIRST])
