"""What is left of the error budgets, from the decision log and the lake.

Belongs here: the bad share of 30 days by the definitions of the objectives, without Prometheus. Does not belong here:
the objectives (`resources.objectives`), the rules that watch how fast a budget burns (`pipelines.drafting.objectives`).

What neither log nor lake records (a refused request, the time of an answer, how far a stream was behind) is unknown
here: the service's metrics alone tell it. Unknown is not whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc

from assets.product import Product
from assets.product.names import DECISIONS, FEATURES, table_name
from assets.serving.log import decision_log
from assets.serving.log.counting import Counted, counted_day
from resources.lake import Lake
from resources.lake.delta import DAYS
from resources.objectives import WINDOW_DAYS, Objective
from resources.slots import checked_slot, end_of

_WINDOW = timedelta(days=WINDOW_DAYS)
_COMMITS = 200
"""More commits than a table gets in 30 days; the share is over the time of those that are read."""


@dataclass(frozen=True)
class ErrorBudget:
    """What is left of the budget of an objective.

    Attributes:
        bad: The share of events, or of time, that was bad within the window; `None` where nobody knows it.
        left: Of the budget, 1 for all of it, below 0 where more was spent; `None` as for `bad`.
        over: What the share is over, or why it is unknown.
    """

    objective: Objective
    bad: float | None
    over: str

    @property
    def left(self) -> float | None:
        """1 less the bad share over the share that may be bad."""
        return None if self.bad is None else 1.0 - self.bad / self.objective.budget


def error_budgets(
    product: Product, lake: Lake, log: Path, objectives: Iterable[Objective], until: date, clock: datetime
) -> tuple[ErrorBudget, ...]:
    """The budget of each objective over 30 days.

    Args:
        log: The folder of the decision log.
        until: The last of the days of decisions, which have the machine's time.
        clock: The product's time, which its days have: at the end of a history it stands still.

    Raises:
        LakeError: A table is damaged.
        DecisionLogError: A line of the log is no decision.
    """
    return tuple(_budget(product, lake, log, one, until, clock) for one in objectives)


def _budget(
    product: Product, lake: Lake, log: Path, objective: Objective, until: date, clock: datetime
) -> ErrorBudget:  # fmt: skip
    if objective.recorded == "fallbacks":
        first = until - _WINDOW + timedelta(days=1)
        found = _counted(product, lake, log, first, until)
        if not found.answered:
            return ErrorBudget(objective, None, f"no decision was answered from {first} to {until}")
        share = found.fallbacks / found.answered
        return ErrorBudget(
            objective, share, f"{found.fallbacks:,} of {found.answered:,} decisions from {first} to {until}"
        )
    if objective.recorded == "table_ends":
        return _of_table_ends(product, lake, objective, clock)
    return ErrorBudget(objective, None, "only the metrics of the service tell it (dashboard: service)")


def _counted(product: Product, lake: Lake, log: Path, first: date, last: date) -> Counted:
    """Of the days that the table `decisions` has its rows, of the others the lines of the log."""
    table = table_name(product.name, DECISIONS)
    days = [day for day in lake.days(table) if first <= day <= last] if lake.exists(table) else []
    found = [counted_day(log, product.name, day) for day in decision_log.days(log, product.name)
             if first <= day <= last and day not in days]  # fmt: skip
    if days:
        fallback = lake.read(table, days=days, columns=["fallback"])["fallback"]
        found.append(Counted(len(fallback), pc.sum(pc.is_valid(fallback)).as_py() or 0))
    return Counted(sum(one.answered for one in found), sum(one.fallbacks for one in found))


def _of_table_ends(product: Product, lake: Lake, objective: Objective, clock: datetime) -> ErrorBudget:
    """The share of time during which the newest day of the table `features` had ended too long ago."""
    table = table_name(product.name, FEATURES)
    if product.partition != "day":
        return ErrorBudget(objective, None, f"{product.name} is not made by the day")
    if product.end is not None and product.end < clock.date():
        return ErrorBudget(objective, None, f"the history of {product.name} ended on {product.end}")
    ends = _ends(lake, table) if lake.exists(table) else []
    if not ends or ends[0][0] >= clock:
        return ErrorBudget(objective, None, f"no day was made before {clock:%Y-%m-%d %H:%M}, by the product's clock")
    since = max(clock - _WINDOW, ends[0][0])
    late = late_share(ends, timedelta(seconds=objective.limit), since, clock)
    return ErrorBudget(objective, late, f"the time since {since:%Y-%m-%d %H:%M}")


def _ends(lake: Lake, table: str) -> list[tuple[datetime, datetime]]:
    """When each commit was made, and the end of the newest day that the table had then; the oldest first."""
    found: list[tuple[datetime, datetime]] = []
    for commit in reversed(lake.history(table, _COMMITS)):
        if DAYS in commit:
            made = datetime.fromtimestamp(commit["timestamp"] / 1000, UTC)
            end = end_of(checked_slot(commit[DAYS].partition("/")[2]))
            found.append((made, max(end, found[-1][1] if found else end)))
    return found


def late_share(
    ends: Sequence[tuple[datetime, datetime]], limit: timedelta, since: datetime, until: datetime
) -> float:  # fmt: skip
    """The share of a time during which the newest day had ended longer ago than the limit.

    Args:
        ends: Moments, ascending, and since each the end of the newest day.
    """
    late = timedelta()
    for place, (made, end) in enumerate(ends):
        following = ends[place + 1][0] if place + 1 < len(ends) else until
        start, stop = max(made, end + limit, since), min(following, until)
        late += max(stop - start, timedelta())
    return late / (until - since)
