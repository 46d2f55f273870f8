"""The faults of a day, from its fingerprints and those of the days before.

Belongs here: which days count as usual, which tests each set of rows and column gets, since when a fault stands. Does
not belong here: the tests (`presence.py`, `flags.py`, `numbers.py`, `categories.py`, `feeds.py`), causes and
consequences (`attribution.py`).

A column that moved is compared with the same days of earlier months too, from the beginning of the month and from its
end: what happens every month on its last day, or on a day of pay, is no fault.

A day on which a column had a fault is no usual day for it: a fault that stays is recognised on each of its days, until
no usual day is left within the window; what stands for so long is how the source is now.
"""

import calendar
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar

from assets.monitoring.faults.categories import category_fault
from assets.monitoring.faults.feeds import missing_days, missing_feed, repeated_rows, shifted_clock
from assets.monitoring.faults.finding import FaultKind, Finding, Recognised
from assets.monitoring.faults.fingerprint import ColumnPrint, Fingerprint
from assets.monitoring.faults.flags import flag_fault
from assets.monitoring.faults.numbers import distances, number_fault
from assets.monitoring.faults.presence import presence_fault
from assets.monitoring.faults.storage import Days

DAYS_BEFORE = 28
"""A day is compared with so many days before it: four of each day of the week."""
MONTHS_BEFORE = 100
"""A column that moved is compared with the same days of the months within so many days before."""
_TWICE = 2
LEAST_DAYS = 7
"""With fewer usual days than these, a day is not judged."""
_OF_ROWS: tuple[FaultKind, ...] = ("feed_missing", "duplicated")
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class RowSet:
    """A set of rows that is judged: a source, or the feature table.

    Attributes:
        times: The columns in which a shifted clock shows.
        accepted: For columns with a change that is to stay, its first day: only days from it on are compared then.
        made: Days of which there are rows, though there may be no fingerprint.
        due: Whether rows are to be expected of a day.
    """

    name: str
    times: tuple[str, ...] = ()
    accepted: Mapping[str, date] = field(default_factory=dict)
    made: frozenset[date] = frozenset()
    due: Callable[[date], bool] = field(default=lambda day: True, compare=False)


@dataclass(frozen=True)
class DayFaults:
    """What was recognised of a day.

    Attributes:
        findings: The faults, without their causes.
        moved: By set of rows, its columns whose values have moved, with a fault or without.
        unjudged: The sets of rows with too few usual days before.
    """

    day: date
    findings: tuple[Finding, ...] = ()
    moved: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unjudged: tuple[str, ...] = ()


def faults_of_day(day: date, sets: Sequence[RowSet], days: Days, earlier: Collection[Finding]) -> DayFaults:
    """The faults of a day.

    Args:
        days: Fingerprints of the day, of DAYS_BEFORE days before it, and of its `same_days`; others are not looked at.
        earlier: The findings of the days before.
    """
    findings: list[Finding] = []
    moved: dict[str, frozenset[str]] = {}
    unjudged = []
    window = [one for one in sorted(days) if day - timedelta(days=DAYS_BEFORE) <= one < day]
    same = same_days(day, days)
    for rows in sets:
        today = days.get(day, {}).get(rows.name)
        known = {one: days[one][rows.name] for one in window if rows.name in days[one]}
        if today is None or len(known) < LEAST_DAYS:
            unjudged.append(rows.name)
            continue
        months = {one: days[one][rows.name] for one in same if rows.name in days[one]}
        own = [one for one in earlier if one.rows_of == rows.name and one.day in {*known, *months}]
        of_columns, moved[rows.name] = _of_columns(day, rows, today, known, months, own)
        recognised = [*_of_rows(day, rows, today, known, own), *of_columns]
        findings += [_finding(day, rows, one, own, max(known)) for one in recognised]
    return DayFaults(day, tuple(findings), moved, tuple(unjudged))


def _of_rows(
    day: date, rows: RowSet, today: Fingerprint, known: Mapping[date, Fingerprint], own: Sequence[Finding]
) -> list[Recognised]:
    found: list[Recognised | None] = []
    gap = missing_days(day, [one for one in known if rows.due(one)])
    between = [] if gap is None else [gap + timedelta(days=n) for n in range((day - gap).days)]
    lacking = [one for one in between if rows.due(one) and one not in rows.made]
    if lacking:
        found.append(Recognised("", "feed_missing", {"rows": 0, "day": str(lacking[0]), "never": len(lacking)}))
    due = {one: print_.rows for one, print_ in known.items() if rows.due(one)}
    usual_days = _usual(due, own, "feed_missing")
    if rows.due(day) and len(usual_days) >= LEAST_DAYS and not any(found):
        found.append(missing_feed(day, today.rows, usual_days))
    if today.rows:
        found.append(repeated_rows(today, list(_usual(known, own, "duplicated").values())))
    return [one for one in found if one is not None]


