"""The limits: false alarms a year on quiet years, faults found within two days, what is said with little history."""

from datetime import date, timedelta
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.profile import build_profile
from assets.monitoring.distributions.beyond import beyond
from assets.monitoring.distributions.cells import Layout, layout_of
from assets.monitoring.distributions.counting import Rows, counted, score_rows
from assets.monitoring.distributions.figures import Drift, drift_of_days
from assets.monitoring.distributions.judged import rows_by_chance
from assets.monitoring.distributions.limits import LEAST_DAYS, Limits, limits_of
from assets.monitoring.distributions.stored_limits import limits_key, limits_table, stored_limits
from assets.product import MonitoringPolicy
from tests.support.data.monitored_rows import POLICY as BUNDLE_POLICY
from tests.support.data.quiet_years import YEAR, Fault, quiet_years, rows_of_day

FIRST = date(2024, 1, 1)
POLICY = MonitoringPolicy(window_days=14, min_rows=100, false_alarms_a_year=1.0, history_days=YEAR)
PER_DAY = 250
SEASON = 1.0
YEARS = 3
FAULTS: tuple[Fault, ...] = get_args(Fault)
BEFORE = 100


def day_of(place: int) -> date:
    return FIRST + timedelta(days=place)


@pytest.fixture(scope="module")
def years() -> list[tuple[Layout, np.ndarray, Limits]]:
    """Each with the limits that its first year gives, and a quiet year after that."""
    found = []
    for seed in range(YEARS):
        cells, counts = quiet_years(seed, 2 * YEAR, per_day=PER_DAY, season=SEASON)
        days = [day_of(place) for place in range(YEAR)]
        found.append((cells, counts, limits_of(cells, days, counts[:YEAR], POLICY)))
    return found


def alarms(cells: Layout, counts: np.ndarray, limits: Limits, first: int, after: int) -> list[list[Drift]]:
    """For each of these days the figures beyond their limits."""
    days = [day_of(place) for place in range(first, after)]
    figures = drift_of_days(cells, "batch", days, counts[first - BEFORE : after], limits, POLICY)
    return [[figure for figure in figures[day] if beyond(figure)] for day in days]


def test_false_alarms_are_about_as_many_a_year_as_allowed(years: list[tuple[Layout, np.ndarray, Limits]]) -> None:
    """Of a Poisson number with mean 3 more than 8 come once in 250 times."""
    episodes = 0
    for cells, counts, limits in years:
        odd = np.array([bool(found) for found in alarms(cells, counts, limits, YEAR, 2 * YEAR)])
        episodes += int((odd & ~np.append(False, odd[:-1])).sum())
    assert episodes <= 8


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_within_two_days_and_as_itself(
    years: list[tuple[Layout, np.ndarray, Limits]], fault: Fault
) -> None:
    name = {
        "all null": "income", "times 100": "amount", "constant": "other", "category renamed": "purpose",
        "half the rows": "volume",
    }[fault]  # fmt: skip
    rng = np.random.default_rng(9)
    for cells, counts, limits in years:
        at, broken = YEAR + 200, counts.copy()
        for day in (at, at + 1):
            rows = rows_of_day(rng, day, per_day=PER_DAY, season=SEASON, fault=fault)
            broken[day] = counted(cells, rows)
        found = alarms(cells, broken, limits, at, at + 2)
        assert name in {figure.name for figure in found[0] + found[1] if figure.horizon == "day"}


def test_a_slow_drift_is_of_the_window_and_not_of_its_days(years: list[tuple[Layout, np.ndarray, Limits]]) -> None:
    _, _, limits = years[0]
    assert limits.day is not None
    assert limits.window is not None
    psi = [horizon.median[0, 0] + horizon.level[0] * horizon.spread[0, 0] for horizon in (limits.day, limits.window)]
    assert psi[1] < psi[0] / 3


def test_more_false_alarms_allow_lower_limits() -> None:
    cells, counts = quiet_years(5, 120, per_day=100, season=0)
    days = [day_of(place) for place in range(120)]
    few, many = (
        limits_of(cells, days, counts, MonitoringPolicy(window_days=7, false_alarms_a_year=rate)) for rate in (0.5, 12)
    )
    assert few.day is not None
    assert many.day is not None
    assert few.window is not None
    assert many.window is not None
    assert (many.day.level < few.day.level).all()
    assert (many.window.level < few.window.level).all()


def test_an_odd_day_in_the_history_is_left_out_of_it() -> None:
    cells, counts = quiet_years(6, 120, per_day=100, season=0)
    days = [day_of(place) for place in range(120)]
    broken = counts.copy()
    rng = np.random.default_rng(1)
    broken[50] = counted(cells, rows_of_day(rng, 50, per_day=100, season=0, fault="times 100"))
    with_it, without = (limits_of(cells, days, one, POLICY) for one in (broken, counts))
    assert day_of(50) not in with_it.quiet
    assert with_it.day is not None
    assert without.day is not None
    assert with_it.day.median[0, 0] == pytest.approx(without.day.median[0, 0], rel=0.05)


def test_too_little_history_says_so_and_still_finds_what_is_gross() -> None:
    cells, counts = quiet_years(7, 60, per_day=250, season=0)
    limits = limits_of(cells, [day_of(place) for place in range(20)], counts[:20], POLICY)
    assert limits.day is None
    assert limits.basis == f"fixed limits: 20 days before the approval have rows, {LEAST_DAYS} needed"
    days = [day_of(place) for place in range(40, 60)]
    calm = drift_of_days(cells, "batch", days, counts, limits, POLICY)
    assert not [figure for figures in calm.values() for figure in figures if beyond(figure)]
    rng = np.random.default_rng(3)
    for fault, name in (("all null", "income"), ("times 100", "amount"), ("constant", "other")):
        broken = counts.copy()
        broken[59] = counted(cells, rows_of_day(rng, 59, per_day=250, season=0, fault=fault))  # type: ignore[arg-type]
        figures = drift_of_days(cells, "batch", days[-1:], broken, limits, POLICY)[days[-1]]
        assert name in {figure.name for figure in figures if figure.horizon == "day" and beyond(figure)}


