"""Business figures of each day beside what was to be expected: approvals, reviews, losses, profit.

Belongs here: the figures of a day, their expectation with an interval, and whether they lie outside of it. Does not
belong here: reading rows (`assets.py`), the alert (`pipelines.alerts`).

Three kinds of figures have three expectations. How many decisions there are: the days before. What is made of them
(approval rate, review load, expected loss a decision): the rows of the days on which the champion was evaluated, all of
them, as it decides them. What labels that became final on the day cost and earned: the scores of the same rows. A
target of the policy stands in place of any of them.

An interval holds `CONFIDENCE` of the days of a process that goes on as before. Days differ by more than chance
(weekdays, campaigns), so a rate's variance between days is measured and not supposed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.monitoring.performance.figures import Over
from assets.monitoring.performance.recalibration import Floats
from assets.product import BusinessFigure, MonitoringPolicy, Profit

Basis = Literal["days before", "approval", "scores", "target"]

CONFIDENCE = 0.999
"""A figure that goes on as before lies outside on about one day in three years."""
_REACH = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2.0)
_LEAST_DAYS = 7
_EPOCH = date(1970, 1, 1)

KPI_SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("figure", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("expected", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("over", pa.string(), nullable=False),
        pa.field("basis", pa.string()),
        pa.field("outside", pa.bool_()),
    ]
)


@dataclass(frozen=True, eq=False)
class DayRows:
    """Decisions, in any order.

    Attributes:
        day: Days since 1970, int64 [n].
        accepted, referred, refused: bool [n].
        loss: float64 [n], the loss that its score expects of an accepted row, in the product's currency; 0 of others.
    """

    day: NDArray[np.int64]
    accepted: NDArray[np.bool_]
    referred: NDArray[np.bool_]
    refused: NDArray[np.bool_]
    loss: Floats


@dataclass(frozen=True, eq=False)
class Matured:
    """Accepted decisions whose label has become final.

    Attributes:
        day: When it became final, as days since 1970, int64 [n].
        score: float64 [n], the probability of the bad outcome; NaN where there is none.
        label: int8 [n].
        stake: float64 [n].
        only_accepted: Whether other rows have no labels.
    """

    day: NDArray[np.int64]
    score: Floats
    label: NDArray[np.int8]
    stake: Floats
    only_accepted: bool


@dataclass(frozen=True)
class _Expectation:
    value: float
    low: float
    high: float
    basis: Basis


def kpis_by_day(
    rows: DayRows,
    matured: Matured,
    days: Sequence[date],
    *,
    approved: DayRows | None,
    profit: Profit,
    policy: MonitoringPolicy,
) -> pa.Table:
    """The business figures of each day.

    Args:
        rows: The decisions of these days, and of the `window_days` before them.
        matured: The outcomes of these days.
        days: UTC days, in order.
        approved: The rows of the days on which the champion was evaluated; `None` where they are not known.
        profit: Earnings and losses of an accepted row.
        policy: With the window and the targets.

    Returns:
        A table of KPI_SCHEMA, a row for each day and figure: `decisions`; `approval_rate`, `review_share` and
        `refused_share` of all decisions; `expected_loss` and `realised_loss`, in the product's currency, and `profit`.
        `value` is null where there are no rows; `expected`, its interval and `outside` where nothing is expected.
        `over` says of the realised figures whether refused rows have labels too.
    """
    found: list[dict[str, Any]] = []
    for one in days:
        day = (one - _EPOCH).days
        for figure, value, count, expectation, over in [
            *_of_decisions(rows, day, approved, policy.window_days),
            *_of_labels(matured, day, profit),
        ]:
            expected = _target(policy.targets, figure, expectation)
            told: dict[str, Any] = {"day": one, "figure": figure, "value": value, "rows": count, "over": over}
            if expected is not None:
                low, high = _possible(figure, expected)
                told |= {"expected": expected.value, "low": low, "high": high, "basis": expected.basis}
            if expected is not None and value is not None:
                told["outside"] = not expected.low <= value <= expected.high
            found.append(dict.fromkeys(KPI_SCHEMA.names) | told)
    return pa.Table.from_pylist(found, schema=KPI_SCHEMA)


_Figure = tuple[BusinessFigure, float | None, int, _Expectation | None, Over]


def _of_decisions(rows: DayRows, day: int, approved: DayRows | None, window_days: int) -> list[_Figure]:
    own = rows.day == day
    count = int(own.sum())
    before = [int((rows.day == day - back).sum()) for back in range(1, window_days + 1)]
    found: list[_Figure] = [("decisions", float(count), count, _count(before), "all")]
    shares: tuple[tuple[BusinessFigure, str], ...] = (
        ("approval_rate", "accepted"), ("review_share", "referred"), ("refused_share", "refused"),
    )  # fmt: skip
    for figure, name in shares:
        values = np.asarray(getattr(rows, name)[own], dtype=np.float64)
        expected = None if approved is None else _mean(np.asarray(getattr(approved, name), float), approved.day, count)
        found.append((figure, float(values.mean()) if count else None, count, expected, "all"))
    expected = None if approved is None else _scaled(_mean(approved.loss, approved.day, count), count)
    found.append(("expected_loss", float(rows.loss[own].sum()) if count else None, count, expected, "all"))
    return found


def _of_labels(matured: Matured, day: int, profit: Profit) -> list[_Figure]:
    own = (matured.day == day) & ~np.isnan(matured.score)
    p, label, stake = matured.score[own], matured.label[own], matured.stake[own]
    count = len(label)
    over: Over = "accepted" if matured.only_accepted else "all"
    each: tuple[tuple[BusinessFigure, float, float], ...] = (
        ("realised_loss", 0.0, profit.bad), ("profit", profit.good, -profit.bad),
    )  # fmt: skip
    found: list[_Figure] = []
    for figure, of_good, of_bad in each:
        step = (of_bad - of_good) * stake
        value = float((of_good * stake + step * label).sum())
        mean, error = float((of_good * stake + step * p).sum()), float(np.sqrt((step**2 * p * (1.0 - p)).sum()))
        third = float((step**3 * p * (1.0 - p) * (1.0 - 2.0 * p)).sum())
        found.append((figure, value if count else None, count, _drawn(mean, error, third) if count else None, over))
    return found


def _drawn(mean: float, error: float, third: float) -> _Expectation:
    """The interval of a sum of drawn labels, by Cornish and Fisher's quantiles: few bad rows make it lopsided."""
    skewness = float(np.clip(third / error**3, -1.0, 1.0)) if error > 0.0 else 0.0
    lopsided = skewness * (_REACH**2 - 1.0) / 6.0
    return _Expectation(mean, mean - error * (_REACH - lopsided), mean + error * (_REACH + lopsided), "scores")


