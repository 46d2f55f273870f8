"""What a champion loses a day against its approval, in the product's currency: the most that a new model can be worth.

Belongs here: the shortfall of the profit that is estimated, and of the one that is realised. Does not belong here: the
estimates (`assets.monitoring.performance.estimates`), the business figures (`kpis.py`), what a retraining costs
(`assets.product.RetrainPolicy`).

A loss that no model can make good (a market that became worse) is in these figures too: they are an upper bound.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.bundle import Bundle
from assets.monitoring.performance.estimates import WHOLE
from assets.monitoring.performance.reference import test_days
from assets.monitoring.windows import window_of
from assets.product import Product
from assets.product.names import ESTIMATED_PERFORMANCE, KPIS, table_name
from resources.lake import Lake
from resources.naming import days_between

Basis = Literal["estimated", "realised"]
_LATEST_START = timedelta(days=28)
"""So long after its test window the champion's first estimate may come, and still say what it earned at approval."""


@dataclass(frozen=True)
class Shortfall:
    """What a champion earns less than at its approval.

    Attributes:
        a_day: In the product's currency; 0 where it earns as much, or more.
        basis: Whether it is estimated from the rows, or realised by labels.
    """

    a_day: float
    basis: Basis

    def until_next(self, days: float) -> float:
        """What it sums up to in so many days, until a new model is trained anyway."""
        return self.a_day * days

    def words(self, days: float) -> str:
        """The sum in words."""
        return f"{self.basis}: {self.a_day:,.0f} a day less than at approval, {days:.0f} days until the next schedule"


@dataclass(frozen=True)
class Earnings:
    """What is recorded of a champion's profit.

    Attributes:
        estimated: For each day the estimated profit of its window (PAPE, all rows), and the rows of the window.
        missed: For each day what labels that became final on it earned less than expected; negative for more.
        approved: The estimated profit a row, when the champion was approved; `None` where no estimate is from then.
    """

    estimated: Mapping[date, tuple[float, int]]
    missed: Mapping[date, float]
    approved: float | None


def earnings(product: Product, lake: Lake, bundle: Bundle, days: Sequence[date]) -> Earnings:
    """The champion's recorded profit of these days' windows.

    Raises:
        LakeError: A table is damaged.
    """
    figures = _own(_read(product, lake, KPIS, days, product.monitoring.window_days - 1), bundle, figure="profit")
    return Earnings(
        estimated=_estimates(_read(product, lake, ESTIMATED_PERFORMANCE, days, 0), bundle),
        missed={
            row["day"]: float(row["expected"] - row["value"])
            for row in figures
            if row["value"] is not None and row["expected"] is not None
        },
        approved=_approved(product, lake, bundle),
    )


def shortfall(known: Earnings, day: date, window_days: int) -> Shortfall | None:
    """The larger of both shortfalls of the window that ends with the day; `None` where neither is known."""
    found: list[Shortfall] = []
    if known.approved is not None and day in known.estimated:
        profit, rows = known.estimated[day]
        found.append(Shortfall(max(0.0, (known.approved * rows - profit) / window_days), "estimated"))
    within = [
        known.missed[one] for one in days_between(day - timedelta(days=window_days - 1), day) if one in known.missed
    ]
    if within:
        found.append(Shortfall(max(0.0, sum(within) / window_days), "realised"))
    return max(found, key=lambda one: one.a_day, default=None)


def _approved(product: Product, lake: Lake, bundle: Bundle) -> float | None:
    """The champion's estimated profit a row over the first window that ends with its test window, or soon after."""
    windows, table = bundle.parts.metrics.get("windows"), table_name(product.name, ESTIMATED_PERFORMANCE)
    if windows is None or not lake.exists(table):
        return None
    last = test_days(windows)[1]
    days = [day for day in lake.days(table) if last <= day <= last + _LATEST_START]
    found = _estimates(lake.read(table, days=days), bundle) if days else {}
    profit, rows = found[min(found)] if found else (0.0, 0)
    return profit / rows if rows else None


def _estimates(table: pa.Table | None, bundle: Bundle) -> dict[date, tuple[float, int]]:
    own = _own(table, bundle, method="pape", part=WHOLE)
    return {row["day"]: (float(row["profit"]), int(row["rows"])) for row in own if row["profit"] is not None}


def _read(product: Product, lake: Lake, name: str, days: Sequence[date], before: int) -> pa.Table | None:
    if not lake.exists(table_name(product.name, name)):
        return None
    return window_of(lake, product.name, days, name, before=before)[0]


def _own(table: pa.Table | None, bundle: Bundle, **only: str) -> list[dict[str, Any]]:
    """The champion's rows with these values; none where there is no table."""
    if table is None:
        return []
    for column, value in {"model_version": bundle.version, **only}.items():
        table = table.filter(pc.equal(table[column], value))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
