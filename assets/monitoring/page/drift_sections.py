"""The sections on data: drift as strips of days, the worst first, and data faults over time.

Belongs here: these pictures and the tables behind them. Does not belong here: drawing (`drawing.py`), the figures
(`assets.monitoring.distributions`, `assets.monitoring.faults`).

A cell of a strip is how many times its limit a column is away, by the statistic that is farthest: more than once is
what the verdict calls beyond its limit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.monitoring.faults.finding import Finding
from assets.monitoring.page.reading import SHOWN_DAYS
from assets.monitoring.page.report import MonitoringReport
from assets.pages.drawing import data_table, day_ticks, plot_figure, strip, tick_words
from assets.pages.words import number
from assets.product.names import DRIFT
from resources.naming import days_between

_MOST_STRIPS = 40
_OPEN_STRIPS = 16
"""So many strips are shown at once; the others open."""
_FAR = 9.0
"""A value above a limit of 0 counts as so many times the limit."""
_LEVELS = ((0.25, "s0"), (0.5, "s1"), (0.75, "s2"), (1.0, "s3"), (1.5, "s4"), (2.5, "s5"))
_PAIRS = (("psi", "PSI"), ("ks", "KS"), ("wasserstein", "Wasserstein"), ("missing", "missing"),
          ("unseen", "unseen values"), ("out_of_range", "out of range"))  # fmt: skip
_SHARES = frozenset({"missing", "unseen", "out_of_range"})
_NAMES = {"score": "the score", "outcome": "refused share", "volume": "number of rows", "label": "bad labels",
          "concept": "labels by score"}  # fmt: skip


@dataclass(frozen=True)
class _Strip:
    """A column over the days.

    Attributes:
        times: By day how many times its limit it is away, and by which statistic.
        since: The day since which the last figure is as far away; `None` for none.
    """

    name: str
    times: Mapping[date, tuple[float, str]]
    since: date | None

    @property
    def worst(self) -> float:
        """The farthest of the days."""
        return max((times for times, _ in self.times.values()), default=0.0)


def drift_section(report: MonitoringReport) -> str:
    """The strips of the windows of batch rows, the farthest column first."""
    table, policy = report.tables.get(DRIFT), report.product.monitoring
    if table is None:
        return "<p>No drift is measured yet.</p>"
    of_windows = pc.and_(pc.equal(table["horizon"], "window"), pc.equal(table["population"], "batch"))
    enough = pc.or_(pc.equal(table["kind"], "volume"), pc.greater_equal(table["rows"], policy.min_rows))
    strips = sorted(_strips(table.filter(pc.and_(of_windows, enough))), key=lambda one: (-one.worst, one.name))
    if not strips:
        return f"<p>No window has {policy.min_rows:,} rows yet.</p>"
    found = table["day"].to_pylist()
    days = list(days_between(min(found), max(found)))
    over = [one.name for one in strips if one.times.get(days[-1], (0.0, ""))[0] > 1]
    ever = sum(one.worst > 1 for one in strips)
    title = f"{len(over)} of {len(strips)} are beyond their limit on {days[-1]}; {ever} were at some time"
    first, rest = strips[:_OPEN_STRIPS], strips[_OPEN_STRIPS:_MOST_STRIPS]
    drawn = _drawn(first, days)
    if rest:
        drawn += f"<details><summary>{len(rest)} calmer ones</summary>{_drawn(rest, days)}</details>"
    left = f" The {len(strips) - _MOST_STRIPS} calmest are left out." if len(strips) > _MOST_STRIPS else ""
    note = (
        f"How many times its limit each column is away from the reference profile, in the {policy.window_days} days up "
        f"to each day, by the statistic that is farthest; the worst first.{left}"
    )
    keys = [("s0", "near"), ("s2", "usual"), ("s3", "close to the limit"), ("s4", "beyond"), ("s6", "far beyond")]
    heads = ("column", f"times its limit on {days[-1]}", "by", "highest", "on", "as far since")
    return plot_figure(title, note, drawn, keys=keys, table=data_table(heads, [_row(one, days[-1]) for one in strips]))


def _strips(table: pa.Table) -> Iterator[_Strip]:
    by_name: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in table.sort_by("day").to_pylist():
        by_name.setdefault((row["kind"], row["name"]), []).append(row)
    for (kind, name), rows in by_name.items():
        times = {row["day"]: found for row in rows if (found := _farthest(row)) is not None}
        if times:
            yield _Strip(_NAMES.get(kind, name), times, rows[-1]["since"])


def _farthest(row: Mapping[str, Any]) -> tuple[float, str] | None:
    """How many times its limit a figure is away, and by which statistic; `None` where nothing is judged."""
    found = []
    for name, words in _PAIRS:
        value = row[f"{name}_share"] if name in _SHARES else row[name]
        limit = row[f"{name}_limit"]
        if value is not None and limit is not None:
            found.append((value / limit if limit > 0 else _FAR * (value > 0), words))
    for value, low, high, words in (
        (row["refused_share"], row["refused_low"], row["refused_high"], "refused share"),
        (row["rows"], row["rows_low"], row["rows_high"], "rows"),
    ):
        if value is not None and low is not None and high is not None and high > low:
            found.append((abs(value - (low + high) / 2) / ((high - low) / 2), words))
    if row["z"] is not None and row["z_limit"]:
        found.append((abs(row["z"]) / row["z_limit"], "standard errors"))
    return max(found, default=None)


def _drawn(strips: Sequence[_Strip], days: Sequence[date]) -> str:
    return f'<div class="strips">{"".join(_row_drawn(one, days) for one in strips)}{_axis(days)}</div>'


def _axis(days: Sequence[date]) -> str:
    """The days under strips."""
    first, span = days[0].toordinal(), max(len(days), 1)
    ticks = tick_words([(100 * (at - first + 0.5) / span, words) for at, words in day_ticks(days)])
    return f'<div class="row axis"><span></span><div class="xs" aria-hidden="true">{ticks}</div><b></b></div>'


def _row_drawn(one: _Strip, days: Sequence[date]) -> str:
    levels = [_level(one.times[day][0]) if day in one.times else "" for day in days]
    now, by = one.times.get(days[-1], (None, ""))
    told = "not measured" if now is None else f"{now:.2g} times its limit on {days[-1]}, by {by}"
    beyond = "" if now is None or now <= 1 else " class=beyond"
    said = f"{one.name}: {told}; {one.worst:.2g} at most"
    shown = "–" if now is None else f"{now:.1f}×"
    name = f'<span title="{escape(one.name)}">{escape(one.name)}</span>'
    return f'<div class="row">{name}{strip(levels, said)}<b{beyond}>{shown}</b></div>'


def _level(times: float) -> str:
    return next((kind for limit, kind in _LEVELS if times <= limit), "s6")


def _row(one: _Strip, last: date) -> tuple[str, ...]:
    now, by = one.times.get(last, (None, "–"))
    day = max(one.times, key=lambda day: one.times[day][0])
    return (one.name, number(now), by, number(one.worst), str(day), "–" if one.since is None else str(one.since))


def fault_section(report: MonitoringReport) -> str:
    """Each data fault as a bar over its days; those that stand first."""
    if report.fingerprinted is None:
        return "<p>No day was judged yet.</p>"
    last, first = report.fingerprinted, report.fingerprinted - timedelta(days=SHOWN_DAYS - 1)
    shown = [one for one in report.faults if one.day >= first]
    if not shown:
        return f"<p>No data fault was found from {first} to {last}.</p>"
    standing = {one.key for one in report.standing}
    ordered = sorted(shown, key=lambda one: (one.key not in standing, -one.day.toordinal(), one.place))
    rows = "".join(_fault(one, first, last, one.key in standing) for one in ordered)
    rows += _axis(list(days_between(first, last)))
    verb = "stands" if len(standing) == 1 else "stand"
    title = f"{len(standing)} of {len(shown)} data faults {verb}" if standing else "No data fault stands"
    note = "A fault stands until its days are mended and made again, or are four weeks past; right: its last day."
    table = data_table(
        ("place", "kind", "since", "last day", "stands", "owner", "what"),
        [(one.place, one.kind, str(one.since), str(one.day), "yes" if one.key in standing else "no", one.owner,
          one.sentence) for one in shown],
    )  # fmt: skip
    keys = [("stands", "stands"), ("past", "over")]
    return plot_figure(title, note, f'<div class="strips faults">{rows}</div>', keys=keys, table=table)


def _fault(one: Finding, first: date, last: date, stands: bool) -> str:
    """A fault as a bar over its days."""
    span, since = (last - first).days + 1, max(one.since, first)
    left, width = 100 * (since - first).days / span, max(100 * ((one.day - since).days + 1) / span, 0.8)
    said, kind = escape(one.sentence), "stands" if stands else "past"
    return (
        f'<div class="row"><span title="{escape(one.place)}">{escape(one.place)}'
        f"<small>{escape(one.kind.replace('_', ' '))}</small></span>"
        f'<div class="bars" role="img" aria-label="{said}" title="{said}">'
        f'<i class="{kind}" style="left:{left:.4g}%;width:{width:.4g}%"></i></div>'
        f"<b>{one.day.day} {one.day:%b}</b></div>"
    )
