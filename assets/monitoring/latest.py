"""The newest figures of a product's tables, as numbers with names.

Belongs here: reading the last day of the lifecycle's tables into figures that a dashboard shows. Does not belong here:
making those tables (the stages), serving the figures (`pipelines.services.figures`), judging them (`verdicts.py`).

Only what the lake has is read: a table that does not exist gives no figure, and neither does a value that is not known.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from assets.metrics.groups import group_members
from assets.monitoring.performance.by_bundle import EVERY_ROLE
from assets.product import Posted, Product
from assets.product.names import (
    BATCH_PERFORMANCE,
    DECISIONS,
    DRIFT,
    FEATURES,
    OUTCOMES,
    PERFORMANCE,
    REVIEW_AGREEMENT,
    REVIEW_QUEUE,
    SCORES,
    quarantine_name,
    table_name,
    validated_name,
)
from assets.serving.queued import CaseKind
from resources.lake import Lake
from resources.slots import day_of, end_of

FigureName = Literal[
    "table_end_seconds", "day_rows", "day_rows_refused", "feature_drift", "drift_limit", "performance",
    "performance_rows", "day_decisions", "group_acceptance", "group_rows", "acceptance_ratio_limit",
    "reviewers_agreement", "reviewers_cases", "review_queue_cases",
]  # fmt: skip
"""The names of the figures; the metrics are `loopline_` and the name."""

LABELS: Mapping[FigureName, tuple[str, ...]] = {
    "table_end_seconds": ("table", "partition"),
    "day_rows": ("source",),
    "day_rows_refused": ("source",),
    "feature_drift": ("feature",),
    "drift_limit": (),
    "performance": ("version", "figure"),
    "performance_rows": ("version", "of"),
    "day_decisions": ("outcome",),
    "group_acceptance": ("attribute", "group"),
    "group_rows": ("attribute", "group"),
    "acceptance_ratio_limit": (),
    "reviewers_agreement": ("figure",),
    "reviewers_cases": ("of",),
    "review_queue_cases": ("kind",),
}
"""The labels of each figure, beside `product`."""

MEANINGS: Mapping[FigureName, str] = {
    "table_end_seconds": "End of a table's newest partition, in seconds since 1970; absent once a history has ended",
    "day_rows": "Valid rows of a source on its newest day",
    "day_rows_refused": "Rows of a source on its newest day that broke its contract",
    "feature_drift": "Population stability index of a feature, or of the score, over the window of the newest day",
    "drift_limit": "The index above which the product takes a feature for drifted",
    "performance": "Realised figures of a version over the window of the newest day: auc, approved_auc, brier, "
    "bad_rate, acceptance, profit",
    "performance_rows": "Rows behind these figures: all that matured, and those with a label",
    "day_decisions": "Answered decisions of the newest day, by outcome",
    "group_acceptance": "Share of the rows of a group that the champion accepts, over the window of the newest day",
    "group_rows": "Rows of a group in this window",
    "acceptance_ratio_limit": "Lowest acceptance of a group over the highest that the product allows",
    "reviewers_agreement": "Agreement of reviewers beyond chance over the window of the newest day: value, low, high",
    "reviewers_cases": "Cases that people reviewed in this window, and those that several did: reviewed, several",
    "review_queue_cases": "Cases in the newest review queue, by kind: referred, disputed, informative",
}

_PERFORMANCE = ("auc", "approved_auc", "brier", "bad_rate", "acceptance", "profit")


@dataclass(frozen=True)
class LatestFigure:
    """One number of a product."""

    name: FigureName
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def latest_figures(product: Product, lake: Lake) -> tuple[LatestFigure, ...]:
    """Every figure of the product that the lake has.

    Raises:
        LakeError: A table cannot be read.
    """
    return (
        *_table_ends(product, lake),
        *_rows_of_sources(product, lake),
        *_drift(product, lake),
        *_performance(product, lake),
        *_decisions(product, lake),
        *_groups(product, lake),
        *_reviews(product, lake),
    )


def _table_ends(product: Product, lake: Lake) -> Iterator[LatestFigure]:
    """Absent once a history has ended: an alert on late days would otherwise stand for ever."""
    names = (FEATURES, SCORES, DRIFT, DECISIONS, OUTCOMES, PERFORMANCE)
    for name in (*(validated_name(source.name) for source in product.connected), *names):
        table = table_name(product.name, name)
        slots = lake.slots(table) if lake.exists(table) else ()
        if slots and (product.end is None or day_of(max(slots)) < product.end):
            end = end_of(max(slots)).timestamp()
            yield LatestFigure("table_end_seconds", end, {"table": name, "partition": product.partition})


def _rows_of_sources(product: Product, lake: Lake) -> Iterator[LatestFigure]:
    for source in product.sources:
        table = table_name(product.name, validated_name(source.name))
        day = _last_day(lake, table)
        if day is None or isinstance(source, Posted):
            continue
        refused = table_name(product.name, quarantine_name(source.name))
        yield LatestFigure("day_rows", _rows(lake, table, day), {"source": source.name})
        yield LatestFigure("day_rows_refused", _rows(lake, refused, day), {"source": source.name})


def _drift(product: Product, lake: Lake) -> Iterator[LatestFigure]:
    yield LatestFigure("drift_limit", product.monitoring.max_psi)
    for row in _last_rows(lake, table_name(product.name, DRIFT)):
        yield from _known("feature_drift", row["psi"], {"feature": row["name"]})


def _performance(product: Product, lake: Lake) -> Iterator[LatestFigure]:
    is_batch = product.monitoring.judged == "batch"
    column = "model_version" if is_batch else "bundle"
    for row in _last_rows(lake, table_name(product.name, BATCH_PERFORMANCE if is_batch else PERFORMANCE)):
        if row.get("role", EVERY_ROLE) != EVERY_ROLE:
            continue
        for figure in _PERFORMANCE:
            yield from _known("performance", row.get(figure), {"version": row[column], "figure": figure})
        for of in ("rows", "labelled"):
            yield LatestFigure("performance_rows", row[of], {"version": row[column], "of": of})


def _decisions(product: Product, lake: Lake) -> Iterator[LatestFigure]:
    outcomes = [row["outcome"] for row in _last_rows(lake, table_name(product.name, DECISIONS), ["outcome"])]
    for outcome in sorted(set(outcomes)):
        yield LatestFigure("day_decisions", outcomes.count(outcome), {"outcome": outcome})


def _groups(product: Product, lake: Lake) -> Iterator[LatestFigure]:
    """The champion's answers to every row of the window, by the groups of each protected attribute."""
    table = table_name(product.name, SCORES)
    if not product.protected or not lake.exists(table):
        return
    yield LatestFigure("acceptance_ratio_limit", product.gates.min_selection_ratio)
    days = lake.days(table)[-product.monitoring.window_days :]
    for protected in product.protected:
        rows = lake.read(table, days=days, columns=[protected.column, "outcome"])
        names, member = group_members(protected, rows[protected.column].to_numpy())
        accepted = pc.equal(rows["outcome"], product.decision.accept).to_numpy()
        for position, name in enumerate(names):
            of_group = accepted[member == position]
            labels = {"attribute": protected.column, "group": name}
            yield LatestFigure("group_rows", len(of_group), labels)
            if len(of_group) >= product.gates.min_group_rows:
                yield LatestFigure("group_acceptance", float(of_group.mean()), labels)


