"""Realised bad rates by the age of labels: vintages of decisions, how complete each is, and where it will end.

Belongs here: the vintage table of a day, and the curves behind it. Does not belong here: the labels' courses
(`assets.training.rows.labels`), the picture (`plots.py`).

A bad label becomes known some days after its decision. A young vintage has known few of its own; nothing is known of
later ages. Both follow from the product-limit estimate with right censoring (Kaplan and Meier, "Nonparametric
estimation from incomplete observations", JASA 1958): at each age, in whole days, the share that turns bad among the
decisions that have lived through that day and were not bad before. A vintage's survival up to its age is its own; from
there on it is that of all vintages that are older. The variance is Greenwood's, the interval the complementary
log-log one (Kalbfleisch and Prentice, "The statistical analysis of failure time data", 2002, section 1.4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.monitoring.performance.recalibration import Floats

_REACH = 1.959964
_EPOCH = date(1970, 1, 1)
_MONDAY = 3
"""1970-01-01 was a Thursday: three days after a Monday."""
_LONG = 28
"""Labels that take longer than so many days are followed by week of decision, others by day."""

VINTAGE_SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("vintage", pa.date32(), nullable=False),
        pa.field("age", pa.int64(), nullable=False),
        pa.field("decisions", pa.int64(), nullable=False),
        pa.field("followed", pa.int64(), nullable=False),
        pa.field("known", pa.int64(), nullable=False),
        pa.field("positives", pa.int64(), nullable=False),
        pa.field("bad_rate", pa.float64()),
        pa.field("completion", pa.float64()),
        pa.field("final_bad_rate", pa.float64()),
        pa.field("final_low", pa.float64()),
        pa.field("final_high", pa.float64()),
    ]
)


@dataclass(frozen=True, eq=False)
class Courses:
    """Decisions and when each turned bad.

    Attributes:
        decided: Days since 1970, with a fraction, float64 [n].
        turned_bad: Days from the decision to the time since which its label is known to be bad; NaN where it is not.
        followed: bool [n], whether a label can come: the row was accepted, or the label source knows it.
        told: Days from the decision to the time since which its label is final though nothing turned bad; NaN where
            it only becomes so by maturity.
        maturity: Days after which a label is final.
    """

    decided: Floats
    turned_bad: Floats
    followed: NDArray[np.bool_]
    told: Floats
    maturity: int


@dataclass(frozen=True, eq=False)
class _Life:
    """Counts of one vintage, or of many: at risk in each day of age, and turned bad in it; float64 [maturity]."""

    at_risk: Floats
    bad: Floats


def vintages_of(courses: Courses, days: Sequence[date]) -> pa.Table:
    """The vintages of each day, as of its end.

    Args:
        courses: Decisions of at least twice the maturity before the days: ages of which no decision tells are not
            projected.
        days: UTC days, in order.

    Returns:
        A table of VINTAGE_SCHEMA, a row for each day and vintage that is not yet as old as its maturity, and the newest
        one that is. `age`: whole days from the end of the vintage's last decision day; `followed`: decisions of which a
        label can come, over which all figures are; `known`: labels that are final, or bad already; `positives`: bad
        ones; `bad_rate`: of all followed, so far; `completion`: the share of the finally bad ones that are known at
        this age, from older vintages; `final_bad_rate` with its 95% interval.
    """
    rows: list[dict[str, Any]] = []
    for day in days:
        rows += _of_day(courses, day)
    return pa.Table.from_pylist(rows, schema=VINTAGE_SCHEMA)


def vintage_curves(courses: Courses, day: date) -> Mapping[date, Floats]:
    """For each vintage its cumulative share of bad decisions by age, in days, as far as every decision has lived."""
    end, found = (day - _EPOCH).days + 1.0, {}
    for start, length, member in _vintages(courses, day):
        age = int(min(end - (start + length), courses.maturity))
        if age >= 1:
            life = _life(courses, member, end)
            found[_EPOCH + timedelta(days=start)] = 1.0 - _survival(life)[:age]
    return found


def _of_day(courses: Courses, day: date) -> list[dict[str, Any]]:
    end, found, newest = (day - _EPOCH).days + 1.0, [], True
    for start, length, member in reversed(_vintages(courses, day)):
        age = int(end - (start + length))
        if age >= courses.maturity and not newest:
            break
        newest = newest and age < courses.maturity
        found.append(_row(courses, start, length, member, end, max(0, min(age, courses.maturity))) | {"day": day})
    return found[::-1]


def _row(courses: Courses, start: int, length: int, member: NDArray[np.bool_], end: float, age: int) -> dict[str, Any]:
    followed = member & courses.followed
    lived = end - courses.decided
    bad = followed & (courses.turned_bad <= lived)
    final = followed & ~bad & ((lived >= courses.maturity) | (courses.told <= lived))
    count, positives = int(followed.sum()), int(bad.sum())
    told: dict[str, Any] = {
        "vintage": _EPOCH + timedelta(days=start), "age": age, "decisions": int(member.sum()), "followed": count,
        "known": positives + int(final.sum()), "positives": positives, "bad_rate": positives / count if count else None,
    }  # fmt: skip
    older = courses.decided < start
    return (
        dict.fromkeys(VINTAGE_SCHEMA.names)
        | told
        | _projected(_life(courses, member, end), _life(courses, older, end), age)
    )


def _projected(own: _Life, older: _Life, age: int) -> dict[str, Any]:
    """Completion at an age, and the final bad rate: the vintage's own survival, continued by that of older ones."""
    all_older = _survival(older)
    if not len(all_older) or (older.at_risk <= 0.0).any():
        return {}
    finally_bad = 1.0 - all_older[-1]
    so_far = 1.0 - all_older[age - 1] if age else 0.0
    told: dict[str, Any] = {"completion": so_far / finally_bad if finally_bad > 0.0 else None}
    if (own.at_risk[:age] <= 0.0).any():
        return told
    at_risk = np.concatenate([own.at_risk[:age], older.at_risk[age:]])
    bad = np.concatenate([own.bad[:age], older.bad[age:]])
    survival = float(_survival(_Life(at_risk, bad))[-1])
    left = at_risk - bad
    variance = float((bad / (at_risk * np.where(left > 0.0, left, np.inf))).sum())
    told["final_bad_rate"] = 1.0 - survival
    if not 0.0 < survival < 1.0:
        return told
    reach = _REACH * float(np.sqrt(variance)) / abs(float(np.log(survival)))
    return {
        **told,
        "final_low": 1.0 - survival ** float(np.exp(-reach)),
        "final_high": 1.0 - survival ** float(np.exp(reach)),
    }


