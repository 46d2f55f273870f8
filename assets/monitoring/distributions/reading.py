"""What the assets of distributions read of the lake, and make of it.

Belongs here: which days are read for a run's days, and the pure code over them. Does not belong here: Dagster
(`assets.py`), counting and judging (the other modules).

`distributions` and `attributions` read the rows of their days alone, and `drift` reads sums alone, of a window and of a
fixed number of days before: a day costs the same however long the history is. Once a bundle, when it becomes champion,
the days of its quiet history and since are made again for it.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.answers import answers_of
from assets.bundle.bundle import Bundle
from assets.bundle.profile import ReferenceProfile
from assets.monitoring.distributions.attribution import (
    ATTRIBUTIONS_SCHEMA,
    Shift,
    Sums,
    feature_sums,
    sampled,
    segment_sums,
    shifts,
    sums_table,
)
from assets.monitoring.distributions.cells import SCORE, Subject
from assets.monitoring.distributions.counting import (
    DISTRIBUTIONS_SCHEMA,
    POPULATIONS,
    READ,
    Rows,
    answered_rows,
    counted,
    counts_of,
    counts_table,
    layout_in,
    total_table,
    totals_of,
)
from assets.monitoring.distributions.explained import explained, label_figures
from assets.monitoring.distributions.figures import Drift, drift_of_days
from assets.monitoring.distributions.judged import LOOKBACK
from assets.monitoring.distributions.labels import label_counts, label_counts_of, label_table
from assets.monitoring.distributions.labels_before import LabelsBefore
from assets.monitoring.distributions.limits import Limits, limits_of
from assets.monitoring.distributions.stored_limits import limits_key, limits_table, stored_limits
from assets.product import Product
from assets.product.names import (
    ATTRIBUTIONS,
    BATCH_OUTCOMES,
    DECISIONS,
    DISTRIBUTIONS,
    DRIFT_LIMITS,
    FEATURES,
    OUTCOMES,
    table_name,
)
from resources.lake import Lake
from resources.lake.origins import Reading
from resources.naming import days_between

if TYPE_CHECKING:  # ONNX Runtime and XGBoost take seconds to load
    from assets.bundle.scorer import Scorer

_RECENT_DAYS = 28
"""Days before the approval with whose contributions those of now are compared."""


class Monitored:
    """A product under its champion: reads days of its tables.

    Args:
        bundle: The champion.
    """

    def __init__(self, product: Product, lake: Lake, bundle: Bundle) -> None:
        self.product, self.lake, self.bundle = product, lake, bundle
        self.layout = layout_in(bundle)
        self._policy = product.monitoring
        self._labels_before = LabelsBefore(product, lake, bundle, self._score)

    # ------------------------------------------------------------------ rows of a day

    def first_day(self, name: str, day: date) -> date:
        """The first day to be made of a table: this one, or the first of the quiet history if the bundle has none yet.

        The days of a bundle are made together when it becomes champion, so the last day before tells of them all.
        """
        before = self._policy.history_days if name == DISTRIBUTIONS else _RECENT_DAYS
        first = self._approved - timedelta(days=before)
        features = [one for one in self.lake.days(self._table(FEATURES)) if first <= one < day]
        if not features:
            return day
        if self.lake.exists(self._table(name)):
            known = self.lake.read(self._table(name), days=[features[-1]], columns=["digest"])["digest"]
            if self.bundle.digest in known.unique().to_pylist():
                return day
        return features[0]

    def readings(self, *names: str) -> dict[str, Reading]:
        """The newest versions of the product's tables of these names that exist, by table."""
        tables = [self._table(name) for name in names if self.lake.exists(self._table(name))]
        return {table: Reading(self.lake.version(table)) for table in tables}

    def rows(self, readings: dict[str, Reading], name: str, day: date) -> pa.Table:
        """The rows of a day of one of the tables that are read."""
        return self.lake.read(self._table(name), days=[day], version=readings[self._table(name)].version)

    def counts(self, readings: dict[str, Reading], days: Sequence[date]) -> pa.Table:
        """The counts of these days as a table: of batch rows, answered decisions and final labels; a day at a time."""
        tables = [DISTRIBUTIONS_SCHEMA.empty_table()]
        for day in days:
            found = [self._scored(readings, day)]
            if self._table(DECISIONS) in readings:
                decisions = self.rows(readings, DECISIONS, day)
                found.append(answered_rows(self.bundle, decisions))
                tables.append(total_table(self.bundle, day, decisions.num_rows))
            tables += [
                counts_table(self.layout, self.bundle, population, [day], counted(self.layout, rows)[None])
                for population, rows in zip(POPULATIONS, found, strict=False)
            ]
            if self._table(self.outcomes) in readings:
                outcomes = self._own_outcomes(self.rows(readings, self.outcomes, day))
                tables.append(label_table(self.bundle, day, label_counts(self._score, outcomes)))
            tables += self._labels_before.tables(day)
        return pa.concat_tables(tables)

    def attributions(self, readings: dict[str, Reading], days: Sequence[date]) -> pa.Table:
        """The contributions of a sample of each day's rows, and the scores of all of its segments."""
        tables = [ATTRIBUTIONS_SCHEMA.empty_table()]
        for day in days:
            rows = self.rows(readings, FEATURES, day)
            if not rows.num_rows:
                continue
            matrix = self._scorer.encode(rows)
            contributions = self._scorer.contributions(matrix[sampled(rows, day)])
            sums = feature_sums(contributions, self.bundle.parts.encoder.sources)
            sums += self._segments(rows, self._scorer.score(matrix))
            tables.append(sums_table(self.bundle.version, self.bundle.digest, day, sums))
        return pa.concat_tables(tables)

    @property
    def outcomes(self) -> str:
        """The asset whose labels are counted: of what the product is judged by."""
        return BATCH_OUTCOMES if self._policy.judged == "batch" else OUTCOMES

    # ------------------------------------------------------------------ sums of days

    def limits(self, version: int) -> Limits:
        """The bundle's limits: those of the table, or made from the days before its approval and kept there.

        Args:
            version: Of the distributions.
        """
        source, table = self._table(DISTRIBUTIONS), self._table(DRIFT_LIMITS)
        first = self._approved - timedelta(days=self._policy.history_days)
        known = [day for day in self.lake.days(source, version) if first <= day <= self._approved]
        key = limits_key(self.bundle.digest, known, self._policy)
        found = stored_limits(self.layout, self.lake.read(table), key) if self.lake.exists(table) else None
        if found is not None:
            return found
        days = days_between(known[0], known[-1]) if known else ()
        rows = self.lake.read(source, days=known, version=version, columns=READ)
        counts = counts_of(self.layout, self.bundle.digest, "batch", days, rows)
        limits = limits_of(self.layout, days, counts, self._policy)
        self.lake.replace(table, limits_table(self.layout, limits, key), days=None)
        return limits

    def drift(self, version: int, limits: Limits, days: Sequence[date]) -> dict[date, Sequence[Drift]]:
        """The figures of these days: of batch rows, of answered decisions where there are any, and of labels."""
        window = self._policy.window_days
        before = days_between(days[0] - timedelta(days=2 * window + LOOKBACK), days[-1])
        rows = self._sums(DISTRIBUTIONS, version, before)
        by_day: dict[date, Sequence[Drift]] = dict.fromkeys(days, ())
        for population in POPULATIONS:
            counts = counts_of(self.layout, self.bundle.digest, population, before, rows)
            if population == "batch" or counts[-len(days) - window :].any():
                totals = totals_of(self.bundle.digest, before, rows) if population == "answered" else None
                found = drift_of_days(self.layout, population, days, counts, limits, self._policy, totals)
                found = explained(self.layout, found, before, counts, limits, self._shifts(days), totals)
                by_day = {day: (*by_day[day], *found[day]) for day in days}
        labelled = label_counts_of(rows, self.bundle.digest, self._score, before)

        def sums(of: Sequence[date]) -> pa.Table:
            return self._sums(DISTRIBUTIONS, version, of)

        then = self._labels_before.then(sums, self._then_days(self.product.model.test_days))
        history = self._labels_before.history(sums)
        labels = label_figures(then, labelled, days, self._policy, limits, history)
        return {day: (*by_day[day], *labels.get(day, ())) for day in days}

    def _shifts(self, days: Sequence[date]) -> dict[date, tuple[tuple[Shift, ...], tuple[Shift, ...]]]:
        """For each day what explains the shift of the scores of the day, and of the window; none without sums."""
        table = self._table(ATTRIBUTIONS)
        if not self.lake.exists(table):
            return {}
        version, then = self.lake.version(table), self._then_days(_RECENT_DAYS)
        window = days_between(days[0] - timedelta(days=self._policy.window_days - 1), days[-1])
        rows = self._sums(ATTRIBUTIONS, version, sorted({*then, *window}))
        own = rows.filter(pc.equal(rows["digest"], self.bundle.digest))
        return {
            day: (
                shifts(own, then, [day]),
                shifts(own, then, days_between(day - timedelta(days=self._policy.window_days - 1), day)),
            )
            for day in days
        }

    def _then_days(self, count: int) -> tuple[date, ...]:
        return days_between(self._approved - timedelta(days=count - 1), self._approved)

    def _sums(self, name: str, version: int, days: Sequence[date]) -> pa.Table:
        known = set(self.lake.days(self._table(name), version)) & set(days)
        columns = READ if name == DISTRIBUTIONS else None
        return self.lake.read(self._table(name), days=sorted(known), version=version, columns=columns)

    # ------------------------------------------------------------------ parts

    @property
    def _approved(self) -> date:
        return self.bundle.parts.created_at.date()

    @property
    def _score(self) -> Subject:
        return self.layout.subjects[self.layout.place(SCORE)]

    @cached_property
    def _scorer(self) -> "Scorer":
        from assets.bundle.scorer import Scorer

        return Scorer(self.bundle)

    @cached_property
    def profile(self) -> ReferenceProfile:
        """The champion's reference profile."""
        return ReferenceProfile.from_dict(self.bundle.parts.reference)

    def _table(self, name: str) -> str:
        return table_name(self.product.name, name)

    def _scored(self, readings: dict[str, Reading], day: date) -> Rows:
        rows = self.rows(readings, FEATURES, day)
        scores: NDArray[np.float64] = self._scorer.score(self._scorer.encode(rows))
        return Rows(rows, scores, answers_of(self.bundle, scores, rows).codes.astype(np.int64))

    def _own_outcomes(self, outcomes: pa.Table) -> pa.Table:
        """Those of the champion: of its batch scores, or of what it accepted by a score of the model."""
        if self._policy.judged == "batch":
            return outcomes.filter(pc.equal(outcomes["model_version"].cast(pa.string()), self.bundle.version))
        own = pc.and_(pc.equal(outcomes["digest"], self.bundle.digest), pc.is_null(outcomes["fallback"]))
        return outcomes.filter(pc.and_(own, pc.equal(outcomes["outcome"], self.bundle.policy.accept)))

    def _segments(self, rows: pa.Table, scores: NDArray[np.float64]) -> list[Sums]:
        if not self.product.protected:
            return []
        from assets.metrics.groups import group_members

        sums: list[Sums] = []
        for protected in self.product.protected:
            names, member = group_members(protected, rows[protected.column].to_numpy(zero_copy_only=False))
            sums += segment_sums(protected.column, names, member, scores)
        return sums
