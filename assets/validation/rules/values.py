"""Rules on single values that hold without an expectation: plausible times, numbers that can be added exactly.

Belongs here: default dates of other systems, bounds of times, resolutions. Does not belong here: reading text as values
(`typing.py`), expectations (`expectations.py`), quarantining rows (`assets.validation.audit`).
"""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Column, Contract
from assets.vocabulary.base import MAX_STEPS

_DEFAULT_DATES = ("0001-01-01", "1601-01-01", "1753-01-01", "1858-11-17", "1899-12-30", "1899-12-31", "1900-01-01",
                  "1970-01-01")  # fmt: skip
"""What .NET, Windows, SQL Server, VMS, spreadsheets and Unix write for a time that is not known."""
_FOR_EVER = "9999-12-31"
"""What they write for a time that never comes, with any time of day."""
_ZONES = timedelta(hours=14)
"""The largest offset of a time zone: midnight there is within so many hours of midnight in UTC."""
_NOISE = 1e-6
"""A share of a step: what the arithmetic of a source may leave behind, as in 0.30000000000000004."""


def default_dates(times: pa.ChunkedArray) -> np.ndarray:
    """Marks midnight, in any time zone, of the default dates of other systems: bool [rows]; False where missing."""
    micros, valid = _micros(times)
    zones = _ZONES // timedelta(microseconds=1)
    found = valid & (micros >= int(np.datetime64(_FOR_EVER, "us").astype(np.int64)) - zones)
    for text in _DEFAULT_DATES:
        midnight = int(np.datetime64(text, "us").astype(np.int64))
        near = valid & (np.abs(micros - midnight) <= zones)
        # Offsets of time zones are whole quarters of an hour; times of day beside them are real.
        found |= near & ((micros - midnight) % 900_000_000 == 0)
    return found


def out_of_bounds(contract: Contract, column: Column, times: pa.ChunkedArray) -> np.ndarray:
    """Marks times before the earliest or after the latest that the contract allows: bool [rows]."""
    micros, valid = _micros(times)
    earliest, latest = contract.bounds(column)
    broken = np.zeros(len(micros), dtype=bool)
    if earliest is not None:
        broken |= micros < _micro(earliest)
    if latest is not None:
        broken |= micros > _micro(latest)
    return broken & valid


def too_large(numbers: pa.ChunkedArray, resolution: float) -> np.ndarray:
    """Marks numbers that cannot be added exactly, as `summable_below` bounds them: bool [rows]."""
    values, valid = _floats(numbers)
    return valid & (np.abs(values) >= summable_below(resolution))


def summable_below(resolution: float) -> float:
    """The number from which on a double may stand for a step beside the one that was written.

    Steps that are powers of two (1, 0.5) are exact up to 2^53 of them. Of other steps (0.01) the double of a number is
    off by up to a quarter of a step at 2^51 steps, and so is their quotient: one more bit, and both make a step.
    """
    whole = math.frexp(resolution)[0] == 0.5  # a power of two
    return (MAX_STEPS if whole else MAX_STEPS // 4) * resolution


def off_step(number: float, resolution: float) -> bool:
    """Whether a finite number is no whole number of steps of the resolution."""
    return bool(_off_steps(np.array([number], dtype=np.float64), resolution)[0])


def between_steps(numbers: pa.ChunkedArray, resolution: float) -> np.ndarray:
    """Marks numbers that are no whole number of steps of the resolution: bool [rows]."""
    values, valid = _floats(numbers)
    return valid & _off_steps(values, resolution)


def _off_steps(values: np.ndarray, resolution: float) -> np.ndarray:
    steps = values / resolution
    off = np.abs(steps - np.rint(steps))
    # The double of a large number, the resolution and their quotient are each off by half of the last digit.
    return np.asarray(off > np.maximum(_NOISE, 2 * np.spacing(np.abs(steps))))


def _floats(numbers: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    valid = np.asarray(pc.is_valid(numbers).to_numpy())
    return np.asarray(pc.fill_null(numbers, 0).to_numpy(), dtype=np.float64), valid


def _micros(times: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    valid = np.asarray(pc.is_valid(times).to_numpy())
    return np.asarray(pc.fill_null(times.cast(pa.int64()), 0).to_numpy()), valid


def _micro(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
