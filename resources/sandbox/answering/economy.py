"""The economy and the seasons: how the bank's base rate of default moves.

Belongs here: log-odds that are added to every loan by the day. Does not belong here: planned incidents, what a person
or a loan adds (`resources.sandbox.world`).
"""

from datetime import date

import numpy as np

from resources.moments import DAY_US, midnight_us
from resources.sandbox.world.keyed import uniforms

_SEASON = 0.12
_WORST_DAY = 20
"""In late January, after December's spending."""
_MEMORY = 0.992
_SPREAD = 0.12
_YEAR = 365.25


def added_log_odds(seed: int, first: date, days: int) -> np.ndarray:
    """float64 [days]: what economy and season add to the log-odds of default on each day from the first one on.

    The economy is an autoregressive course (a standard deviation of 0.12, a memory of about four months), the season a
    wave of a year.
    """
    number = np.arange(days)
    # The sum of twelve uniform draws less six is normal enough, and needs no tables.
    shocks = np.sum([uniforms(seed, f"economy {part}", number) for part in range(12)], axis=0) - 6.0
    course, level = np.empty(days), 0.0
    for day in range(days):
        level = _MEMORY * level + np.sqrt(1 - _MEMORY**2) * _SPREAD * float(shocks[day])
        course[day] = level
    of_year = (midnight_us(first) // DAY_US + number) % _YEAR
    return np.asarray(course + _SEASON * np.cos(2 * np.pi * (of_year - _WORST_DAY) / _YEAR))
