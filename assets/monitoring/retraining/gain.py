"""What a champion loses a day against its approval, in the product's currency: the most that a new model can be worth.

Belongs here: the shortfall of the profit that is estimated, and of the one that is realised. Does not belong here: the
estimates (`assets.monitoring.performance.estimates`), the business figures (`kpis.py`), what a retraining costs
(`assets.product.RetrainPolicy`).

A loss that no model can make good (a market that became worse) is in these figures too: they are an upper bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.bundle import Bundle
from assets.monitoring.performance.estimates import WHOLE
from assets.monitoring.performance.reference import test_days
from assets.monitoring.windows import window_of
from assets.product import Product
from assets.product.names import ESTIMATED_PERFORMANCE, KPIS, table_name
from resources.lake import Lake

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


@dataclass(frozen=True, eq=False)
class Earnings:
    """What is recorded of a champion's profit.

    Attributes:
        estimated: Its rows of `estimated_performance` by PAPE over all rows, in any order.
        realised: Its rows of `kpis` of the figure `profit`, in any order.
        approved: The estimated profit a row, when it was approved; `None` where no estimate is from then.
    """

    estimated: pa.Table
    realised: pa.Table
    approved: float | None


def earnings(product: Product, lake: Lake, bundle: Bundle, days: Sequence[date]) -> Earnings:
    """The champion's recorded profit of these days' windows.

    Raises:
        LakeError: A table is damaged.
    """
    estimated = _own(_read(product, lake, ESTIMATED_PERFORMANCE, days, 0), bundle, method="pape", part=WHOLE)
    realised = _own(_read(product, lake, KPIS, days, product.monitoring.window_days - 1), bundle, figure="profit")
    return Earnings(estimated, realised, _approved(product, lake, bundle))


def shortfall(known: Earnings, day: date, window_days: int) -> Shortfall | None:
    """The larger of both shortfalls of the window that ends with the day; `None` where neither is known."""
    estimated, realised = _estimated(known, day, window_days), _realised(known.realised, day, window_days)
    found = [
        *([] if estimated is None else [Shortfall(max(0.0, estimated), "estimated")]),
        *([] if realised is None else [Shortfall(max(0.0, realised), "realised")]),
    ]
    return max(found, key=lambda one: one.a_day, default=None)


def _estimated(known: Earnings, day: date, window_days: int) -> float | None:
    rows = [row for row in known.estimated.to_pylist() if row["day"] == day and row["profit"] is not None]
    if known.approved is None or not rows or not rows[0]["rows"]:
        return None
    return float(known.approved * rows[0]["rows"] - rows[0]["profit"]) / window_days


def _realised(kpis: pa.Table, day: date, window_days: int) -> float | None:
    first = day - timedelta(days=window_days - 1)
    rows = [row for row in kpis.to_pylist() if first <= row["day"] <= day]
    known = [row for row in rows if row["value"] is not None and row["expected"] is not None]
    if not known:
        return None
    return float(sum(row["expected"] - row["value"] for row in known)) / window_days


def _approved(product: Product, lake: Lake, bundle: Bundle) -> float | None:
    """The champion's estimated profit a row over the first window that ends with its test window, or soon after."""
    windows, table = bundle.parts.metrics.get("windows"), table_name(product.name, ESTIMATED_PERFORMANCE)
    if windows is None or not lake.exists(table):
        return None
    last = test_days(windows)[1]
    days = [day for day in lake.days(table) if last <= day <= last + _LATEST_START]
    own = _own(lake.read(table, days=days), bundle, method="pape", part=WHOLE) if days else None
    rows = [] if own is None else [row for row in own.to_pylist() if row["profit"] is not None and row["rows"]]
    first = min(rows, key=lambda row: row["day"], default=None)
    return None if first is None else float(first["profit"]) / int(first["rows"])


def _read(product: Product, lake: Lake, name: str, days: Sequence[date], before: int) -> pa.Table | None:
    if not lake.exists(table_name(product.name, name)):
        return None
    return window_of(lake, product.name, days, name, before=before)[0]


def _own(table: pa.Table | None, bundle: Bundle, **only: str) -> pa.Table:
    """The champion's rows with these values; an empty table where there is none."""
    if table is None:
        return pa.table({})
    for column, value in {"model_version": bundle.version, **only}.items():
        table = table.filter(pc.equal(table[column], value))
    return table
