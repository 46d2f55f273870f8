"""Whether scores are still right, by the labels that have matured: calibration by day.

Belongs here: the recalibration and the calibration error over the outcomes of a window, and whether they have moved
since the reference rows. Does not belong here: the recalibration itself (`recalibration.py`), what is withheld when it
has moved (`estimates.py`).
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.metrics.calibration import reliability
from assets.monitoring.performance.recalibration import (
    Floats,
    Recalibration,
    RecalibrationError,
    moved,
    recalibrate,
)

SIGNIFICANCE = 0.01
"""The calibration has moved if that of the reference rows would be so far away with less than this probability."""
LONGEST = 56
"""Days of labels that are looked back on, at most."""
ENOUGH = 100
"""With fewer rows of either label in the window, a slope is hardly known: more days are asked as well."""

_RESAMPLES = 500
_EPOCH = date(1970, 1, 1)

CALIBRATION_SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("positives", pa.int64(), nullable=False),
        *(
            pa.field(name, pa.float64())
            for name in (
                "intercept", "intercept_error", "slope", "slope_error", "reference_intercept", "reference_slope",
                "p_value", "calibration_error", "calibration_error_low", "calibration_error_high",
            )
        ),
        pa.field("moved", pa.bool_()),
        pa.field("reason", pa.string(), nullable=False),
    ]
)  # fmt: skip


def calibration_by_day(
    outcomes: pa.Table, days: Sequence[date], window_days: int, *, reference: Recalibration | None, min_rows: int
) -> pa.Table:
    """The calibration over the labels that matured in the `window_days` days that end with each day.

    Where the window has few rows of a label, so many windows more are looked back on as have enough, and both are
    asked: the window tells a large change soon, the longer stretch a smaller one that has come to stay.

    Args:
        outcomes: Of the champion's own scores: `day` (date32, when the label matured), `score`, `label`; rows without
            either are left out.
        days: UTC days, in order.
        reference: The recalibration of the reference rows; `None` where there is none.
        min_rows: Fewer rows than this give no figure.

    Returns:
        A table of CALIBRATION_SCHEMA: `intercept` and `slope` (0 and 1 where scores are right) with standard errors;
        `calibration_error` (expected calibration error, 10 bins) with its 95% interval by bootstrap within the bins;
        `p_value` of having the reference's intercept and slope, the smaller of both stretches; `moved`, null where it
        cannot be told, and the reason.
    """
    known = outcomes.filter(pc.and_(pc.is_valid(outcomes["score"]), pc.is_valid(outcomes["label"])))
    day = np.asarray(known["day"].cast(pa.int32()).to_numpy(), dtype=np.int64)
    score = np.asarray(known["score"].to_numpy(), dtype=np.float64)
    label = np.asarray(known["label"].to_numpy(), dtype=np.int8)
    rows = []
    for one in days:
        last = (one - _EPOCH).days
        found = []
        for length in _stretches(label, day, last, window_days):
            kept = (day <= last) & (day > last - length)
            found.append(_calibration(score[kept], label[kept], day[kept], reference, min_rows))
        rows.append({"day": one, **_of_both(found)})
    return pa.Table.from_pylist(rows, schema=CALIBRATION_SCHEMA)


def days_before(window_days: int) -> int:
    """How many days before a day its calibration reads, at most."""
    return max(window_days, LONGEST // window_days * window_days) - 1


def _stretches(label: NDArray[np.int8], day: NDArray[np.int64], last: int, window_days: int) -> tuple[int, ...]:
    """The days of the window, and those of the shortest whole windows that have enough rows of either label."""
    longer = window_days
    while longer + window_days <= LONGEST:
        bad = label[(day <= last) & (day > last - longer)]
        if min(int(bad.sum()), len(bad) - int(bad.sum())) >= ENOUGH:
            break
        longer += window_days
    return (window_days, longer) if longer > window_days else (window_days,)


def _of_both(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of the window, with the verdict of the stretch that speaks most clearly; each has its share."""
    told = [one for one in found if "p_value" in one]
    if not told:
        return found[0]
    clearest = min(told, key=lambda one: one["p_value"])
    has_moved = clearest["p_value"] < SIGNIFICANCE / len(told)
    compared = ("reference_intercept", "reference_slope", "p_value")
    words = f"{clearest['reason']}: {'moved' if has_moved else 'as before'} (p {clearest['p_value']:.2g})"
    return found[0] | {name: clearest[name] for name in compared} | {"moved": has_moved, "reason": words}


def _calibration(
    score: Floats, label: NDArray[np.int8], day: NDArray[np.int64], reference: Recalibration | None, min_rows: int
) -> dict[str, Any]:
    told: dict[str, Any] = {"rows": len(label), "positives": int(label.sum())}
    if len(label) < max(min_rows, 2):
        return {**told, "reason": f"{len(label)} labels matured in the window; at least {min_rows} are needed"}
    told |= _binned(score, label)
    try:
        found = recalibrate(score, label, None, (day,))
    except RecalibrationError as error:
        return {**told, "reason": f"of the mature labels {error}"}
    errors = np.sqrt(np.diag(found.covariance))
    told |= {
        "intercept": found.intercept, "intercept_error": float(errors[0]),
        "slope": found.slope, "slope_error": float(errors[1]),
    }  # fmt: skip
    if reference is None:
        return {**told, "reason": "there are no reference rows with which it could be compared"}
    p_value = moved(reference, found)
    figures = (
        f"intercept {found.intercept:+.2f} and slope {found.slope:.2f} over {found.rows} mature labels, "
        f"{reference.intercept:+.2f} and {reference.slope:.2f} over the reference rows"
    )
    return {
        **told, "reference_intercept": reference.intercept, "reference_slope": reference.slope, "p_value": p_value,
        "reason": figures,
    }  # fmt: skip


def _binned(score: Floats, label: NDArray[np.int8]) -> dict[str, float]:
    """The calibration error with its interval: the positives of each bin are drawn again at their observed rate."""
    curve = reliability(label, score)
    share = curve.rows / curve.rows.sum()
    drawn = np.random.default_rng(7).binomial(curve.rows, curve.observed, (_RESAMPLES, len(curve.rows))) / curve.rows
    errors = (np.abs(curve.predicted - drawn) * share).sum(axis=1)
    low, high = np.percentile(errors, [2.5, 97.5])
    value = float((np.abs(curve.predicted - curve.observed) * share).sum())
    return {"calibration_error": value, "calibration_error_low": float(low), "calibration_error_high": float(high)}