def _reviews(product: Product, lake: Lake) -> Iterator[LatestFigure]:
    for row in _last_rows(lake, table_name(product.name, REVIEW_AGREEMENT)):
        for figure in ("value", "low", "high"):
            yield from _known("reviewers_agreement", row[figure], {"figure": figure})
        yield LatestFigure("reviewers_cases", row["reviewed"], {"of": "reviewed"})
        yield LatestFigure("reviewers_cases", row["cases"], {"of": "several"})
    # A queue may be empty, and then its day has no rows; the agreement has one for each day.
    day, queue = _last_day(lake, table_name(product.name, REVIEW_AGREEMENT)), table_name(product.name, REVIEW_QUEUE)
    if day is None or not lake.exists(queue):
        return
    kinds = lake.read(queue, days=[day], columns=["kind"])["kind"].to_pylist()
    for kind in get_args(CaseKind):
        yield LatestFigure("review_queue_cases", kinds.count(kind), {"kind": kind})


def _known(name: FigureName, value: Any, labels: Mapping[str, str]) -> Iterator[LatestFigure]:
    if value is not None and math.isfinite(value):
        yield LatestFigure(name, float(value), labels)


def _last_day(lake: Lake, table: str) -> date | None:
    return max(lake.days(table), default=None) if lake.exists(table) else None


def _last_rows(lake: Lake, table: str, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    day = _last_day(lake, table)
    if day is None:
        return []
    rows: pa.Table = lake.read(table, days=[day], columns=columns)
    return rows.to_pylist()


def _rows(lake: Lake, table: str, day: date) -> int:
    return sum(file.rows for file in lake.files(table, days=[day])) if lake.exists(table) else 0
