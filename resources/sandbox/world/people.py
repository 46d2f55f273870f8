"""The bank's customers.

Belongs here: the customers' attributes (age, sex, employment, income, housing), their hidden attributes
(creditworthiness, habits, times of trouble) and their invented personal data. Does not belong here: their bookings and
loans (`accounts.py`, `lending.py`).

Creditworthiness is what a person does with money, and no number behind it: `WEIGHTS` of five habits, which leave traces
in the bank's tables, and a little character, which leaves none. It and the loan determine who pays back. The habits of
a person go together, because prudence is behind each of them (`TRACES`). Prudence itself decides nothing. Sex does not
influence it, and changes income by only 4%; age has a small influence.

What each habit leaves behind: shares of payments (gambling, cash), the spread and the gaps of pay (irregular), balances
at the ends of months (thrift), the bureau's reports (shown), fees for returned direct debits (all of them together).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from resources.moments import DAY_US
from resources.sandbox.world.settings import BankSettings
from resources.sandbox.world.text import identifiers

EMPLOYMENT = ("employed", "self_employed", "unemployed", "retired", "student")
EMPLOYED, SELF_EMPLOYED, UNEMPLOYED, RETIRED, STUDENT = range(5)
HOUSING = ("own", "mortgage", "rent")
OWN, MORTGAGE, RENT = range(3)
SEX = ("female", "male")

_YEAR_US = round(365.25 * DAY_US)
_FEMALE = (
    "Ada", "Berta", "Clara", "Dora", "Edith", "Flora", "Greta", "Hanna", "Ida", "Jana", "Karla", "Lena", "Mara", "Nora",
)  # fmt: skip
_MALE = (
    "Adam", "Boris", "Carl", "David", "Emil", "Felix", "Georg", "Hugo", "Ivan", "Jakob", "Karl", "Leon", "Max", "Nils",
)  # fmt: skip
_FAMILY = (
    "Almond", "Birch", "Cedar", "Dahlia", "Elder", "Fern", "Gorse", "Hazel", "Iris", "Juniper", "Kelp", "Larch",
    "Maple", "Nettle", "Oakley", "Poplar", "Quince", "Rowan", "Sorrel", "Thistle", "Umber", "Violet", "Willow",
    "Yarrow",
)  # fmt: skip


TRACES: Mapping[str, float] = MappingProxyType(
    {"gambling": -0.4, "cash": -0.4, "irregular": -0.4, "thrift": 0.74, "shown": 0.76}
)
"""For each habit, its correlation with prudence."""
WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"gambling": -0.08, "cash": -0.08, "irregular": -0.1, "thrift": 0.46, "shown": 0.54}
)
"""For each habit, its weight in creditworthiness, before that is scaled to a variance of 1."""
CHARACTER = 0.08
"""The weight of character in creditworthiness: less than 1% of its variance, which no table shows."""


@dataclass(frozen=True)
class People:
    """Customers as columns; row i is customer number i + 1, in the order in which accounts were opened.

    Attributes:
        opened: int64 [n], when the account was opened, microseconds since 1970.
        born: int64 [n], the birth, microseconds since 1970.
        male: bool [n].
        worth: float64 [n], creditworthiness, about standard normal; no system delivers it.
        character: float64 [n], the part of worth that no habit has.
        employment, housing: int8 [n], codes into `EMPLOYMENT` and `HOUSING`.
        income: float64 [n], true net income a month in EUR.
        main: bool [n], whether salary and bills go through the account.
        gambling, cash, irregular, thrift, shown: float64 [n], standard normal habits that make up worth: gambling, cash
            withdrawals, irregular pay, a high balance, and paying other lenders, which the credit bureau shows.
        trouble_from, trouble_until: int64 [n], a time of trouble (job lost, illness), microseconds; equal for never.
        dependents: int8 [n].
    """

    opened: np.ndarray
    born: np.ndarray
    male: np.ndarray
    worth: np.ndarray
    character: np.ndarray
    employment: np.ndarray
    housing: np.ndarray
    income: np.ndarray
    main: np.ndarray
    gambling: np.ndarray
    cash: np.ndarray
    irregular: np.ndarray
    thrift: np.ndarray
    shown: np.ndarray
    trouble_from: np.ndarray
    trouble_until: np.ndarray
    dependents: np.ndarray

    def __len__(self) -> int:
        return len(self.worth)

    def age(self, customer: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Age in whole years of customers (row numbers) at moments (microseconds)."""
        return np.asarray((at - self.born[customer]) // _YEAR_US)

    def in_trouble(self, customer: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Whether moments are in the customers' time of trouble."""
        return np.asarray((self.trouble_from[customer] <= at) & (at < self.trouble_until[customer]))

    @property
    def customer_ids(self) -> pa.StringArray:
        """`C0000001` and on."""
        return identifiers("C", np.arange(1, len(self) + 1), 7)

    @property
    def account_ids(self) -> pa.StringArray:
        """`A0000001` and on; every customer has one account."""
        return identifiers("A", np.arange(1, len(self) + 1), 7)


def make_people(settings: BankSettings) -> People:
    """All customers who have an account on the last day."""
    rng, n = settings.rng("people"), settings.customers
    opened = _openings(settings, rng)
    age = np.clip(18.5 + rng.gamma(2.5, 9.6, n), 18.5, 84)  # on the first day, so that no applicant is a minor
    born = settings.start_us - (age * _YEAR_US).astype(np.int64)
    male = rng.random(n) < 0.5
    prudence = rng.normal(size=n) + 0.07 * np.tanh((age - 38) / 14)
    habits = {habit: _trace(prudence, correlation, rng) for habit, correlation in TRACES.items()}
    character = CHARACTER * rng.normal(size=n)
    worth = _worth(habits) + character
    employment = _employment(age, worth, rng)
    income = _income(age, male, worth, employment, rng)
    trouble_from, trouble_until = _trouble(settings, rng)
    return People(
        opened=opened,
        born=born,
        male=male,
        worth=worth,
        character=character,
        employment=employment,
        housing=_housing(age, income, rng),
        income=income,
        main=rng.random(n) < 0.7,
        **habits,
        trouble_from=trouble_from,
        trouble_until=trouble_until,
        dependents=rng.poisson(np.where((age > 27) & (age < 55), 1.0, 0.15)).clip(0, 5).astype(np.int8),
    )


def personal_data(people: People, customer: np.ndarray) -> dict[str, pa.Array]:
    """Columns name, email, national_id of customers (row numbers); all values are invented."""
    number = customer + 1
    given = np.where(
        people.male[customer], np.array(_MALE)[number % len(_MALE)], np.array(_FEMALE)[number % len(_FEMALE)]
    )
    family = np.array(_FAMILY)[(number * 7 + number // len(_MALE)) % len(_FAMILY)]
    name = [f"{g} {f}" for g, f in zip(given, family, strict=True)]
    email = [f"{g}.{f}.{k}@example.com".lower() for g, f, k in zip(given, family, number, strict=True)]
    national = identifiers("ZZ", (number * 7_368_787 + 12_345_678) % 1_000_000_007, 10)
    return {"name": pa.array(name), "email": pa.array(email), "national_id": national}


def _openings(settings: BankSettings, rng: np.random.Generator) -> np.ndarray:
    """Openings: 70% up to ten years before the first day, the others spread evenly over the period."""
    n = settings.customers
    before = settings.start_us - (rng.beta(1.0, 2.0, n) * 3650 * DAY_US).astype(np.int64)
    during = settings.start_us + (rng.random(n) * 0.92 * settings.days * DAY_US).astype(np.int64)
    opened = np.sort(np.where(rng.random(n) < 0.7, before, during))
    opened[0] = min(opened[0], settings.start_us - 60 * DAY_US)  # somebody can apply on the first day
    return opened


def _employment(age: np.ndarray, worth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    u = rng.random(len(age))
    unemployed = 1 / (1 + np.exp(2.9 + 0.55 * worth))
    out = np.where(u < unemployed, UNEMPLOYED, np.where(u < unemployed + 0.11, SELF_EMPLOYED, EMPLOYED))
    out = np.where((age < 26) & (rng.random(len(age)) < 0.22), STUDENT, out)
    return np.where(age + 3 * rng.normal(size=len(age)) > 64, RETIRED, out).astype(np.int8)


def _income(
    age: np.ndarray, male: np.ndarray, worth: np.ndarray, employment: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    level = np.array([2350.0, 2500.0, 1050.0, 1750.0, 1150.0])[employment]
    career = 0.18 * np.tanh((age - 33) / 10)
    return np.asarray(level * np.exp(career + 0.04 * male + 0.11 * worth + rng.normal(0, 0.32, len(age))))


def _housing(age: np.ndarray, income: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    wealth = (age - 42) / 14 + np.log(income / 2200) + rng.normal(0, 0.9, len(age))
    return np.where(wealth > 1.1, OWN, np.where(wealth > 0.2, MORTGAGE, RENT)).astype(np.int8)


def _trouble(settings: BankSettings, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    n = settings.customers
    start = settings.start_us + ((rng.random(n) * 1.15 - 0.15) * settings.days * DAY_US).astype(np.int64)
    length = (rng.uniform(100, 260, n) * DAY_US).astype(np.int64)
    return start, np.where(rng.random(n) < 0.2, start + length, start)


def _trace(prudence: np.ndarray, correlation: float, rng: np.random.Generator) -> np.ndarray:
    """A standard normal habit with this correlation with prudence."""
    return np.asarray(correlation * prudence + np.sqrt(1 - correlation**2) * rng.normal(size=len(prudence)))


def _worth(habits: Mapping[str, np.ndarray]) -> np.ndarray:
    """What the habits make of creditworthiness; with character its variance is 1."""
    shared = sum(WEIGHTS[habit] * correlation for habit, correlation in TRACES.items())
    own = sum(WEIGHTS[habit] ** 2 * (1 - correlation**2) for habit, correlation in TRACES.items())
    scale = np.sqrt((1 - CHARACTER**2) / (shared**2 + own))
    return np.asarray(scale * sum(WEIGHTS[habit] * values for habit, values in habits.items()))
