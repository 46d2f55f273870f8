"""What the invented people are like: learnable, fair by construction, seasonal, and as untidy as it was promised."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow.compute as pc
import pytest

from resources.moments import DAY_US
from resources.sandbox.world.bureau_reports import make_reports
from resources.sandbox.world.lending import (
    Granted,
    Requests,
    applications_feed,
    granted_by_old_policy,
    make_requests,
)
from resources.sandbox.world.people import People, make_people
from resources.sandbox.world.repayments import repayments_feed
from resources.sandbox.world.settings import BankSettings
from resources.sandbox.world.transactions import transactions_feed

SETTINGS = BankSettings.of_size(customers=8_000)


class World:
    """A bank in memory, with the outcome of each granted loan."""

    def __init__(self) -> None:
        self.people: People = make_people(SETTINGS)
        self.requests: Requests = make_requests(SETTINGS, self.people)
        self.reports = make_reports(SETTINGS, self.people, self.requests.customer, self.requests.at)
        score = self.reports.score_at_request
        self.granted: Granted = granted_by_old_policy(SETTINGS, self.people, self.requests, score)
        self.repayments = repayments_feed(SETTINGS, self.people, self.requests, self.granted)
        self.mature = self.granted.actual & (self.requests.at < SETTINGS.end_us - 182 * DAY_US)
        self.bad = self._bad()

    def _bad(self) -> np.ndarray:
        table = self.repayments.table
        loan = pc.utf8_slice_codeunits(table["application_id"], 1).cast("int64").to_numpy() - 1
        event = (
            table["event_time"].to_numpy(zero_copy_only=False).astype("U26").astype("datetime64[us]").astype(np.int64)
        )
        late = table["days_past_due"].to_numpy() >= 90
        within = event - self.requests.at[loan] <= 180 * DAY_US
        bad = np.zeros(len(self.requests.at), bool)
        bad[loan[late & within]] = True
        return bad


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def auc(score: np.ndarray, positive: np.ndarray) -> float:
    rank = np.empty(len(score))
    rank[np.argsort(score, kind="stable")] = np.arange(1, len(score) + 1)
    n = positive.sum()
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def test_as_many_loans_go_bad_and_are_declined_as_was_set(world: World) -> None:
    assert 0.12 < world.bad[world.mature].mean() < 0.15
    assert world.granted.actual.mean() == pytest.approx(0.85, abs=0.01)


def test_default_can_be_ranked_but_not_read_off(world: World) -> None:
    ours = world.mature
    assert 0.83 < auc(world.requests.risk[ours], world.bad[ours]) < 0.91
    scored = ours & ~np.isnan(world.reports.score_at_request)
    assert 0.66 < auc(-world.reports.score_at_request[scored], world.bad[scored]) < 0.80


def test_sex_decides_nothing_and_moves_income_little(world: World) -> None:
    male = world.people.male
    assert np.log(world.people.income[male]).mean() - np.log(world.people.income[~male]).mean() == pytest.approx(
        0.04, abs=0.03
    )
    assert abs(np.corrcoef(male, world.people.worth)[0, 1]) < 0.03
    of = male[world.requests.customer]
    rates = [world.bad[world.mature & group].mean() for group in (of, ~of)]
    assert abs(rates[0] - rates[1]) < 0.02


def test_unknown_scores_and_years_are_as_many_as_promised(world: World) -> None:
    score = world.reports.feed.table["bureau_score"]
    assert score.null_count / len(score) == pytest.approx(0.03, abs=0.005)
    assert 300 <= pc.min(score).as_py() < pc.max(score).as_py() <= 850
    rows = applications_feed(SETTINGS, world.people, world.requests).table
    years = rows["employment_years"]
    assert 0.1 < years.null_count / len(years) < 0.25
    assert pc.all(pc.less_equal(years, pc.subtract(rows["age"], 18))).as_py()
    working = rows.filter(pc.equal(rows["employment"], "employed"))["employment_years"]
    assert working.null_count / len(working) == pytest.approx(0.02, abs=0.01)


def test_business_grows_and_rests_at_weekends(world: World) -> None:
    day = (world.requests.at - SETTINGS.start_us) // DAY_US
    assert (day >= 365).mean() > 0.53
    weekday = (world.requests.at // DAY_US + 3) % 7
    per_day = np.bincount(weekday, minlength=7)
    assert per_day[5:].max() < per_day[:5].min()


def test_transactions_are_late_and_broken_as_often_as_promised() -> None:
    settings = BankSettings.of_size(customers=2_500, first_day=date(2025, 7, 1), last_day=date(2026, 2, 28))
    rows = transactions_feed(settings, make_people(settings)).table
    assert rows.num_rows == pytest.approx(settings.transactions, rel=0.05)
    late = pc.mean(
        pc.not_equal(
            pc.utf8_slice_codeunits(rows["known_at"], 0, 10), pc.utf8_slice_codeunits(rows["event_time"], 0, 10)
        )
    )
    assert 0.01 < late.as_py() < 0.02
    bad = pc.or_(pc.less_equal(rows["amount"], 0), pc.equal(rows["direction"], "unknown"))
    assert 0.0004 < pc.mean(bad).as_py() < 0.002
    salaries = rows.filter(pc.equal(rows["category"], "salary"))
    payday = pc.utf8_slice_codeunits(salaries["event_time"], 8, 10).cast("int64").to_numpy()
    assert (payday >= 22).mean() > 0.75
    groceries = rows.filter(pc.equal(rows["category"], "groceries"))
    month = pc.utf8_slice_codeunits(groceries["event_time"], 0, 7).to_pylist()
    assert month.count("2025-12") > 1.1 * month.count("2025-11")


def test_the_number_of_transactions_is_what_was_asked_for() -> None:
    settings = replace(BankSettings.of_size(customers=1_000), transactions=60_000)
    rows = transactions_feed(settings, make_people(settings)).table.num_rows
    assert rows == pytest.approx(60_000, rel=0.05)


def test_accounts_show_how_their_owners_pay() -> None:
    """Months have their ends; the less creditworthy keep less, gamble more and have debits returned more often."""
    settings = BankSettings.of_size(customers=2_500, first_day=date(2025, 7, 1), last_day=date(2026, 2, 28))
    people = make_people(settings)
    rows = transactions_feed(settings, people).table
    owner = pc.utf8_slice_codeunits(rows["customer_id"], 1).cast("int64").to_numpy() - 1
    category = rows["category"].to_numpy()
    there = people.opened < settings.start_us
    ends = np.isin(category, ("card_bill", "savings"))
    assert set(np.bincount(owner[ends], minlength=len(people))[there].tolist()) <= {7, 8}, (
        "of eight months the last end may arrive late"
    )
    poor, rich = (there & people.main & part for part in (people.worth < -1, people.worth > 1))
    for kind, times in (("returned", 4.0), ("gambling", 1.2)):
        count = np.bincount(owner[category == kind], minlength=len(people))
        assert count[poor].mean() > times * count[rich].mean(), kind
    kept = np.bincount(owner[ends], weights=rows["balance_after"].to_numpy()[ends], minlength=len(people))
    assert kept[poor].mean() < 0.5 * kept[rich].mean()