def _count(before: Sequence[int]) -> _Expectation | None:
    """The next count, from those of the days before: at least as uncertain as a Poisson count."""
    known = np.array([count for count in before if count], dtype=np.float64)
    if len(known) < _LEAST_DAYS:
        return None
    mean = float(known.mean())
    error = float(np.sqrt(max(known.var(ddof=1), mean) * (1.0 + 1.0 / len(known))))
    return _Expectation(mean, max(0.0, mean - _REACH * error), mean + _REACH * error, "days before")


def _mean(values: Floats, day: NDArray[np.int64], count: int) -> _Expectation | None:
    """The mean over `count` rows of a day, from rows of other days, with the variance between these days."""
    if not len(values) or not count:
        return None
    mean, spread = float(values.mean()), float(values.var())
    _, member = np.unique(day, return_inverse=True)
    sizes = np.bincount(member)
    dispersion = 1.0
    if len(sizes) >= _LEAST_DAYS and spread > 0.0:
        sums = np.bincount(member, values - mean)
        dispersion = max(1.0, float((sums**2 / (sizes * spread)).sum() / (len(sizes) - 1)))
    error = float(np.sqrt(dispersion * spread * (1.0 / count + 1.0 / len(values))))
    return _Expectation(mean, mean - _REACH * error, mean + _REACH * error, "approval")


def _scaled(mean: _Expectation | None, count: int) -> _Expectation | None:
    if mean is None:
        return None
    return _Expectation(mean.value * count, mean.low * count, mean.high * count, mean.basis)


def _possible(figure: BusinessFigure, expected: _Expectation) -> tuple[float, float]:
    """The interval within what the figure can be: a share, or an amount that is not negative."""
    most = 1.0 if figure in ("approval_rate", "review_share", "refused_share") else np.inf
    least = -np.inf if figure == "profit" else 0.0
    return max(expected.low, least), min(expected.high, most)


def _target(
    targets: Mapping[BusinessFigure, tuple[float | None, float | None]],
    figure: BusinessFigure,
    expectation: _Expectation | None,
) -> _Expectation | None:
    if figure not in targets:
        return expectation
    least, most = targets[figure]
    low, high = -np.inf if least is None else least, np.inf if most is None else most
    value = expectation.value if expectation is not None else next(b for b in (least, most, 0.0) if b is not None)
    return _Expectation(value, low, high, "target")
