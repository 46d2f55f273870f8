"""The plan of a backfill: which assets of which days run, what is kept of an interrupted one, and how long it takes.

Belongs here: frozen values, and the pure choice of runs and estimate of time. Does not belong here: asking Dagster and
the lake (`backfill_records.py`), running the plan (`backfill.py`), its form for people (`pipelines.cli`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from assets.product import Partitions
from resources.slots import Slot, length_of, next_slot, slots_between

Days = tuple[Slot, Slot]
"""A first and a last day, or of a product by the hour a first and a last hour."""


@dataclass(frozen=True)
class PlannedAsset:
    """An asset of a backfill.

    Attributes:
        daily: Whether it has days; one without is made once, after all days.
        after: The names of the assets that it reads.
        rows: The rows that the days have now; 0 if there are none yet.
        past: The number of days and the seconds of each earlier run that made the first or the last day.
    """

    name: str
    daily: bool
    after: frozenset[str] = frozenset()
    rows: int = 0
    past: tuple[tuple[int, float], ...] = ()

    def seconds(self, days: int) -> float | None:
        """The estimated seconds for a number of days; `None` if it never ran.

        Between earlier runs of fewer and of more days lies a straight line. Fewer days than ever are taken to last as
        long as the fewest, and more days than ever in proportion to the most.
        """
        by_days: dict[int, list[float]] = {}
        for count, seconds in self.past:
            by_days.setdefault(count, []).append(seconds)
        known = sorted((count, median(seconds)) for count, seconds in by_days.items())
        if not known:
            return None
        if days > known[-1][0]:
            return known[-1][1] * days / known[-1][0]
        counts, seconds_of = zip(*known, strict=True)
        return float(np.interp(days, counts, seconds_of))


@dataclass(frozen=True)
class PlannedRun:
    """One run: consecutive days, and assets in the order of the loop."""

    days: Days
    assets: tuple[str, ...]


@dataclass(frozen=True)
class Done:
    """What a backfill has made so far.

    Attributes:
        days: For each daily asset the days that need not be made again.
        whole: The assets without days that were made.
        stale: For each table of days, by its asset, the days that were made from other content than the present one.
    """

    days: Mapping[str, Collection[Slot]] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    stale: Mapping[str, frozenset[Slot]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What a backfill will do.

    Attributes:
        partitions: Those of the product.
        days: The first and the last day, of whole partitions.
        resumed: When the interrupted backfill began that this one goes on with, ISO-8601; empty for none.
        done: What that one has made.
        stale: For each other table of days, the days that were made from days of the plan: if their content changes,
            they are stale.
        unmade: Assets without days that are made from the days, and not by this backfill.
        overhead: Seconds of a run besides those of its assets; `None` if unknown.
    """

    product: str
    partitions: Partitions
    days: Days
    assets: tuple[PlannedAsset, ...]
    resumed: str = ""
    done: Done = Done()
    stale: Mapping[str, Sequence[Slot]] = field(default_factory=dict)
    unmade: tuple[str, ...] = ()
    overhead: float | None = None

    @property
    def runs(self) -> tuple[PlannedRun, ...]:
        """The runs, in their order."""
        return runs_of(self.assets, self.days, self.done)

    @property
    def seconds(self) -> float | None:
        """The estimated time of the runs; `None` if an asset never ran."""
        known = {asset.name: asset for asset in self.assets}
        parts: list[float | None] = []
        for run in self.runs:
            count = len(slots_between(*run.days))
            parts += [self.overhead or 0.0, *(known[name].seconds(count) for name in run.assets)]
        found = [part for part in parts if part is not None]
        return sum(found) if len(found) == len(parts) else None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "product": self.product,
            "partition": self.partitions.length,
            "from": str(self.days[0]),
            "to": str(self.days[1]),
            "resumes": self.resumed or None,
            "runs": [{"from": str(run.days[0]), "to": str(run.days[1]), "assets": run.assets} for run in self.runs],
            "rows": {asset.name: asset.rows for asset in self.assets if asset.daily},
            "kept": {name: [str(day) for day in sorted(days)] for name, days in self.done.days.items() if days},
            "stale_if_changed": {name: [str(day) for day in days] for name, days in self.stale.items()},
            "outdated_if_changed": list(self.unmade),
            "seconds": None if self.seconds is None else round(self.seconds, 1),
        }


def runs_of(
    assets: Sequence[PlannedAsset], days: Days, done: Done, failed: Collection[Slot] = frozenset()
) -> tuple[PlannedRun, ...]:
    """The runs that are left: one for each stretch of days without a failed one.

    An asset without days is made with the last of them, and not at all beside failed days: what it would be made from
    belongs partly to this backfill.

    Args:
        assets: In the order of the loop.
    """
    runs: list[PlannedRun] = []
    for stretch in _stretches(days, failed):
        chosen: list[str] = []
        lacking: set[Slot] = set()
        for asset in assets:
            if not asset.daily:
                continue
            mine = set(stretch) - set(done.days.get(asset.name, ()))
            if mine or asset.after & set(chosen):
                chosen.append(asset.name)
                lacking |= mine
        if chosen:
            runs.append(PlannedRun((min(lacking), max(lacking)), tuple(chosen)))
    whole = [] if failed else [a.name for a in assets if not a.daily and (runs or a.name not in done.whole)]
    if not whole:
        return tuple(runs)
    last = runs.pop() if runs else PlannedRun(days, ())
    order = [asset.name for asset in assets if asset.name in {*last.assets, *whole}]
    return (*runs, PlannedRun(last.days, tuple(order)))


def _stretches(days: Days, failed: Collection[Slot]) -> Iterator[tuple[Slot, ...]]:
    """The consecutive days between the failed ones."""
    start = days[0]
    for day in [*sorted(day for day in failed if days[0] <= day <= days[1]), next_slot(days[1])]:
        if start < day:
            yield slots_between(start, day - length_of(day))
        start = next_slot(day)
