"""Business figures of each day beside what was to be expected: approvals, reviews, losses, profit.

Belongs here: the figures of a day, what each is compared with, and whether it lies outside. Does not belong here: the
interval (`expectations.py`), reading rows (`tables.py`), the alert (`pipelines.alerting.monitors`).

Three kinds of figures have three expectations. How many decisions there are: the days before. What is made of them
(approval rate, review load, expected loss a decision): the rows of the days on which the champion was evaluated, all of
them, as it decides them. What labels that became final on the day cost and earned: the scores of the same rows. A
target of the policy stands in place of any of them.

A process that goes on as before leaves an interval as seldom as the policy's false alarms a year allow, over all
figures together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.monitoring.false_alarms import allowed
from assets.monitoring.performance.expectations import (
    Expectation,
    expected_count,
    expected_draw,
    expected_share,
    expected_sum,
)
from assets.monitoring.performance.figures import Over
from assets.monitoring.performance.recalibration import Floats
from assets.product import BusinessFigure, MonitoringPolicy, Profit

COUNTED_DAYS = 28
"""From so many days before, at least, follow how many decisions a day has and how its labels differ from its scores."""
_FIGURES = len(get_args(BusinessFigure))
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
        rows: The decisions of these days, and of the window or COUNTED_DAYS before them, the longer of both.
        matured: The outcomes of the same days.
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
    before, chance = max(policy.window_days, COUNTED_DAYS), allowed(policy, "business") / _FIGURES / 365
    labels = _labels(matured, profit)
    counts = dict(zip(*(one.tolist() for one in np.unique(rows.day, return_counts=True)), strict=True))
    found: list[dict[str, Any]] = []
    for one in days:
        day = (one - _EPOCH).days
        for figure, value, count, expectation, over in [
            *_of_decisions(rows, counts, day, approved, before, chance),
            *_of_labels(labels, day, before, chance),
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


_Figure = tuple[BusinessFigure, float | None, int, Expectation | None, Over]


def _of_decisions(
    rows: DayRows, counts: Mapping[int, int], day: int, approved: DayRows | None, before: int, chance: float
) -> list[_Figure]:
    own = rows.day == day
    count = int(own.sum())
    earlier = range(day - before, day)
    known = [counts.get(one, 0) for one in earlier]
    expected = expected_count(known, [_weekday(one) for one in earlier], _weekday(day), chance)
    found: list[_Figure] = [("decisions", float(count), count, expected, "all")]
    shares: tuple[tuple[BusinessFigure, str], ...] = (
        ("approval_rate", "accepted"), ("review_share", "referred"), ("refused_share", "refused"),
    )  # fmt: skip
    for figure, name in shares:
        values = np.asarray(getattr(rows, name)[own], dtype=np.float64)
        then = None if approved is None else np.asarray(getattr(approved, name), dtype=np.float64)
        share = None if approved is None or then is None else expected_share(then, approved.day, count, chance)
        found.append((figure, float(values.mean()) if count else None, count, share, "all"))
    loss = None if approved is None else expected_sum(approved.loss, approved.day, count, chance)
    found.append(("expected_loss", float(rows.loss[own].sum()) if count else None, count, loss, "all"))
    return found


def _of_labels(labels: Mapping[BusinessFigure, "_Labels"], day: int, before: int, chance: float) -> list[_Figure]:
    found: list[_Figure] = []
    for figure, of_days in labels.items():
        count, value, mean, error, third = of_days.on(day)
        expected = None
        if count:
            earlier = [one for one in map(of_days.on, range(day - before, day)) if one[3] > 0.0]
            residuals = np.array([(told - drawn) / deviation for _, told, drawn, deviation, _ in earlier])
            expected = expected_draw(mean, error, third, residuals, chance)
        found.append((figure, value if count else None, count, expected, of_days.over))
    return found


@dataclass(frozen=True, eq=False)
class _Labels:
    """What the labels of each day are worth, beside what their scores lead to expect.

    Attributes:
        first: The first day, as days since 1970.
        sums: Of each day from then on the rows, the worth of their labels, and its mean, variance and third moment if
            labels are drawn by their scores; float64 [days, 5].
    """

    first: int
    sums: Floats
    over: Over

    def on(self, day: int) -> tuple[int, float, float, float, float]:
        """The rows of a day, the worth of their labels, its mean, standard error and third moment."""
        if not 0 <= day - self.first < len(self.sums):
            return 0, 0.0, 0.0, 0.0, 0.0
        count, value, mean, variance, third = self.sums[day - self.first].tolist()
        return int(count), value, mean, float(np.sqrt(variance)), third


def _labels(matured: Matured, profit: Profit) -> dict[BusinessFigure, _Labels]:
    """The labels of each day for each figure that is made of them."""
    over: Over = "accepted" if matured.only_accepted else "all"
    each: tuple[tuple[BusinessFigure, float, float], ...] = (
        ("realised_loss", 0.0, profit.bad), ("profit", profit.good, -profit.bad),
    )  # fmt: skip
    own = ~np.isnan(matured.score)
    day, p, label, stake = matured.day[own], matured.score[own], matured.label[own], matured.stake[own]
    first, drawn = int(day.min(initial=2**31)), p * (1.0 - p)
    found: dict[BusinessFigure, _Labels] = {}
    for figure, of_good, of_bad in each:
        base, step = of_good * stake, (of_bad - of_good) * stake
        columns = (
            np.ones(len(day)), base + step * label, base + step * p, step**2 * drawn, step**3 * drawn * (1.0 - 2.0 * p),
        )  # fmt: skip
        sums: Floats = np.zeros((0, len(columns)))
        if len(day):
            sums = np.column_stack([np.bincount(day - first, column) for column in columns]).astype(np.float64)
        found[figure] = _Labels(first, sums, over)
    return found


def _weekday(day: int) -> int:
    """The day of the week, 0 for Monday, of a day since 1970."""
    return (day + 3) % 7


def _possible(figure: BusinessFigure, expected: Expectation) -> tuple[float, float]:
    """The interval within what the figure can be: a share, or an amount that is not negative."""
    most = 1.0 if figure in ("approval_rate", "review_share", "refused_share") else np.inf
    least = -np.inf if figure == "profit" else 0.0
    return max(expected.low, least), min(expected.high, most)


def _target(
    targets: Mapping[BusinessFigure, tuple[float | None, float | None]],
    figure: BusinessFigure,
    expectation: Expectation | None,
) -> Expectation | None:
    if figure not in targets:
        return expectation
    least, most = targets[figure]
    low, high = -np.inf if least is None else least, np.inf if most is None else most
    value = expectation.value if expectation is not None else next(b for b in (least, most, 0.0) if b is not None)
    return Expectation(value, low, high, "target")
