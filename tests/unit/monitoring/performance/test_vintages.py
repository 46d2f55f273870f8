"""Vintages beside scipy's product-limit estimate, and projections beside what later became known."""

from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf

from assets.monitoring.performance.vintages import VINTAGE_SCHEMA, Courses, vintage_curves, vintages_of

FIRST = date(2026, 1, 5)
START = (FIRST - date(1970, 1, 1)).days
MATURITY = 60


def courses(weeks: int, a_week: int, seed: int = 0, rate: float = 0.3) -> Courses:
    """Decisions of some weeks of which a share turns bad, at ages spread over the maturity."""
    rng = np.random.default_rng(seed)
    count = weeks * a_week
    decided = START + np.repeat(np.arange(weeks) * 7, a_week) + rng.uniform(0, 7, count)
    turned = np.where(rng.random(count) < rate, MATURITY * rng.beta(2, 2, count), np.nan)
    return Courses(decided, turned, np.ones(count, bool), np.full(count, np.nan), MATURITY)


def after(weeks: int) -> date:
    """The Sunday that ends so many weeks."""
    return FIRST + timedelta(days=7 * weeks - 1)


def test_the_newest_projection_is_scipys_product_limit() -> None:
    """Of a vintage that has just ended all is known from older ones: the estimate over all their decisions."""
    known = courses(20, 60)
    (*_, newest) = vintages_of(known, [after(20)]).to_pylist()
    older = known.decided < START + 19 * 7
    lived = np.minimum(np.floor(START + 20 * 7 - known.decided[older]), MATURITY)
    turned = np.ceil(known.turned_bad[older])
    is_bad = turned <= lived
    expected = ecdf(CensoredData(uncensored=turned[is_bad], right=lived[~is_bad])).sf
    assert (newest["age"], newest["positives"]) == (0, 0)
    assert newest["completion"] == 0.0
    assert newest["final_bad_rate"] == pytest.approx(1.0 - expected.probabilities[-1], abs=1e-9)
    interval = expected.confidence_interval(0.95, method="log-log")
    assert newest["final_low"] == pytest.approx(1.0 - interval.high.probabilities[-1], abs=1e-6)
    assert newest["final_high"] == pytest.approx(1.0 - interval.low.probabilities[-1], abs=1e-6)


def test_every_vintage_is_projected_to_where_it_ends() -> None:
    """Over many banks the intervals hold the final bad rate of the process."""
    held = []
    for seed in range(60):
        rows = [row for row in vintages_of(courses(20, 80, seed), [after(20)]).to_pylist() if row["age"] < MATURITY]
        assert len(rows) == 9
        held += [row["final_low"] <= 0.3 <= row["final_high"] for row in rows if row["age"] > 0]
    assert 0.91 <= np.mean(held) <= 0.985


def test_counts_are_those_of_the_day() -> None:
    known = courses(12, 50)
    day = after(10)
    rows = vintages_of(known, [day]).to_pylist()
    assert vintages_of(known, [day]).schema == VINTAGE_SCHEMA
    assert {row["day"] for row in rows} == {day}
    end = START + 70
    for row in rows:
        start = (row["vintage"] - date(1970, 1, 1)).days
        own = (known.decided >= start) & (known.decided < start + 7)
        lived, turned = end - known.decided[own], known.turned_bad[own]
        assert (row["decisions"], row["followed"]) == (50, 50)
        assert row["positives"] == int((turned <= lived).sum())
        assert row["known"] == int(((turned <= lived) | (lived >= MATURITY)).sum())
        assert row["age"] == min(end - start - 7, MATURITY)
    assert rows[0]["age"] >= MATURITY > rows[1]["age"], "of those whose labels are final the newest"


def test_rows_that_can_have_no_label_are_left_out_of_every_figure() -> None:
    known = courses(20, 60)
    refused = np.arange(len(known.decided)) % 3 == 0
    rows = vintages_of(
        Courses(known.decided, known.turned_bad, ~refused, known.told, MATURITY), [after(20)]
    ).to_pylist()
    kept = ~refused
    alone = Courses(known.decided[kept], known.turned_bad[kept], kept[kept], known.told[kept], MATURITY)
    for row, same in zip(rows, vintages_of(alone, [after(20)]).to_pylist(), strict=True):
        assert (row["decisions"], row["followed"]) == (60, 40)
        assert {**row, "decisions": 0} == {**same, "decisions": 0}


def test_nothing_is_projected_where_no_vintage_is_old_enough() -> None:
    (*_, newest) = vintages_of(courses(4, 50), [after(4)]).to_pylist()
    assert (newest["completion"], newest["final_bad_rate"]) == (None, None)


def test_short_labels_have_vintages_of_days_and_curves_end_where_decisions_have_lived() -> None:
    rng = np.random.default_rng(1)
    decided = START + rng.uniform(0, 20, 4000)
    turned = np.where(rng.random(4000) < 0.1, rng.uniform(0, 3, 4000), np.nan)
    known = Courses(decided, turned, np.ones(4000, bool), np.full(4000, np.nan), 7)
    day = FIRST + timedelta(days=19)
    rows = vintages_of(known, [day]).to_pylist()
    assert [row["age"] for row in rows] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert rows[4]["completion"] == pytest.approx(1.0, abs=0.02)
    curves = vintage_curves(known, day)
    assert [len(curve) for curve in list(curves.values())[-7:]] == [7, 6, 5, 4, 3, 2, 1][
        -len(list(curves.values())[-7:]) :
    ]
    assert all((np.diff(curve) >= 0).all() for curve in curves.values())
