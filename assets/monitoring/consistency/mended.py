"""Decisions that were made with other values than the lake has now: with a data fault that was mended since.

Belongs here: which features of a window's answered decisions that concerns, and what follows for a verdict on these
decisions. Does not belong here: the comparison (`comparison.py`), faults that still stand (`faults.holding`).

The lake is right again, so that no fault stands; but the decisions were made with the wrong values, and their scores,
answers and outcomes are what they are. Until they have left the window they look like drift, and a new model would
learn from rows that are mended: it would change nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from assets.monitoring.distributions.cells import OUTCOME, SCORE
from assets.monitoring.distributions.labels import CONCEPT
from assets.monitoring.verdicts import MonitoringAction
from assets.product import Product, Verdict
from assets.product.names import CONSISTENCY, table_name
from resources.errors import listed
from resources.lake import Lake

LEAST_SHARE = 0.05
"""A smaller share of a window's decisions does not move its figures far."""
_BEFORE = timedelta(days=28)
"""The days before, whose share of differing decisions is usual: events that always come late explain no change."""


@dataclass(frozen=True)
class Mended:
    """Decisions of a window that were made with other values than the lake has.

    Attributes:
        features: Those of which another value was more frequent than before, by LEAST_SHARE of the decisions at least.
        differing, compared: Of the feature with the most such decisions: how many, of how many.
        last: The last day with such decisions; `None` where there are too few.
    """

    features: frozenset[str] = frozenset()
    differing: int = 0
    compared: int = 0
    last: date | None = None

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        return (
            f"{self.differing} of {self.compared} decisions, the last of them on {self.last}, were made with other "
            f"values of {listed(sorted(self.features))} than the lake has now: it was mended since"
        )


def mended_decisions(product: Product, lake: Lake, first: date, last: date) -> Mended:
    """What the table of consistency tells of the decisions of these days; a fallback had no values, so it tells none.

    Raises:
        LakeError: The table is damaged.
    """
    table = table_name(product.name, CONSISTENCY)
    days = [day for day in lake.days(table) if first - _BEFORE <= day <= last] if lake.exists(table) else []
    if not days:
        return Mended()
    rows = lake.read(table, days=days, columns=["day", "feature", "compared", "mismatched", "cause"])
    wrong = pc.if_else(pc.equal(pc.fill_null(rows["cause"], ""), "fallback"), 0, rows["mismatched"])
    rows = rows.append_column("wrong", wrong)
    is_before = pc.less(rows["day"], pa.scalar(first, pa.date32()))
    now = rows.filter(pc.invert(is_before))
    usual = {name: wrong / compared for name, (wrong, compared) in _by_feature(rows.filter(is_before)).items()}
    many = {
        name: one
        for name, one in _by_feature(now).items()
        if one[0] and one[0] / one[1] >= usual.get(name, 0.0) + LEAST_SHARE
    }
    if not many:
        return Mended()
    of_many = pc.is_in(now["feature"], value_set=pa.array(sorted(many)))
    ended = pc.max(now.filter(pc.and_(of_many, pc.greater(now["wrong"], 0)))["day"]).as_py()
    differing, compared = max(many.values())
    return Mended(frozenset(many), differing, compared, ended)


def _by_feature(rows: pa.Table) -> dict[str, tuple[int, int]]:
    """Of each feature, how many decisions had another value, and how many were compared."""
    sums = rows.group_by("feature").aggregate([("wrong", "sum"), ("compared", "sum")]).to_pylist()
    return {row["feature"]: (row["wrong_sum"], row["compared_sum"]) for row in sums if row["compared_sum"]}


def without_mended(
    verdict: Verdict[MonitoringAction],
    mended: Callable[[], Mended],
    without: Callable[[frozenset[str]], Verdict[MonitoringAction]] | None = None,
) -> Verdict[MonitoringAction]:
    """The verdict, or "none" where it asks for a retraining and decisions with mended values explain it.

    Args:
        mended: Asked only if the verdict asks for a retraining.
        without: Of drift, the verdict without the figures of these names; else any such decisions explain it.
    """
    if verdict.action != "retrain":
        return verdict
    found = mended()
    if found.last is None:
        return verdict
    if without is not None and without(found.features | {SCORE, OUTCOME, CONCEPT}).action == "retrain":
        return verdict
    return Verdict("none", (f"{found.sentence}; it asks for no new model", *verdict.reasons))