def test_stored_limits_are_the_same_for_the_same_bundle_days_and_policy() -> None:
    cells, counts = quiet_years(8, 80, per_day=60, season=0)
    days = [day_of(place) for place in range(80)]
    limits, key = limits_of(cells, days, counts, POLICY), limits_key("ab", days, POLICY)
    table = limits_table(cells, limits, key)
    again = stored_limits(cells, table, key)
    assert again is not None
    assert again.basis == limits.basis
    for one, other in ((again.day, limits.day), (again.window, limits.window)):
        assert one is not None
        assert other is not None
        for bound, of_other in zip(one.bounds(np.array([60, 7])), other.bounds(np.array([60, 7])), strict=True):
            np.testing.assert_array_equal(bound, of_other)
    assert stored_limits(cells, table, limits_key("cd", days, POLICY)) is None
    assert stored_limits(cells, table, limits_key("ab", days[1:], POLICY)) is None


@pytest.mark.parametrize("history", [True, False])
def test_what_the_date_gives_is_not_judged(history: bool) -> None:
    """On a weekend with few rows every row is of a weekend, which is no drift."""
    rng, weekend = np.random.default_rng(0), (np.arange(120) % 7 >= 5).astype(float)

    def rows_of(day: int, n: int, flag: float | None = None) -> Rows:
        flags = np.full(n, weekend[day] if flag is None else flag)
        table = pa.table({"amount": rng.lognormal(3, 1, n), "is_weekend": flags})
        return Rows(table, rng.beta(2, 10, n), np.zeros(n, np.int64))

    days = [rows_of(day, 30 if weekend[day] else 200) for day in range(120)]
    table, scores = pa.concat_tables([one.features for one in days[:28]]), np.concatenate([o.scores for o in days[:28]])
    profile = build_profile(table, scores, ["amount", "is_weekend"], [], positive_rate=0.1, auc=0.8)
    cells = layout_of(profile, BUNDLE_POLICY, {"is_weekend"})
    counts, known = np.stack([counted(cells, one) for one in days]), [day_of(place) for place in range(120)]
    limits = limits_of(cells, known[:100] if history else (), counts[: 100 if history else 0], POLICY)
    last = next(place for place in range(119, 0, -1) if weekend[place])
    counts[last] = counted(cells, rows_of(last, 12))
    figures = drift_of_days(cells, "batch", [known[last]], counts[: last + 1], limits, POLICY)[known[last]]
    own = [figure for figure in figures if figure.name == "is_weekend"]
    assert [(figure.psi_limit, beyond(figure)) for figure in own] == [(None, ())] * 2
    assert {figure.psi_limit is None for figure in figures if figure.name == "amount"} == {False}


def test_answers_of_a_service_that_has_just_begun_are_judged_by_day_and_not_as_a_window(
    years: list[tuple[Layout, np.ndarray, Limits]],
) -> None:
    """Some weeks ago somebody tried it with a few requests: those are no usual weeks either."""
    cells, counts, limits = years[0]
    answered = counts[: YEAR + 20].copy()
    answered[:-5] = 0
    last = day_of(len(answered) - 1)
    (figures,) = drift_of_days(cells, "answered", [last], answered, limits, POLICY).values()
    assert not [figure for figure in figures if beyond(figure)]
    assert {figure.psi_limit for figure in figures if figure.horizon == "window"} == {None}
    assert None not in {figure.ks_limit for figure in figures if figure.horizon == "day" and figure.kind == "numeric"}
    answered[-26] = counts[-26] // 100
    (figures,) = drift_of_days(cells, "answered", [last], answered, limits, POLICY).values()
    assert not [figure for figure in figures if figure.kind == "volume" and beyond(figure)]


def test_a_champion_that_answered_a_share_before_is_judged_by_the_answers_of_all(
    years: list[tuple[Layout, np.ndarray, Limits]],
) -> None:
    """In its rollout it answered a fifth; the first day of which it answers all is no flood of requests."""
    cells, counts, limits = years[0]
    every = counts[: YEAR + 60]
    answered, last = every.copy(), day_of(len(every) - 1)
    answered[:-1] //= 5
    totals = score_rows(cells, every)
    for judged, is_told in ((None, True), (totals, False)):
        (figures,) = drift_of_days(cells, "answered", [last], answered, limits, POLICY, judged).values()
        assert any(figure.kind == "volume" and beyond(figure) for figure in figures) == is_told
    totals[-1] *= 9
    (figures,) = drift_of_days(cells, "answered", [last], answered, limits, POLICY, totals).values()
    (flood,) = [figure for figure in figures if figure.kind == "volume" and figure.horizon == "day"]
    assert flood.rows == totals[-1]
    assert beyond(flood)


def test_a_small_number_of_rows_is_judged_by_what_chance_makes_of_it() -> None:
    usual = np.array([1.0, 6.0, 12.0, 100.0, np.nan])
    low, high = rows_by_chance(usual, 1e-3)
    drawn = np.random.default_rng(0).poisson(usual[:-1], (20_000, 4))
    assert ((drawn < low[:-1]).mean(axis=0) <= 1.3e-3).all()
    assert ((drawn > high[:-1]).mean(axis=0) <= 1.3e-3).all()
    assert (low[:2].tolist(), low[3] > 60, high[3] < 150) == ([0.0, 0.0], True, True)
    assert np.isnan([low[-1], high[-1]]).all()
