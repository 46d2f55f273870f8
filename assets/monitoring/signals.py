"""The signals of a live model, read from the tables that recorded them.

Belongs here: the cause that a monitor gives as of a time, and the first day of its episode; reading `kpis`. Does not
belong here: the verdict on the figures of a day (`monitors.py`), causes that no table of figures gives
(`retraining.causes`), starting a run (`pipelines.sensors`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from assets.monitoring.monitors import (
    FiguresTable,
    Monitor,
    drift_monitor,
    estimated_monitor,
    performance_monitor,
)
from assets.monitoring.performance.verdicts import KpiAction, KpiSignal, kpi_verdict
from assets.monitoring.verdicts import Cause, CauseKind, HeldVerdict, MonitoringAction, cause_key, episode_start
from assets.product import Product, Verdict
from assets.product.names import KPIS, table_name
from resources.lake import Lake

_DAYS_AT_ONCE = 60
"""Days of figures that are read at a time, of those that have any."""


def drift_cause(product: Product, lake: Lake, champion: str | None, now: datetime) -> Cause:
    """The cause in the champion's drift figures, with the drift verdict.

    Args:
        champion: The version that decides now; `None` without one.
    """
    return CauseReader(product, lake, champion, drift_monitor(product, lake)).cause(now)


def performance_cause(product: Product, lake: Lake, champion: str | None, now: datetime) -> Cause:
    """The cause in the champion's realised figures, with the performance verdict; `champion` as for `drift_cause`.

    The figures are those of the decisions that the champion's bundle has answered, as challenger too; where the product
    is judged by batch scores, those of its scores. No figures of another bundle count for it.
    """
    return CauseReader(product, lake, champion, performance_monitor(product, lake)).cause(now)


def estimated_cause(product: Product, lake: Lake, champion: str | None, now: datetime) -> Cause:
    """The cause in the champion's estimated performance, with its verdict; `champion` as for `drift_cause`.

    The estimate is the one that follows the rows (PAPE), over all rows of the window.
    """
    return CauseReader(product, lake, champion, estimated_monitor(product, lake)).cause(now)


@dataclass(frozen=True)
class KpiFigures:
    """The business figures of the last day that has any (`None` without one), and the verdict on them."""

    day: date | None
    signals: tuple[KpiSignal, ...]
    verdict: Verdict[KpiAction]


def kpi_figures(product: Product, lake: Lake, now: datetime) -> KpiFigures:
    """The newest business figures.

    Raises:
        LakeError: The table is damaged.
    """
    name = table_name(product.name, KPIS)
    days = lake.days(name) if lake.exists(name) else ()
    day = days[-1] if days else None
    rows = lake.read(name, days=[day]).to_pylist() if day is not None else []
    columns = ("figure", "value", "low", "high", "basis", "outside")
    signals = tuple(KpiSignal(*(row[column] for column in columns)) for row in rows)
    return KpiFigures(day, signals, kpi_verdict(signals, day, now))


class CauseReader:
    """The cause that a monitor gives as of any time: the figures of each day are read once, and judged once.

    Args:
        champion: The version whose figures count; `None` without one.
        last: The last day of which figures are read; `None` for the newest.
    """

    def __init__(
        self, product: Product, lake: Lake, champion: str | None, monitor: Monitor, last: date | None = None
    ) -> None:
        self._product, self._champion, self._monitor = product, champion, monitor
        self._parts = iter(()) if champion is None else _figures(product, lake, monitor.table, champion, last)
        self._by_day: dict[date, pa.Table] = {}
        self._judged: dict[date, Verdict[MonitoringAction]] = {}
        self._reached: date | None = None

    def cause(self, now: datetime, until: date | None = None) -> Cause:
        """The cause as of a time, by the figures of the newest day until the given one.

        Raises:
            LakeError: A table is damaged.
        """
        kind, table = self._monitor.kind, self._monitor.table
        if self._champion is None:
            return _unknown(self._product, kind, "no model decides yet")
        day = self._newest(until)
        if day is None:
            why = f"no figures of the champion, version {self._champion}, are recorded for recent days"
            return _unknown(self._product, kind, f"{why}{table.why_none}")
        last = self._monitor.judge(self._by_day[day], day, now)
        since = day
        if last.action == "retrain":  # no other verdict needs its episode
            since = self._since(day) or day
        return Cause(
            kind=kind,
            key=cause_key(self._product.name, kind, self._champion, since),
            action=last.action,
            reasons=last.reasons,
            since=since if last.action == "retrain" else None,
            evidence=self._monitor.evidence(self._by_day[day], day),
            faults=last.faults if isinstance(last, HeldVerdict) else (),
        )

    def _newest(self, until: date | None) -> date | None:
        """The newest day with figures, of the days that are read at once before it."""
        while True:
            found = [day for day in self._by_day if until is None or day <= until]
            if found:
                return max(found)
            far_enough = self._reached is not None and (
                until is None or self._reached <= until - timedelta(days=_DAYS_AT_ONCE)
            )
            if far_enough or not self._read():
                return None

    def _since(self, last: date) -> date | None:
        """The first day of the episode that goes on at that day, however long it lasts; `None` when there is none.

        Its beginning must not depend on how far back is looked: another first day would be another cause.
        """
        history: list[tuple[date, MonitoringAction]] = []
        left = sorted((day for day in self._by_day if day <= last), reverse=True)
        while True:
            for day in left:
                action = self._action(day)
                history.append((day, action))
                if action == "none":
                    return episode_start(history[::-1])
            known = set(self._by_day)
            if not self._read():
                return episode_start(history[::-1])
            left = sorted((day for day in self._by_day if day not in known), reverse=True)

    def _action(self, day: date) -> MonitoringAction:
        """The action of a day as of its end, so that the start of an episode does not depend on the time of a call."""
        if day not in self._judged:
            self._judged[day] = self._monitor.judge(self._by_day[day], day, _end_of(day))
        return self._judged[day].action

    def _read(self) -> bool:
        """Reads the figures of some earlier days; whether there were any days."""
        part = next(self._parts, None)
        if part is None:
            return False
        self._reached, own = part
        for day in sorted(set(own["day"].to_pylist())):
            self._by_day[day] = own.filter(pc.equal(own["day"], pa.scalar(day, pa.date32())))
        return True


def _unknown(product: Product, kind: CauseKind, reason: str) -> Cause:
    return Cause(kind=kind, key=f"{product.name}/{kind}/unknown", action="unknown", reasons=(reason,))


def _figures(
    product: Product, lake: Lake, table: FiguresTable, champion: str, last: date | None
) -> Iterator[tuple[date, pa.Table]]:
    """The champion's figures, a few weeks at a time, the newest first, each part with the first day that it is of."""
    name = table_name(product.name, table.name)
    if not lake.exists(name):
        return
    version = lake.version(name)
    days = [day for day in lake.days(name, version) if last is None or day <= last]
    for end in range(len(days), 0, -_DAYS_AT_ONCE):
        within = days[max(0, end - _DAYS_AT_ONCE) : end]
        figures = lake.read(name, days=within, version=version)
        own = figures.filter(pc.equal(figures[table.version], champion))
        for column, value in table.only.items():
            own = own.filter(pc.equal(own[column], value))
        yield within[0], own


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)