def same_days(day: date, known: Collection[date]) -> tuple[date, ...]:
    """Those of the known days that lie in an earlier month as the day lies in its own, from its first or last day."""
    first, left = day - timedelta(days=MONTHS_BEFORE), _left_of_month(day)
    return tuple(
        one
        for one in sorted(known)
        if first <= one < day - timedelta(days=DAYS_BEFORE) and (one.day == day.day or _left_of_month(one) == left)
    )


def _left_of_month(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1] - day.day


def _of_columns(
    day: date,
    rows: RowSet,
    today: Fingerprint,
    known: Mapping[date, Fingerprint],
    months: Mapping[date, Fingerprint],
    own: Sequence[Finding],
) -> tuple[list[Recognised], frozenset[str]]:
    """The faults of columns, and the columns that have a fault or whose values lie farther from the usual than ever."""
    found: list[Recognised] = []
    moved: set[str] = set()
    clocks: set[float] = set()
    for name, column in today.columns.items():
        before = _usual_column(name, day, rows, known, own)
        if not column.rows or len(before) < LEAST_DAYS:
            continue
        fault, has_moved = _of_column(name, day, column, before, rows.times)
        if fault is None and not has_moved:
            continue
        if _is_of_every_month(name, day, column, rows, months, own):
            continue
        moved |= {name} if has_moved else set()
        if fault is None or float(fault.figures.get("hours", 0)) in clocks:
            continue  # times of an event that are shifted together are one fault
        clocks |= {float(fault.figures["hours"])} if fault.kind == "clock_shifted" else set()
        found.append(fault)
    return found, frozenset(moved | {one.column for one in found})


def _is_of_every_month(
    name: str,
    day: date,
    column: ColumnPrint,
    rows: RowSet,
    months: Mapping[date, Fingerprint],
    own: Sequence[Finding],
) -> bool:
    """Whether the column is as on the same day of an earlier month, or of two where it was told as a fault there."""
    every, without_fault = _usual_column(name, day, rows, months, ()), _usual_column(name, day, rows, months, own)
    alike = [one for one in every if _of_column(name, day, column, {one: every[one]}, rows.times) == (None, False)]
    return len(alike) >= _TWICE or any(one in without_fault for one in alike)


def _of_column(
    name: str, day: date, column: ColumnPrint, before: Mapping[date, ColumnPrint], times: Collection[str]
) -> tuple[Recognised | None, bool]:
    """The fault of a column beside the days before, and whether its values lie farther from theirs than ever."""
    of_days = list(before.values())
    fault = presence_fault(name, column, of_days) or flag_fault(name, column, of_days)
    has_moved = False
    if column.kind == "number":
        far = distances(column, of_days)
        has_moved = far is not None and far.moved
        fault = fault or number_fault(name, column, of_days, far)
    elif column.kind == "text":
        fault = fault or category_fault(name, column, of_days)
    elif name in times and fault is None:
        fault = shifted_clock(name, day, column, before)
    return fault, has_moved


def _usual(known: Mapping[date, _Found], own: Sequence[Finding], kind: FaultKind) -> dict[date, _Found]:
    """What is known of the days before that had no fault of this kind."""
    faulty = {one.day for one in own if one.kind == kind}
    return {day: found for day, found in known.items() if day not in faulty}


def _usual_column(
    name: str, day: date, rows: RowSet, known: Mapping[date, Fingerprint], own: Sequence[Finding]
) -> dict[date, ColumnPrint]:
    """The column on the days before that had rows and no fault in it, nor in their rows as a whole."""
    faulty = {one.day for one in own if one.column == name or one.kind in _OF_ROWS}
    change = rows.accepted.get(name, date.min)
    first = change if change <= day else date.min
    return {
        day: found.columns[name]
        for day, found in known.items()
        if day >= first and day not in faulty and name in found.columns and found.columns[name].rows
    }


def _finding(day: date, rows: RowSet, found: Recognised, own: Sequence[Finding], last: date) -> Finding:
    """The fault of the day; since its first day if the last day before had it too."""
    since = [one.since for one in own if (one.column, one.kind) == (found.column, found.kind) and one.day == last]
    first = date.fromisoformat(str(found.figures["day"])) if "day" in found.figures else day
    return Finding(day, rows.name, found.column, found.kind, min([first, *since]), found.figures)
