"""Business figures of each day beside what was to be expected: approvals, reviews, losses, profit.

Belongs here: the figures of a day, what each is compared with, and whether it lies outside. Does not belong here: the
interval (`expectations.py`), reading rows (`tables.py`), the alert (`pipelines.monitor_alerts`).

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
    found: list[dict[str, Any]] = []
    for one in days:
        day = (one - _EPOCH).days
        for figure, value, count, expectation, over in [
            *_of_decisions(rows, day, approved, before, chance),
            *_of_labels(matured, day, profit, before, chance),
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


def _of_decisions(rows: DayRows, day: int, approved: DayRows | None, before: int, chance: float) -> list[_Figure]:
    own = rows.day == day
    count = int(own.sum())
    earlier = range(day - before, day)
    counts = [int((rows.day == one).sum()) for one in earlier]
    expected = expected_count(counts, [_weekday(one) for one in earlier], _weekday(day), chance)
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


def _of_labels(matured: Matured, day: int, profit: Profit, before: int, chance: float) -> list[_Figure]:
    over: Over = "accepted" if matured.only_accepted else "all"
    each: tuple[tuple[BusinessFigure, float, float], ...] = (
        ("realised_loss", 0.0, profit.bad), ("profit", profit.good, -profit.bad),
    )  # fmt: skip
    found: list[_Figure] = []
    for figure, of_good, of_bad in each:
        value, mean, error, third, count = _sum_of_labels(matured, day, of_good, of_bad)
        earlier = (_sum_of_labels(matured, one, of_good, of_bad) for one in range(day - before, day))
        residuals = np.array([(one[0] - one[1]) / one[2] for one in earlier if one[2] > 0.0])
        expected = expected_draw(mean, error, third, residuals, chance) if count else None
        found.append((figure, value if count else None, count, expected, over))
    return found


def _sum_of_labels(matured: Matured, day: int, of_good: float, of_bad: float) -> tuple[float, float, float, float, int]:
    """What a day's labels are worth; the mean, standard error and third moment that its scores give; and the rows."""
    own = (matured.day == day) & ~np.isnan(matured.score)
    p, label, stake = matured.score[own], matured.label[own], matured.stake[own]
    step = (of_bad - of_good) * stake
    base, drawn = float((of_good * stake).sum()), p * (1.0 - p)
    error, third = float(np.sqrt((step**2 * drawn).sum())), float((step**3 * drawn * (1.0 - 2.0 * p)).sum())
    return base + float((step * label).sum()), base + float((step * p).sum()), error, third, len(label)


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
