"""Loan applications and the bank's old policy.

Belongs here: the applicants, their loans and statements, the odds of default, the decisions of the old policy, and the
feed `applications`. Does not belong here: the history of a granted loan (`repayments.py`).

Two parts of the odds leave no trace in any table: a person's character and a loan's own luck (`Requests.unseen`). They
are small, and stay in the true probability: the best possible score knows them, and no model can.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from resources.moments import DAY_US
from resources.sandbox.world.feeds import Feed, in_period
from resources.sandbox.world.people import (
    EMPLOYMENT,
    HOUSING,
    RETIRED,
    SELF_EMPLOYED,
    SEX,
    STUDENT,
    UNEMPLOYED,
    People,
    personal_data,
)
from resources.sandbox.world.seasons import day_weights, days_within, income_factor, spending_factor
from resources.sandbox.world.settings import BankSettings
from resources.sandbox.world.text import coded, identifiers, iso_moments

PURPOSES = ("car", "home", "education", "medical", "business", "debt_consolidation")
BUSINESS, CONSOLIDATION = 4, 5
_PURPOSE_SHARE = np.array([0.30, 0.20, 0.10, 0.10, 0.10, 0.20])
_PURPOSE_AMOUNT = np.array([11_000.0, 14_000.0, 6_500.0, 3_500.0, 15_000.0, 8_500.0])
_PURPOSE_RISK = np.array([-0.2, -0.25, 0.1, 0.0, 0.35, 0.3])
_TERMS = np.array([12, 24, 36, 48, 60, 72, 84])
_TERM_SHARE = np.array([0.14, 0.2, 0.22, 0.16, 0.16, 0.06, 0.06])
CHANNELS = ("branch", "web", "app")
YEARLY_RATE = 0.085
WORTH_WEIGHT = -2.0
"""The log-odds of default that one standard deviation of creditworthiness adds."""
_LUCK = 0.15
"""Standard deviation of the log-odds that are a loan's own."""


@dataclass(frozen=True)
class Requests:
    """Loan applications as columns, in the order in which they arrived.

    Attributes:
        customer: int64 [n], row in `People`.
        at: int64 [n], when the application was made and became known, microseconds since 1970.
        amount: float64 [n], EUR, whole fifties.
        term: int64 [n], months.
        purpose: int64 [n], code into `PURPOSES`.
        income, debt: float64 [n], true income a month and debt elsewhere, EUR.
        instalment: float64 [n], EUR a month.
        risk: float64 [n], the log-odds of default from the person and the loan, without the intercept.
        unseen: float64 [n], the part of risk that leaves no trace in any table: character, and the loan's own luck.
        usual_burden, usual_risk: float64 [n], instalment over income, and risk, without planned drift. Parameters
            that are fitted to the whole period use these, so that a drift does not change the days before it.
    """

    customer: np.ndarray
    at: np.ndarray
    amount: np.ndarray
    term: np.ndarray
    purpose: np.ndarray
    income: np.ndarray
    debt: np.ndarray
    instalment: np.ndarray
    risk: np.ndarray
    unseen: np.ndarray
    usual_burden: np.ndarray
    usual_risk: np.ndarray

    @property
    def ids(self) -> pa.StringArray:
        """`L0000001` and on."""
        return identifiers("L", np.arange(1, len(self.at) + 1), 7)


def make_requests(settings: BankSettings, people: People) -> Requests:
    """All applications of the period."""
    rng, n = settings.rng("requests"), settings.applications
    at = _moments(settings, rng)
    customer = _applicants(settings, people, at, rng)
    purpose = rng.choice(len(PURPOSES), n, p=_PURPOSE_SHARE)
    term = rng.choice(_TERMS, n, p=_TERM_SHARE)
    usual_income = people.income[customer]
    wish = (
        _PURPOSE_AMOUNT[purpose] * (usual_income / 2300) ** 0.6 * np.exp(rng.normal(0, 0.45, n)) * (term / 40) ** 0.35
    )
    amount = _fifties(wish * spending_factor(settings.incidents, at))
    income = usual_income * income_factor(settings.incidents, at)
    owed = -0.5 * people.worth[customer] + rng.normal(0, 0.9, n)
    debt = np.where(rng.random(n) < 0.25, 0.0, usual_income * 3.0 * np.exp(0.8 * owed))
    instalment = _instalment(amount, term)
    usual_burden = _instalment(_fifties(wish), term) / usual_income
    trouble = people.in_trouble(customer, at)
    luck = rng.normal(0, _LUCK, n)
    usual_risk = (
        WORTH_WEIGHT * people.worth[customer]
        + 1.2 * trouble
        + _burden_risk(usual_burden)
        + 0.3 * np.log1p(debt / usual_income / 3)
        + _PURPOSE_RISK[purpose]
        + 0.9 * ((purpose == BUSINESS) & (people.employment[customer] != SELF_EMPLOYED))
        + 0.5 * ((purpose == CONSOLIDATION) & (debt > 4 * usual_income))
        + 0.006 * (term - 36)
        + luck
    )
    risk = usual_risk + _burden_risk(instalment / income) - _burden_risk(usual_burden)
    unseen = WORTH_WEIGHT * people.character[customer] + luck
    return Requests(
        customer, at, amount, term, purpose, income, debt, instalment, risk, unseen, usual_burden, usual_risk
    )


