"""Effects of time: weekdays, months, December, growth, planned drift and shock.

Belongs here: weights of days, days drawn by weight, times of day, calendar months, the effects of drift and shock.
Does not belong here: the events at these moments.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from resources.moments import DAY_US, midnight_us
from resources.sandbox.world.incidents import Incident, of_kind


def day_weights(
    first: date, days: int, *, week: Sequence[float], december: float = 1.0, growth: float = 0.0
) -> np.ndarray:
    """The relative activity of each day.

    Args:
        week: Seven factors, Monday first.
        december: Factor from 1 to 24 December.
        growth: The logarithm of the last day's activity relative to the first day's.

    Returns:
        float64 [days], all above 0.
    """
    dates = [first + timedelta(days=n) for n in range(days)]
    weekly = np.array([week[day.weekday()] for day in dates])
    festive = np.array([december if day.month == 12 and day.day <= 24 else 1.0 for day in dates])
    return np.asarray(weekly * festive * np.exp(growth * np.arange(days) / max(days - 1, 1)))


def days_within(weights: np.ndarray, low: np.ndarray, high: np.ndarray, u: np.ndarray) -> np.ndarray:
    """One day for each row, from low (included) to high (excluded), drawn by the days' weights.

    Args:
        weights: float64 [days].
        low, high: int [n], day numbers with low < high.
        u: float64 [n], uniform on 0 to 1.

    Returns:
        int64 [n], day numbers.
    """
    total = np.concatenate([[0.0], np.cumsum(weights)])
    drawn = np.searchsorted(total, total[low] + u * (total[high] - total[low]), side="right") - 1
    return np.asarray(np.clip(drawn, low, high - 1))


def time_of_day(rng: np.random.Generator, count: int, *, hour: float, spread: float) -> np.ndarray:
    """Seconds of a day, int64 [count], normal around an hour with a spread in hours, modulo one day."""
    return (rng.normal(hour * 3600, spread * 3600, count) % 86_400).astype(np.int64)


def months_of(first: date, last: date) -> np.ndarray:
    """int64 [m + 1]: the starts of the calendar months that the days touch, and the end of the last; microseconds."""
    starts: list[int] = []
    year, month = first.year, first.month
    while not starts or starts[-1] <= midnight_us(last):
        starts.append(midnight_us(date(year, month, 1)))
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return np.array(starts, np.int64)


def income_factor(incidents: Sequence[Incident], at: np.ndarray) -> np.ndarray:
    """The factor of planned drift on incomes at moments (microseconds); 1 without drift."""
    factor = np.ones(len(at))
    for incident in of_kind(incidents, "drift"):
        factor[in_force(incident, at)] *= 1 - incident.effect
    return factor


def spending_factor(incidents: Sequence[Incident], at: np.ndarray) -> np.ndarray:
    """The factor of planned drift on spending and borrowing at moments (microseconds); 1 without drift."""
    factor = np.ones(len(at))
    for incident in of_kind(incidents, "drift"):
        factor[in_force(incident, at)] *= 1 + incident.effect / 2
    return factor


def shock(incidents: Sequence[Incident], at: np.ndarray) -> np.ndarray:
    """The log-odds of default that planned shocks add at moments (microseconds); 0 without a shock."""
    added = np.zeros(len(at))
    for incident in of_kind(incidents, "shock"):
        added[in_force(incident, at)] += incident.effect
    return added


def in_force(incident: Incident, at: np.ndarray) -> np.ndarray:
    """bool [n]: whether an incident is in force at moments (microseconds)."""
    until = incident.until
    begun = at >= midnight_us(incident.day)
    return begun if until is None else begun & (at < midnight_us(until) + DAY_US)