def _life(courses: Courses, member: NDArray[np.bool_], end: float) -> _Life:
    """Counts over whole days of age: a decision is at risk in a day of age that it has lived through."""
    kept = member & courses.followed
    lived = np.floor(end - courses.decided[kept]).astype(np.int64)
    last = np.minimum(lived, courses.maturity)
    # A label that came at once counts in the first day of age, one that came after its maturity in the last.
    day_of_bad = np.clip(np.ceil(courses.turned_bad[kept]), 1, courses.maturity)
    is_bad = day_of_bad <= last  # never where it has not turned bad
    day_of_bad = np.where(is_bad, day_of_bad, 0).astype(np.int64)
    left_at = np.where(is_bad, day_of_bad, last)
    length = courses.maturity + 1
    leaving = np.bincount(np.clip(left_at, 0, courses.maturity), minlength=length).astype(np.float64)
    at_risk = np.cumsum(leaving[::-1])[::-1][1:]
    bad = np.bincount(day_of_bad[is_bad], minlength=length).astype(np.float64)[1:]
    return _Life(at_risk, bad)


def _survival(life: _Life) -> Floats:
    """The share that is not bad at the end of each day of age."""
    with np.errstate(divide="ignore", invalid="ignore"):
        stays = np.where(life.at_risk > 0.0, 1.0 - life.bad / life.at_risk, 1.0)
    return np.asarray(np.cumprod(stays), dtype=np.float64)


def _vintages(courses: Courses, day: date) -> list[tuple[int, int, NDArray[np.bool_]]]:
    """The first day of each vintage up to the day, its length in days, and its decisions; in order."""
    by_week = courses.maturity >= _LONG
    whole = np.floor(courses.decided).astype(np.int64)
    start = whole - (whole + _MONDAY) % 7 if by_week else whole
    last = (day - _EPOCH).days
    starts = np.unique(start[whole <= last]).tolist()
    # The last week is under way until its Sunday.
    return [
        (one, min(7 if by_week else 1, last - one + 1), np.asarray((start == one) & (whole <= last))) for one in starts
    ]
