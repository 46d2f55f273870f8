"""Every alarm that the monitors raise of a quiet bank, day by day, without Dagster and without a lake.

Belongs here: from rows to the verdicts of data faults, drift, business figures and realised performance, and from these
to alarms as people would be told of them. Does not belong here: the rows (`rows.py`), the model (`models.py`).

A model is approved each quarter. An alarm that stands is told once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from assets.monitoring.distributions.beyond import beyond
from assets.monitoring.distributions.counting import Rows, counted
from assets.monitoring.distributions.explained import label_figures
from assets.monitoring.distributions.figures import drift_of_days
from assets.monitoring.distributions.judged import LOOKBACK
from assets.monitoring.distributions.labels import label_counts
from assets.monitoring.distributions.limits import limits_of
from assets.monitoring.distributions.verdict import DriftSignals, drift_verdict
from assets.monitoring.faults.attribution import attributed, lineage_of
from assets.monitoring.faults.finding import Finding
from assets.monitoring.faults.fingerprint import Fingerprint, fingerprint
from assets.monitoring.faults.recognition import MONTHS_BEFORE, faults_of_day, same_days
from assets.monitoring.faults.row_sets import counted_tables
from assets.monitoring.performance.kpis import DayRows, Matured, kpis_by_day
from assets.monitoring.performance.verdicts import PerformanceSignals, performance_verdict
from assets.product import Product
from assets.product.names import FEATURES
from resources.naming import days_between
from tests.support.quiet_bank.models import Approved, approved, matrix_of
from tests.support.quiet_bank.rows import ProductRows

_EPOCH = date(1970, 1, 1)
_MONTHS = timedelta(days=MONTHS_BEFORE)
_APPROVED_FOR = timedelta(days=91)


@dataclass(frozen=True)
class Alarm:
    """What people are told.

    Attributes:
        judge: Who raises it.
        subject: What it is about: a column and kind of fault, a business figure.
        text: The reason in words.
    """

    product: str
    judge: str
    subject: str
    day: date
    text: str


def alarms(product: Product, rows: ProductRows, first: date, last: date) -> Iterator[Alarm]:
    """The alarms of these days."""
    yield from _faults(product, rows, first, last)
    matrix, days = matrix_of(product, rows.features), _Days(rows)
    begin = first
    while begin <= last:
        following = begin + _APPROVED_FOR
        end = min(last, following - timedelta(days=1))
        model = approved(product, rows, matrix, begin - timedelta(days=1))
        judged = days_between(begin, end)
        yield from _drift(product, days, model, judged)
        yield from _business(product, rows, model, judged)
        yield from _performance(product, rows, model, judged)
        begin = following


class _Days:
    """The rows of each day."""

    def __init__(self, rows: ProductRows) -> None:
        self.rows = rows
        self._first = int(rows.day.min())
        self._starts = np.searchsorted(rows.day, np.arange(self._first, int(rows.day.max()) + 2))

    def of(self, day: date) -> slice:
        """The places of the rows of a day."""
        at = (day - _EPOCH).days - self._first
        return slice(int(self._starts[at]), int(self._starts[at + 1]))


def fingerprints(product: Product, rows: ProductRows, days: Sequence[date]) -> dict[date, dict[str, Fingerprint]]:
    """The fingerprints of some days, as the asset counts them."""
    by_day = _Days(rows)
    found: dict[date, dict[str, Fingerprint]] = {day: {} for day in days}
    for one in counted_tables(product):
        for day in days:
            if one.rows.name == FEATURES:
                places = by_day.of(day)
                table = rows.features.slice(places.start, places.stop - places.start)
            else:
                table = rows.sources[one.rows.name][day]
            found[day][one.rows.name] = fingerprint(table, table.column_names, one.key, plain=tuple(one.plain))
    return found


def _faults(product: Product, rows: ProductRows, first: date, last: date) -> Iterator[Alarm]:
    every = days_between(first - _MONTHS, last)
    prints, lineage = fingerprints(product, rows, every), lineage_of(product)
    sets = [replace(one.rows, made=frozenset(every)) for one in counted_tables(product)]
    found: list[Finding] = []
    told: set[str] = set()
    for day in days_between(first, last):
        recent = [one for one in found if one.day >= day - _MONTHS]
        near = {one: prints[one] for one in every if one <= day and (day - one).days <= 28}
        near |= {one: prints[one] for one in same_days(day, every)}
        for one in attributed(faults_of_day(day, sets, near, recent), lineage):
            found.append(one)
            if not one.follows_from and one.key not in told:
                told.add(one.key)
                yield Alarm(product.name, "faults", f"{one.place} {one.kind}", day, one.sentence)


def _drift(product: Product, days: _Days, model: Approved, judged: Sequence[date]) -> Iterator[Alarm]:
    policy, rows = product.monitoring, days.rows
    before = max(policy.history_days, 2 * policy.window_days + LOOKBACK)
    known = days_between(model.day - timedelta(days=before), judged[-1])
    counts = np.stack([_counts(days, model, day) for day in known])
    history = [
        place for place, day in enumerate(known) if model.day - timedelta(policy.history_days) <= day <= model.day
    ]
    limits = limits_of(
        model.layout, [known[place] for place in history], counts[history[0] : history[-1] + 1], policy
    )  # fmt: skip
    figures = drift_of_days(model.layout, "batch", judged, counts, limits, policy)
    labels = _labels(product, rows, model)
    then = days_between(model.day - timedelta(days=product.model.test_days - 1), model.day)
    of_labels = label_figures(labels(then), labels(known), judged, policy, limits)
    standing = ""
    for day in judged:
        found = (*figures[day], *of_labels.get(day, ()))
        verdict = drift_verdict(DriftSignals(found, day), policy, _end_of(day))
        if verdict.action in ("alert", "retrain") and verdict.action != standing:
            moved = sorted({f"{one.name} {one.horizon}" for one in found if beyond(one)})
            yield Alarm(product.name, f"drift {verdict.action}", ", ".join(moved), day, "; ".join(verdict.reasons))
        if verdict.action != "unknown":
            standing = verdict.action


def _counts(days: _Days, model: Approved, day: date) -> NDArray[np.int64]:
    places = days.of(day)
    table = days.rows.features.slice(places.start, places.stop - places.start)
    return counted(model.layout, Rows(table, model.scores[places], model.answers[places]))


def _labels(product: Product, rows: ProductRows, model: Approved) -> Callable[[Sequence[date]], NDArray[np.int64]]:
    score = model.layout.subjects[model.layout.place("score")]
    final = rows.day + product.label.maturity // timedelta(days=1)

    def counts(days: Sequence[date]) -> NDArray[np.int64]:
        found = []
        for day in days:
            own = rows.labelled & (final == (day - _EPOCH).days)
            outcomes = pa.table({"score": model.scores[own], "label": rows.bad[own].astype(np.int8)})
            found.append(label_counts(score, outcomes))
        return np.stack(found)

    return counts


def _business(product: Product, rows: ProductRows, model: Approved, judged: Sequence[date]) -> Iterator[Alarm]:
    profit, day = product.decision.profit, rows.day
    stake = np.asarray(rows.features[profit.stake].to_numpy(), dtype=np.float64)
    accepted = model.answers == 0
    loss = np.where(accepted, model.scores * profit.bad * stake, 0.0)

    def chosen(which: NDArray[np.bool_]) -> DayRows:
        return DayRows(
            day[which], accepted[which], (model.answers == 1)[which], (model.answers == 2)[which], loss[which]
        )

    near = (day >= (judged[0] - _EPOCH).days - product.monitoring.window_days) & (day <= (judged[-1] - _EPOCH).days)
    final = day + product.label.maturity // timedelta(days=1)
    labelled = rows.labelled & accepted
    matured = Matured(
        final[labelled], model.scores[labelled], rows.bad[labelled].astype(np.int8), stake[labelled],
        only_accepted=not rows.labelled.all(),
    )  # fmt: skip
    found = kpis_by_day(
        chosen(near), matured, judged, approved=chosen(model.tested), profit=profit, policy=product.monitoring
    )
    standing: set[str] = set()
    for row in found.to_pylist():
        figure = row["figure"]
        if row["outside"] and figure not in standing:
            standing.add(figure)
            text = f"{row['value']:.4g}, {row['low']:.4g} to {row['high']:.4g} by {row['basis']}, {row['rows']} rows"
            yield Alarm(product.name, "kpi", figure, row["day"], text)
        if row["outside"] is False:
            standing.discard(figure)


def _performance(product: Product, rows: ProductRows, model: Approved, judged: Sequence[date]) -> Iterator[Alarm]:
    policy = product.monitoring
    final = rows.day + product.label.maturity // timedelta(days=1)
    later = rows.labelled & (rows.day >= rows.day[model.tested].min())
    standing = False
    for day in judged:
        last = (day - _EPOCH).days
        own = later & (final <= last) & (final > last - policy.window_days)
        bad, scores = rows.bad[own], model.scores[own]
        auc = float(roc_auc_score(bad, scores)) if bad.any() and not bad.all() else None
        signals = PerformanceSignals(day, len(bad), int(bad.sum()), auc, model.auc)
        verdict = performance_verdict(signals, policy, _end_of(day))
        if verdict.action == "retrain" and not standing:
            yield Alarm(product.name, "performance", "auc", day, "; ".join(verdict.reasons))
        if verdict.action != "unknown":
            standing = verdict.action == "retrain"


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)
