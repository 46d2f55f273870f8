"""Which rows train, which calibrate, which test.

Belongs here: the time-ordered windows, with the purge gap before the test window; the random split of rows without
time. Does not belong here: anything that reads features.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.product import ModelSpec
from resources.errors import LooplineError

_DAY = np.timedelta64(1, "D")
_TEST_SHARE = 0.2


class SplitError(LooplineError):
    """The rows cannot be split as the product asks; the message has the windows and the counts."""


@dataclass(frozen=True)
class Window:
    """A half-open interval of time, `first <= as_of < end`, UTC (datetime64[us])."""

    first: np.datetime64
    end: np.datetime64

    def rows(self, as_of: NDArray[np.datetime64]) -> NDArray[np.int64]:
        """Positions of the rows within the window, ascending."""
        return np.flatnonzero((as_of >= self.first) & (as_of < self.end)).astype(np.int64)

    def to_dict(self) -> dict[str, str]:
        """ISO-8601 bounds; the end is not included."""
        return {"first": f"{self.first}Z", "end": f"{self.end}Z"}

    def __str__(self) -> str:
        return f"{np.datetime_as_string(self.first, 'm')} to {np.datetime_as_string(self.end, 'm')}"


@dataclass(frozen=True, eq=False)
class Split:
    """Positions of the rows of each part, and the window of each part."""

    train: NDArray[np.int64]
    calibrate: NDArray[np.int64]
    test: NDArray[np.int64]
    train_window: Window
    calibrate_window: Window
    test_window: Window

    @property
    def gap(self) -> np.timedelta64:
        """The purge gap before the test window: the label's maturity; zero where rows have no time."""
        return max(self.test_window.first - self.calibrate_window.end, np.timedelta64(0, "us"))

    def to_dict(self) -> dict[str, object]:
        """Windows and row counts, ready for JSON."""
        return {
            "train": {**self.train_window.to_dict(), "rows": len(self.train)},
            "calibrate": {**self.calibrate_window.to_dict(), "rows": len(self.calibrate)},
            "test": {**self.test_window.to_dict(), "rows": len(self.test)},
        }


def split_rows(as_of: NDArray[np.datetime64], y: NDArray[np.int8], *, spec: ModelSpec, maturity: timedelta) -> Split:
    """Splits mature rows into the windows of a product's model.

    The test window is the last `test_days` whole UTC days. The training window ends the label's maturity before the
    test window starts (the purge gap), so that every label in it was known before the first test row was decided. Its
    last `calibrate_share` of time is the calibration part, without a gap: no figure is reported from there.

    Args:
        as_of: datetime64[us] [n], in any order, of rows whose label is final.
        y: int8 [n].
        spec: Lengths and shares.
        maturity: How long after a decision its label is final.

    Raises:
        SplitError: There are no rows, the spec is out of range, or a part has no rows or rows of one class only.
    """
    if len(as_of) == 0:
        raise SplitError("there are no mature rows to split: wait for labels, or backfill earlier days")
    if spec.test_days < 1 or not 0.0 < spec.calibrate_share < 1.0:
        raise SplitError(
            f"test_days {spec.test_days} must be at least 1 and calibrate_share {spec.calibrate_share} between 0 and 1"
        )
    end = (as_of.max().astype("datetime64[D]") + _DAY).astype("datetime64[us]")
    test = Window(end - spec.test_days * _DAY, end)
    learn_end = test.first - np.timedelta64(maturity // timedelta(microseconds=1), "us")
    earliest = as_of.min() if spec.train_days is None else learn_end - spec.train_days * _DAY
    learn_first = min(max(earliest, as_of.min()), learn_end)
    span = (learn_end - learn_first).astype(np.int64)
    border = learn_end - np.timedelta64(round(int(span) * spec.calibrate_share), "us")
    windows = {
        "train": Window(learn_first, border),
        "calibrate": Window(border, learn_end),
        "test": test,
    }
    positions = {name: _checked(name, window, window.rows(as_of), y, maturity) for name, window in windows.items()}
    return Split(
        train=positions["train"],
        calibrate=positions["calibrate"],
        test=positions["test"],
        train_window=windows["train"],
        calibrate_window=windows["calibrate"],
        test_window=windows["test"],
    )


def split_at_random(
    row_ids: NDArray[np.generic], as_of: NDArray[np.datetime64], y: NDArray[np.int8], *, spec: ModelSpec
) -> Split:
    """Splits rows by a hash of their ids: a fifth is tested, `calibrate_share` of the others calibrates.

    A row stays in its part when others are added. All parts have the same window. For rows without time only: rows of
    one week are not independent, and a random split would hide how a model ages.

    Args:
        row_ids: Row ids [n].
        as_of: datetime64[us] [n].
        y: int8 [n].

    Raises:
        SplitError: There are no rows, or a part has no rows or rows of one class only.
    """
    if len(as_of) == 0:
        raise SplitError("there are no mature rows to split: wait for labels, or backfill earlier days")
    place = np.array([_fraction(str(row_id)) for row_id in row_ids.tolist()])
    border = _TEST_SHARE + (1 - _TEST_SHARE) * spec.calibrate_share
    window = Window(as_of.min(), (as_of.max().astype("datetime64[D]") + _DAY).astype("datetime64[us]"))
    parts = {
        "test": place < _TEST_SHARE,
        "calibrate": (place >= _TEST_SHARE) & (place < border),
        "train": place >= border,
    }
    rows = {
        name: _checked(name, window, np.flatnonzero(part).astype(np.int64), y, timedelta(0))
        for name, part in parts.items()
    }
    return Split(**rows, train_window=window, calibrate_window=window, test_window=window)


def rows_tested(
    row_ids: NDArray[np.generic], as_of: NDArray[np.datetime64], windows: Mapping[str, Any]
) -> NDArray[np.int64]:
    """Positions of the rows that a split tested, from what `Split.to_dict` recorded of it.

    Args:
        row_ids, as_of: As for `split_at_random`, of the rows that were split.
        windows: The recorded split; the parts of a random one have the same window.
    """
    test, train = (
        Window(*(np.datetime64(windows[part][end][:-1], "us") for end in ("first", "end")))
        for part in ("test", "train")
    )
    within = test.rows(as_of)
    if test != train:
        return within
    return within[np.array([_fraction(str(row_id)) < _TEST_SHARE for row_id in row_ids[within].tolist()], bool)]


def _fraction(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64


def _checked(
    name: str, window: Window, rows: NDArray[np.int64], y: NDArray[np.int8], maturity: timedelta
) -> NDArray[np.int64]:
    positives = int(y[rows].sum())
    if 0 < positives < len(rows):
        return rows
    raise SplitError(
        f"the {name} window {window} has {len(rows)} rows, {positives} of them positive; it needs both classes "
        f"(the label's maturity of {maturity.days} days keeps training and test apart): give it more days"
    )