@dataclass(frozen=True)
class Granted:
    """bool [n]: which loans the bank granted, and which it would have granted without planned drift."""

    actual: np.ndarray
    usual: np.ndarray


def granted_by_old_policy(settings: BankSettings, people: People, requests: Requests, score: np.ndarray) -> Granted:
    """The old policy's decisions: a sum of points, with a cut that declines `settings.declined` of usual applications.

    The points are for the bureau's score, the burden and the employment; noise stands for a clerk's judgement.

    Args:
        score: float64 [n], the bureau's score, NaN without one.
    """
    rng = settings.rng("policy")
    work = people.employment[requests.customer]
    fixed = (
        0.6 * (np.nan_to_num(score, nan=640.0) - 660) / 80
        - 0.9 * (work == UNEMPLOYED)
        - 0.4 * (work == STUDENT)
        + rng.normal(0, 0.5, len(work))
    )
    usual = fixed - 0.5 * np.log(requests.usual_burden)
    actual = fixed - 0.5 * np.log(requests.instalment / requests.income)
    cut = np.quantile(usual, settings.declined)
    return Granted(actual >= cut, usual >= cut)


def applications_feed(settings: BankSettings, people: People, requests: Requests) -> Feed:
    """The rows of table `applications`."""
    rng, who, n = settings.rng("applications"), requests.customer, len(requests.at)
    work = people.employment[who]
    age = people.age(who, requests.at)
    stated = requests.income * np.exp(rng.normal(0.02, 0.06, n) + 0.03 * np.maximum(-people.worth[who], 0))
    years = np.clip((age - 20) * rng.beta(1.3, 2.6, n) * np.exp(0.25 * people.worth[who]), 0, age - 18)
    jobless = np.isin(work, (UNEMPLOYED, STUDENT, RETIRED)) | (rng.random(n) < 0.02)
    app_share = 0.3 + 0.3 * (requests.at - settings.start_us) / (settings.end_us - settings.start_us)
    u = rng.random(n)
    channel = np.where(u < app_share, 2, np.where(u < app_share + 0.3, 1, 0))
    names = personal_data(people, who)
    moment = iso_moments(requests.at)
    table = pa.table(
        {
            "application_id": requests.ids,
            "customer_id": people.customer_ids.take(pa.array(who)),
            "event_time": moment,
            "known_at": moment,
            "amount": requests.amount,
            "term_months": requests.term,
            "purpose": coded(PURPOSES, requests.purpose),
            "income_monthly": np.round(stated / 10) * 10,
            "employment": coded(EMPLOYMENT, work),
            "employment_years": pa.array(np.round(years, 1), mask=jobless),
            "housing": coded(HOUSING, people.housing[who]),
            "existing_debt": np.round(requests.debt * np.exp(rng.normal(0, 0.1, n)), 2),
            "dependents": people.dependents[who].astype(np.int64),
            "channel": coded(CHANNELS, channel),
            "sex": coded(SEX, people.male[who].astype(np.int64)),
            "age": age,
            **names,
        }
    )
    return in_period("applications", table, requests.at, first=settings.first_day, last=settings.last_day)


def _moments(settings: BankSettings, rng: np.random.Generator) -> np.ndarray:
    """Moments, more on weekdays, in December and late in the period; none in the first hour of a day."""
    n = settings.applications
    week = (1.2, 1.15, 1.1, 1.1, 1.05, 0.75, 0.65)
    weights = day_weights(settings.first_day, settings.days, week=week, december=1.2, growth=0.35)
    day = days_within(weights, np.zeros(n, np.int64), np.full(n, settings.days), rng.random(n))
    hour = np.clip(rng.normal(14, 3.6, n), 1, 23.99)
    return np.sort(settings.start_us + day * DAY_US + (hour * 3_600_000_000).astype(np.int64))


def _applicants(settings: BankSettings, people: People, at: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Row numbers of customers with an account for a month; low creditworthiness and a main account apply more."""
    n = len(people)
    age = people.age(np.arange(n), np.full(n, settings.start_us))
    keen = np.exp(rng.normal(0, 0.3, n) - 0.2 * people.worth) * np.where(people.main, 1.0, 0.15)
    keen *= np.where(age >= 60, 0.75, 1.0)
    total = np.cumsum(keen)
    eligible = np.maximum(np.searchsorted(people.opened, at - 30 * DAY_US), 1)
    drawn = np.searchsorted(total, rng.random(len(at)) * total[eligible - 1], side="right")
    return np.asarray(np.clip(drawn, 0, eligible - 1))


def _burden_risk(burden: np.ndarray) -> np.ndarray:
    """The log-odds of default from the instalment's share of income: small at first, large above a fifth."""
    return np.asarray(0.3 * np.log(burden / 0.12) + 6.0 * np.clip(burden - 0.2, 0, 0.25))


def _fifties(euros: np.ndarray) -> np.ndarray:
    return np.clip(np.round(euros / 50) * 50, 500, 75_000)


def _instalment(amount: np.ndarray, months: np.ndarray) -> np.ndarray:
    """The annuity, EUR a month, in whole cents."""
    rate = YEARLY_RATE / 12
    return np.round(amount * rate / (1 - (1 + rate) ** -months), 2)
